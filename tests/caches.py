"""A user's cache that is empty but for the parts in C, whose building takes seconds and has its own tests."""

from __future__ import annotations

from pathlib import Path

from laptime.kernels.build import library_file


def make_cache(folder: Path) -> Path:
    """Make a cache for XDG_CACHE_HOME in `folder`, and return that."""
    (folder / "laptime").mkdir(parents=True)
    (folder / "laptime" / "kernels").symlink_to(library_file().parent.resolve())
    return folder
