"""Reads what somebody else may have written: a comparison's folder, the folder of a model.

What such a file names must lie beside it, and reading it ends: no pipes, no devices, no file without end.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec

from laptime.errors import UserError

MOST_BYTES = 1 << 30  # of a file that is read whole; a record of a million steps takes half of it
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
# Folders that trackers read; a checkpoint proves itself.
OF_OTHERS = {"wandb", "tensorboard", "mlflow", "trackio", "checkpoints"}
_NAME = re.compile(r"[^\W_][\w.+-]{0,199}")
T = TypeVar("T")


def read_whole(path: Path) -> bytes:
    """Return the content of a regular file; raises FileNotFoundError, or UserError where it is none."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path}: not a file")
    if found.st_size > MOST_BYTES:
        raise UserError(f"{path}: too large ({found.st_size / 1e9:.1f} GB) for what it should hold")
    with path.open("rb") as file:
        return file.read(found.st_size)  # no further: some files of the system have no end


def tell_absent(folder: Path, name: str, what: str) -> str:
    """Say why there is no file `name` in `folder`, which should be the folder of `what`."""
    if folder.is_dir():
        return f"{folder}: no {name} here; give the folder of {what}"
    is_file = folder.is_file()
    return f"{folder}: {'a file; give the folder that it lies in' if is_file else 'no such folder'}"


def tell_special(path: Path) -> str:
    """Return what a path is ("a pipe") where it is no file of a disk, else ""; raises OSError."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        return KINDS.get(stat.S_IFMT(mode), "a device")
    return "a file of the system" if path.resolve().parts[1:2] in (("proc",), ("sys",)) else ""


def refuse_specials(folder: Path) -> None:
    """Raise UserError for what in a comparison's folder would hold up its reader or its writer for ever."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in OF_OTHERS]
        for path in (Path(place, name) for name in files):
            with suppress(OSError):  # what is gone holds up nobody
                if what := tell_special(path):
                    raise UserError(f"{path}: {what}; take it away")


def parse(path: Path, what: str, decode: Callable[[], T]) -> T:
    """Return what `decode` makes of the content of `path`; raises UserError where that is not `what`."""
    try:
        return decode()
    except RecursionError:
        raise UserError(f"{path}: not {what} of this version of laptime (nested too deeply)") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        if not isinstance(error, msgspec.ValidationError):
            raise UserError(f"{path}: no whole JSON ({error}); it was damaged, or is not {what}") from None
        raise UserError(f"{path}: not {what} of this version of laptime ({error})") from None


@contextmanager
def told_in_one_line(folder: Path, option: str = "") -> Iterator[None]:
    """Turn what impossible figures in somebody else's records lead to into UserError; `option` named it."""
    try:
        yield
    except (ArithmeticError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{option}{folder}: its records hold what cannot be shown ({why})") from error


def check_name(name: str, path: Path) -> None:
    """Raise UserError for a name in `path` that is not that of one file or folder beside it."""
    if not _NAME.fullmatch(name):
        raise UserError(f"{path}: {shorten(name)} is no name of a run")


def check_inside(name: str, path: Path) -> None:
    """Raise UserError for a relative path named in `path` that leads out of its folder."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or re.search(r"[\\\x00-\x1f:]", name):
        raise UserError(f"{path}: {shorten(name)} leaves the folder")


def shorten(name: str) -> str:
    """Return a name so that a message can show it: quoted, short, on one line."""
    return ascii(name if len(name) <= 60 else name[:57] + "...")
