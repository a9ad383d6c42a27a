"""Files and folders that a reader never sees half of, whatever ends the process that writes them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Endings of hidden folders beside the one that they are about (`.name.aside`): one that is being written, one
# that gives way to it, one that is being removed.
ASIDE, OLD, GONE = ".aside", ".old", ".gone"


def write_whole(path: Path, content: bytes) -> Path:
    """Write `content` aside and then in one move; it is on the disk when `path` is returned."""
    return write_pieces(path, [content])


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview]) -> Path:
    """Write `pieces` one behind another as `write_whole` does, which need not all be in memory."""
    aside = path.with_name(path.name + ".tmp")
    try:
        _write_new(aside, pieces)
        sync(aside)
        aside.replace(path)
        sync(path.parent)
    except OSError as error:
        error.filename = str(path)  # the name that a user knows
        raise
    return path


def write_new(path: Path, content: bytes) -> None:
    """Write a file that takes the place of whatever is called so: a planted link is not followed."""
    _write_new(path, [content])


def _write_new(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `path` in one move once all of it is on the disk.

    A folder that was there before gives way only then. Left by an exception, the block leaves no trace.
    """
    aside, old = hidden(path, ASIDE), hidden(path, OLD)
    remove_folder(aside)
    settle(old, path)
    try:
        os.mkdir(aside)  # noqa: PTH102 - every operation of a save goes through `os`, where tests break it
        yield aside
        sync_tree(aside)
        if path.exists():
            os.rename(path, old)  # noqa: PTH104
        os.rename(aside, path)  # noqa: PTH104
        sync(path.parent)
    except BaseException:
        remove_folder(aside)
        settle(old, path)
        raise
    remove_folder(old)


def settle(old: Path, path: Path) -> None:
    """Put back a folder that gave way to one that never came; remove it where that one is there."""
    if path.exists():
        remove_folder(old)
    elif old.exists():
        os.rename(old, path)  # noqa: PTH104


def hidden(path: Path, ending: str) -> Path:
    """Return the hidden neighbour of a folder."""
    return path.with_name(f".{path.name}{ending}")


def discard_folder(path: Path) -> None:
    """Remove a folder; what a kill leaves of it is no longer called by its name."""
    gone = hidden(path, GONE)
    remove_folder(gone)
    os.rename(path, gone)  # noqa: PTH104
    remove_folder(gone)


def remove_leftovers(parent: Path) -> None:
    """Remove what a killed process left of folders that it was writing or removing in `parent`."""
    for path in parent.glob(".*"):
        if path.name.endswith((ASIDE, GONE)):
            remove_folder(path)
        elif path.name.endswith(OLD):
            settle(path, parent / path.name.removesuffix(OLD).removeprefix("."))


def remove_folder(path: Path) -> None:
    """Remove a folder as far as that is possible; one that is not there is as good as removed."""
    shutil.rmtree(path, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Wait until every file and folder in `folder`, and `folder` itself, is on the disk."""
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)


def sync_way_to(folder: Path) -> None:
    """Wait until a new folder has its entry, and the four above it theirs, as far as we may look there."""
    for parent in list(folder.absolute().parents)[:5]:
        with suppress(OSError):
            sync(parent)


def sync(path: Path) -> None:
    """Wait until a file or the entries of a folder are on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDWR if path.is_file() and os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
