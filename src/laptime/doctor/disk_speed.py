"""How fast the disk of a folder takes and gives bytes."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from laptime.hardware.system_memory import PROC, read_lines

CHUNK_BYTES = 1 << 23
MOST_BYTES = 1 << 27
MOST_SECONDS = 2.0  # of writing
SPARE_BYTES = 1 << 30  # where less is free nothing is written
IN_MEMORY = {"tmpfs", "ramfs"}


def measure_disk(folder: Path) -> tuple[float | None, float | None]:
    """Return the bytes a second that are written until they are on the disk, and read; None: no room.

    Random bytes, so that nothing compresses them. Raises OSError where nothing can be written.
    """
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        if free_beside(file.fileno()) < SPARE_BYTES:
            return None, None
        chunk = os.urandom(CHUNK_BYTES)
        begun, written = time.perf_counter(), 0
        while written < MOST_BYTES and time.perf_counter() - begun < MOST_SECONDS:
            written += file.write(chunk)
            os.fsync(file.fileno())
        write_seconds = time.perf_counter() - begun
        if not hasattr(os, "posix_fadvise"):  # what is read would come from memory
            return written / write_seconds, None
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        begun = time.perf_counter()
        while file.read(CHUNK_BYTES):
            pass
        return written / write_seconds, written / (time.perf_counter() - begun)


def free_beside(descriptor: int) -> int:
    """Return the bytes that are free where an open file lies."""
    found = os.fstatvfs(descriptor)
    return found.f_bavail * found.f_frsize


def is_in_memory(folder: Path) -> bool:
    """Tell whether a folder lies in memory, on a file system without a disk (Linux)."""
    place, kind = "", ""
    absolute = str(folder.resolve())
    for line in read_lines(PROC / "self" / "mounts"):
        words = line.split()
        if len(words) < 3:
            continue
        mount = words[1].encode().decode("unicode_escape")
        inside = absolute == mount or absolute.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(place):
            place, kind = mount, words[2]
    return kind in IN_MEMORY
