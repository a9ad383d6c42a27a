"""The folder of a comparison or of a training: claimed, locked, never silently overwritten."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from laptime.comparison.plan import FILE_NAME as PLAN_FILE
from laptime.comparison.plan import INTERRUPTED, Plan, read_plan
from laptime.errors import UserError
from laptime.job import CHECKPOINTS_FOLDER
from laptime.spec import WITHOUT_EFFECT, flag
from laptime.whole_file import write_new

LOCK_FILE = ".lock"
INPUTS_FOLDER = "inputs"


def choose_folder(out: str | None, stem: str) -> Path:
    """Return the folder of --out, or the first of stem, stem-2, ... that does not exist."""
    if out:
        return Path(out)
    number = 1
    while (folder := Path(stem if number == 1 else f"{stem}-{number}")).exists():
        number += 1
    return folder


def claim(folder: Path, spec: dict[str, Any]) -> Plan | None:
    """Return the plan that `folder` already follows, or None where it is new.

    Raises UserError when it holds something else, or a plan of another spec (naming the keys).
    """
    if not (folder / PLAN_FILE).exists():
        for name in foreign_files(folder):
            raise UserError(f"--out {folder}: holds something else ({name}); give a new or empty folder")
        return None
    plan = read_plan(folder)
    changed = [flag(name) for name in sorted(differing_keys(plan.spec, spec))]
    if changed:
        raise UserError(
            f"--out {folder}: begun with other options ({', '.join(changed)}); "
            f"give another folder, or the options it was begun with"
        )
    return plan


def foreign_files(folder: Path) -> list[str]:
    """Return what lies in `folder` besides the traces of a start that got no further than its inputs."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise UserError(f"--out {folder}: a file; give a folder")
    names = sorted(path.name for path in folder.iterdir())
    return [name for name in names if not name.startswith(LOCK_FILE) and name != INPUTS_FOLDER]


def differing_keys(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """Return the names of the options in which two specs differ; those without effect may."""
    keys: set[str] = set()
    for key in (old.keys() | new.keys()) - WITHOUT_EFFECT:
        before, after = old.get(key), new.get(key)
        if key == "method_options" and old.get("methods") != new.get("methods"):
            continue  # other methods have other options: the methods say it
        if isinstance(before, dict) and isinstance(after, dict):
            keys |= differing_keys(before, after)
        elif before != after:
            keys.add(key)
    return keys


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others out of `folder`, and other measurements off this machine.

    When the block is left by an error, a start that got no further than its inputs leaves no trace.
    """
    with _lock(private_folder() / "machine.lock", "this machine"):
        is_new = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / LOCK_FILE).touch()
        except OSError as error:
            raise UserError(f"--out {folder}: cannot be written to ({error.strerror})") from None
        try:
            with _lock(folder / LOCK_FILE, f"--out {folder}"):
                yield
        except BaseException:
            forget_start(folder, is_new)
            raise


def private_folder() -> Path:
    """Return this user's own folder among the temporary files: nobody else can plant a link in it."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        folder = Path(tempfile.gettempdir()) / f"laptime-{user}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise UserError(
            f"no temporary file can be written ({error.strerror}); set TMPDIR to a folder"
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or found.st_mode & 0o022:
        raise UserError(f"{folder}: not a folder of yours alone; remove it, or set TMPDIR to another place")
    return folder


def forget_start(folder: Path, is_new: bool) -> None:
    """Take away the traces of a start that got no further than its inputs."""
    if foreign_files(folder):
        return
    shutil.rmtree(folder / INPUTS_FOLDER, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):  # somebody may have deleted it meanwhile
        (folder / LOCK_FILE).unlink(missing_ok=True)
        if is_new:
            folder.rmdir()


def clear(folder: Path) -> None:
    """Take away what a run left in a folder that held nothing before it."""
    for name in foreign_files(folder):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def _lock(path: Path, what: str) -> Iterator[None]:
    """Hold the lock at `path`; raises UserError naming the process that holds it."""
    lock = FileLock(str(path), timeout=0, mode=0o600)
    owner = path.with_suffix(".pid")
    try:
        lock.acquire()
    except Timeout:
        pid = owner.read_text() if owner.exists() else "?"
        raise UserError(f"{what}: locked by pid {pid}; two measurements at once would falsify both") from None
    except (OSError, NotImplementedError) as error:  # some network disks know no locks
        raise UserError(f"{what}: {path} cannot be locked ({error})") from None
    try:
        write_new(owner, str(os.getpid()).encode())
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def set_aside(run_folder: Path) -> None:
    """Keep an unfinished attempt under another name, so that the run can start anew."""
    number = 1
    while (aside := run_folder.with_name(f"{run_folder.name}{INTERRUPTED}{number}")).exists():
        number += 1
    run_folder.rename(aside)


def has_checkpoint(run_folder: Path) -> bool:
    """Tell whether a run left a checkpoint, whole or not."""
    return any((run_folder / CHECKPOINTS_FOLDER).glob("step-*"))


def shell_command(*words: str | Path) -> str:
    """Return a command line that a shell reads as these words."""
    return shlex.join(str(word) for word in words)
