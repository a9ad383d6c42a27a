"""Room on a disk: how sizes are written, which errors say that there is none, and how that is told."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from laptime.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
ANOTHER_DISK = "make room, or use another disk"


def show_size(num_bytes: float) -> str:
    """Return a size with the digits that matter: 1.8 kB, 4.2 MB, 12.3 GB."""
    if 0 < num_bytes < 1e5:
        return f"{num_bytes / 1e3:.1f} kB"
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"


def is_full(error: OSError) -> bool:
    """Tell whether an error means that a disk, or the user's share of it, is full."""
    return error.errno in FULL


def tell_free(folder: Path) -> str:
    """Say how much is free where a folder lies, or would lie."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return f"{show_size(shutil.disk_usage(there).free)} are free"


def no_room(place: str, folder: Path, needs: str, why: str = "", remedy: str = ANOTHER_DISK) -> UserError:
    """Return the refusal of a folder that lacks the room: `place` is what the user calls it.

    `needs` says what needs how much, `why` what the system said.
    """
    said = f"the disk is full ({why})" if why else "too little room"
    return UserError(f"{place}: {said}: {needs}; {tell_free(folder)}; {remedy}")
