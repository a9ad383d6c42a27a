"""Reads files into the system's page cache in a thread, while the process still imports.

It needs neither torch nor transformers: it begins before they are imported. Reading leaves the
interpreter to others; what is read is thrown away, for only the system's memory of it is wanted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

SAMPLE_BYTES = 1 << 20  # one byte in each tells whether the system has it already
BLOCK_BYTES = 16 << 20  # long reads: after each the thread waits for the interpreter
LARGEST_SHARE = 0.5  # of the machine's memory; beyond that the first files would be gone before the last


class FileReading:
    """The reading of some files; `num_bytes_read` counts what was not in memory before."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.num_bytes_read = 0
        self._files = files
        self.thread = threading.Thread(target=self._read_all, name="read-ahead", daemon=True)
        self.thread.start()

    def had_effect(self) -> bool:
        """Say whether anything had to be read so far."""
        return self.num_bytes_read > 0

    def _read_all(self) -> None:
        buffer = bytearray(BLOCK_BYTES)
        for file in self._files:
            try:
                self._read(file, buffer)
            except OSError:  # who loads the file will say what is wrong with it
                continue

    def _read(self, file: Path, buffer: bytearray) -> None:
        with file.open("rb", buffering=0) as opened:
            end = os.fstat(opened.fileno()).st_size
            position = 0
            while position < end:
                if is_cached(opened.fileno(), position):
                    position += SAMPLE_BYTES
                    continue
                opened.seek(position)
                num_bytes = opened.readinto(memoryview(buffer)[: end - position]) or 0
                self.num_bytes_read += num_bytes
                position += max(num_bytes, SAMPLE_BYTES)


def start_reading(files: Sequence[Path]) -> FileReading | None:
    """Begin to read the files in their order; None when they would not stay in memory."""
    try:
        total = sum(file.stat().st_size for file in files)
    except OSError:
        return None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return FileReading(files) if 0 < total <= LARGEST_SHARE * memory else None


_begun: list[FileReading] = []  # at most one in a process


def begin_reading(folder: Path) -> None:
    """Begin to read the weights of the model in `folder`, once in a process."""
    if not _begun and (reading := start_reading(find_weight_files(folder))):
        _begun.append(reading)


def present_reading() -> FileReading | None:
    """Return the reading that was begun in this process, if any."""
    return _begun[0] if _begun else None


def find_weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model's folder."""
    return sorted(folder.glob("*.safetensors"))


def is_cached(descriptor: int, position: int) -> bool:
    """Say whether the system holds this byte of the file; False where it cannot tell."""
    if not hasattr(os, "RWF_NOWAIT"):
        return False
    try:
        return os.preadv(descriptor, [bytearray(1)], position, os.RWF_NOWAIT) == 1
    except OSError:  # not in memory, or a file system that always waits
        return False
