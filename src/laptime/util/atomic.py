"""Files and folders that a reader never sees half of, whatever ends the process that writes them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

# Endings of hidden folders beside the one that they are about (`.name.aside`): one that is being written, one
# that gives way to it, one that is being removed.
ASIDE, OLD, GONE = ".aside", ".old", ".gone"
KEPT = ".kept-"  # what somebody else has put in the place of ours
UNFINISHED = ".tmp"  # behind the name of a file that is being written


def write_whole(path: Path, content: bytes) -> Path:
    """Write `content` aside and then in one move; it is on the disk when `path` is returned."""
    return write_pieces(path, [content])


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview]) -> Path:
    """Write `pieces` one behind another as `write_whole` does, which need not all be in memory.

    Where they cannot be written, nothing is left of them. Raises OSError.
    """
    aside = find_unused(path.with_name(path.name + UNFINISHED))
    try:
        with aside.open("xb") as file:  # a planted link is not followed
            for piece in pieces:
                file.write(piece)
        sync(aside)
        aside.replace(path)
        sync(path.parent)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # the name that a user knows
        raise
    return path


def write_json(path: Path, value: Any) -> Path:
    """Write `value` as indented JSON, aside and then in one move; returns `path`."""
    return write_whole(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def as_read(value: Any) -> Any:
    """Return a value as it would be read from a JSON file: structs as tables, tuples as lists."""
    return msgspec.json.decode(msgspec.json.encode(value))


def find_unused(path: Path) -> Path:
    """Return the first of path, path-2, path-3, ... that does not exist, not even as a link to nothing."""
    number, unused = 1, path
    while os.path.lexists(unused):
        number += 1
        unused = path.with_name(f"{path.name}-{number}")
    return unused


def find_numbered(path: Path) -> Path:
    """Return the first of path1, path2, ... that does not exist, not even as a link to nothing."""
    number = 1
    while os.path.lexists(numbered := path.with_name(f"{path.name}{number}")):
        number += 1
    return numbered


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


def set_aside(path: Path, ending: str = KEPT) -> Path:
    """Keep what lies at `path` under another name, numbered behind `ending`, which is returned."""
    return path.rename(find_numbered(path.with_name(path.name + ending)))


def open_log(path: Path, appends: bool = False) -> BinaryIO:
    """Open a log to write to; raises OSError where a link is planted in its place."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if appends else os.O_TRUNC)
    return os.fdopen(os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666), "ab" if appends else "wb")


def discard_folder(path: Path) -> None:
    """Remove a folder; what a kill leaves of it is no longer called by its name."""
    gone = hidden(path, GONE)
    remove_folder(gone)
    os.rename(path, gone)  # noqa: PTH104
    remove_folder(gone)


def remove_leftovers(parent: Path, name: str) -> None:
    """Remove what a killed process left of folders called `name` (a pattern) that it wrote or removed."""
    for ending in (ASIDE, GONE):
        for path in parent.glob(f".{name}{ending}"):
            remove_folder(path)
    for path in parent.glob(f".{name}{OLD}"):
        settle(path, parent / path.name.removesuffix(OLD).removeprefix("."))


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove the files of these names (patterns), written to their end or not, and the folder if it is empty.

    What anybody else has put there stays.
    """
    for name in names:
        for path in (*folder.glob(name), *folder.glob(f"{name}{UNFINISHED}*")):
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


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
