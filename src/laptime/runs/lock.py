"""Locks that the kernel keeps: on the folder of --out, and on what a comparison measures.

A lock lasts as long as any process that holds it, and the processes of a folder's runs hold it too: they
inherit it with their first breath. Whoever finds it free knows that no process writes there any more, however
the one that took it has ended. (That is why this is no library's lock: none of them hands it on.)
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from laptime import __version__
from laptime.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: nothing is locked
    fcntl = None  # type: ignore[assignment]

# In a folder of ours from its first moment on: it is the lock, and what tells our folder from a user's.
MARKER_FILE = ".laptime"
CONTENT_BYTES = 512  # in one write, which a kill does not cut in two
WAIT_SECONDS = 900.0  # for a run whose command was killed: it saves before it goes
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 0.1  # with a living one: a look whether a lock is free holds it for a moment
SILENT_SECONDS = 1.0  # before the user is told what is waited for

_handed_on: list[int] = []


class Owner(Struct, kw_only=True):
    """Who took a lock, and when (seconds since 1970)."""

    laptime: str
    pid: int
    host: str
    since: float

    @property
    def is_alive(self) -> bool:
        """Tell whether the process is there; one on another machine is taken to be."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # another user's
            return True
        return True

    def __str__(self) -> str:
        where = "" if self.host == socket.gethostname() else f" on {self.host}"
        since, now = time.localtime(self.since), time.localtime()
        is_today = (since.tm_year, since.tm_yday) == (now.tm_year, now.tm_yday)
        shown = time.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S", since)
        return f"pid {self.pid}{where} since {shown}"


def descriptors_to_hand_on() -> tuple[int, ...]:
    """Return the open files by which a child process holds the locks of folders that this one holds."""
    return tuple(_handed_on)


def read_owner(path: Path) -> Owner | None:
    """Return who took the lock at `path` last; None where the file is none of ours."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(CONTENT_BYTES), type=Owner)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def is_marker(path: Path) -> bool:
    """Tell whether a file is a marker that we wrote; an empty one was killed before it could say more."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        return stat.S_ISREG(found.st_mode) and (not found.st_size or read_owner(path) is not None)
    return False


def is_held(path: Path) -> bool:
    """Tell whether a process holds the lock at `path`, without taking it or making the file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, shared=True)
    except OSError:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def file_lock(
    path: Path,
    what: str,
    hands_on: bool = False,
    shared: bool = False,
    waits: bool | None = None,
    owners: str = "",
) -> Iterator[bool]:
    """Hold the lock at `path`; gives whether this call made the file, which stays when the block ends.

    A process that is dead but has left others behind, which hold it still, is waited for. Raises UserError
    naming the living process that holds it, which `waits` for it instead; None where nobody can. Who shares a
    lock leaves no name in it, but in one of the locks beside it that the pattern `owners` finds.
    """
    try:
        descriptor, is_new = _acquire(path, what, shared, waits, owners)
    except OSError as error:  # some network disks know no locks
        raise UserError(f"{what}: {path} cannot be locked ({error.strerror or error})") from None
    try:
        if not shared:
            _write_owner(descriptor)
        if hands_on:
            _handed_on.append(descriptor)
        yield is_new
    finally:
        if descriptor in _handed_on:
            _handed_on.remove(descriptor)
        os.close(descriptor)


def is_free(path: Path, shared: bool = False) -> bool:
    """Tell whether a lock could be had now."""
    try:
        descriptor, _ = _open(path)
    except OSError:
        return True
    try:
        return _try_lock(descriptor, shared)
    finally:
        os.close(descriptor)


def _acquire(path: Path, what: str, shared: bool, waits: bool | None, owners: str) -> tuple[int, bool]:
    """Open and lock the file that is called so when it is locked; tells whether it was made here."""
    begun, told = time.monotonic(), ""
    while True:
        try:
            descriptor, is_new = _open(path)
        except OSError as error:
            raise UserError(f"{what}: cannot be written to ({error.strerror or error})") from None
        if _try_lock(descriptor, shared) and _is_still_called(path, descriptor):
            return descriptor, is_new
        os.close(descriptor)
        line = _tell_wait(path, what, waits, owners, time.monotonic() - begun)
        if line and not told:
            told = line
            print(f"waiting: {line}", file=sys.stderr)
        time.sleep(LOOK_SECONDS)


def _tell_wait(path: Path, what: str, waits: bool | None, owners: str, waited: float) -> str:
    """Return what a lock is waited for, "" where there is nothing to say yet; raises UserError to give up."""
    dead, *others = [read_owner(one) for one in (path, *(path.parent.glob(owners) if owners else ()))]
    alive = next((one for one in (dead, *others) if one and one.is_alive), None)
    if alive and waits:
        return f"{what} is locked by {alive}"
    if alive and waited > PATIENCE_SECONDS:
        hint = "" if waits is None else "; --wait waits for it"
        raise UserError(f"{what}: locked by {alive}; two measurements at once would falsify both{hint}")
    if not alive and waited > WAIT_SECONDS:
        raise UserError(f"{what}: a process of an earlier command still works there; end it first")
    is_told = dead and not alive and waited > SILENT_SECONDS
    return f"a run whose command (pid {dead.pid}) has ended still saves" if dead and is_told else ""


def _open(path: Path) -> tuple[int, bool]:
    """Open a file, never through a link; tells whether it was made here."""
    flags = os.O_RDWR | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        return os.open(path, flags), False


def _try_lock(descriptor: int, shared: bool) -> bool:
    """Lock an open file; False where another process has done so, but for those who share it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still_called(path: Path, descriptor: int) -> bool:
    """Tell whether `path` still names the open file: who held the lock before may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _write_owner(descriptor: int) -> None:
    owner = Owner(laptime=__version__, pid=os.getpid(), host=socket.gethostname(), since=time.time())
    os.pwrite(descriptor, msgspec.json.encode(owner)[: CONTENT_BYTES - 1].ljust(CONTENT_BYTES - 1) + b"\n", 0)
