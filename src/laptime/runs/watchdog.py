"""Follows the process of a run: the lines of its record, its signs of life, its end.

Beside a measured run this must cost next to nothing: the end of the process wakes us, its record is looked
at four times a second, its signs of life once.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from laptime.errors import UserError
from laptime.hardware.system_memory import PROC, read_kilobytes, read_lines
from laptime.runs.events import AnyEvent, Step
from laptime.runs.record_lines import decode_events

LOOK_SECONDS = 0.25
LIFE_SECONDS = 1.0
GROUP_SECONDS = 10.0
LEAST_SHARE = 0.01  # of one core over the time without a sign of life: less is no work, but a timer
LEAST_BYTES = 1 << 20  # read or written: the same for those who wait for a disk
MANY_STEPS = 20.0  # a step may take so many times the median without being suspected
OnEvent = Callable[[AnyEvent], None]
STOPPED_SECONDS = 8.0  # that a process which looks after others may be stopped
STOPPED = {"T", "t"}
STATES = {"T": "stopped by a signal", "t": "stopped by a debugger", "D": "waiting for a disk or a device"}


class HungError(Exception):
    """A process that gives no sign of life."""


class End:
    """Waits for the end of a process without taking its exit code, so that its id still names its group."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        try:
            self._file = os.pidfd_open(process.pid)
        except (AttributeError, OSError):  # not Linux, or too old
            self._file = -1

    def wait(self, seconds: float) -> bool:
        """Wait for at most `seconds`; tells whether the process has ended."""
        if self.process.returncode is not None:
            return True
        if self._file >= 0:
            return bool(select.select([self._file], [], [], seconds)[0])
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Let go of the process."""
        if self._file >= 0:
            os.close(self._file)


class Work(NamedTuple):
    """What a process or its group had done `at_seconds` of silence; `ticks` None where nobody knows."""

    at_seconds: float
    ticks: int | None
    num_bytes: int

    def is_more_than(self, before: Work) -> bool:
        """Tell whether there was work in between; where nobody knows, there was."""
        if self.ticks is None or before.ticks is None:
            return True
        least_ticks = LEAST_SHARE * (self.at_seconds - before.at_seconds) * os.sysconf("SC_CLK_TCK")
        used = self.ticks - before.ticks
        return used >= max(1.0, least_ticks) or self.num_bytes - before.num_bytes >= LEAST_BYTES


class Life:
    """The signs of life of a process and its group, for the time since it was begun.

    Where the system tells no processor time (/proc is Linux's), nothing is ever called hung. One that
    `watches` others may not even be stopped while these work: nobody would see them hang.
    """

    def __init__(self, pid: int, hang_minutes: float, watches: bool = False) -> None:
        self.pid = pid
        self.hang_seconds = 60 * hang_minutes
        self.watches = watches
        self.stopped_seconds = 0.0
        self.peak_bytes = 0
        self.step_seconds: list[float] = []
        self.last_step = 0
        self._looked = time.monotonic()
        self._heard = False
        self.begin_anew()

    def begin_anew(self) -> None:
        """Note a sign of life."""
        self._heard = False
        self.silent_seconds = 0.0
        self._own = Work(self.silent_seconds, process_ticks(self.pid), moved_bytes(self.pid))
        self._group: Work | None = None
        self._group_asked = 0.0

    def hear(self, event: AnyEvent) -> None:
        """Note an event: nobody who writes is hung."""
        self._heard = True
        if isinstance(event, Step):
            self.last_step = event.step
            self.step_seconds.append(event.seconds)

    def look(self) -> None:
        """Look for signs of life; raises HungError when there were none for too long."""
        now = time.monotonic()
        if now - self._looked < LIFE_SECONDS:
            return
        # Not more than two looks' worth: while this process itself was stopped, nobody looked.
        passed, self._looked = min(now - self._looked, 2 * LIFE_SECONDS), now
        self.silent_seconds += passed
        if self.watches:
            self._look_at_watcher(passed)
        status = read_lines(PROC / str(self.pid) / "status")
        self.peak_bytes = max(self.peak_bytes, read_kilobytes(status, "VmHWM:"))
        if self._heard or self.shows_work():
            self.begin_anew()
        elif self.hang_seconds and self.silent_seconds > self.longest_silence():
            raise HungError(self.describe())

    def _look_at_watcher(self, passed: float) -> None:
        """Raise HungError where the one that watches others has been stopped for too long."""
        self.stopped_seconds += passed
        if process_state(self.pid) not in STOPPED:
            self.stopped_seconds = 0.0
        elif self.stopped_seconds > STOPPED_SECONDS:
            raise HungError(f"the process that watches its ranks was stopped for {STOPPED_SECONDS:.0f} s")

    def shows_work(self) -> bool:
        """Tell whether the process, or another of its group, has worked since the last sign of life."""
        own = Work(self.silent_seconds, process_ticks(self.pid), moved_bytes(self.pid))
        if own.is_more_than(self._own):
            return True
        # The others are asked less often: that takes a look at every process there is.
        if self.silent_seconds - self._group_asked < min(GROUP_SECONDS, self.hang_seconds / 4):
            return False
        self._group_asked = self.silent_seconds
        group = Work(self.silent_seconds, group_ticks(self.pid), own.num_bytes)
        if self._group is None:
            self._group = group
            return False
        return group.is_more_than(self._group)

    def longest_silence(self) -> float:
        """Return the seconds after which no sign of life is no longer patience."""
        return max(self.hang_seconds, MANY_STEPS * median(self.step_seconds or [0.0]))

    def describe(self) -> str:
        """Say since when there was no sign of life, and what the system says of the process."""
        state = STATES.get(process_state(self.pid), "")
        silence = tell_seconds(self.silent_seconds)
        after = f" after step {self.last_step}" if self.last_step else " before its first step"
        return f"no event and no processor time for {silence}{after}{f' ({state})' if state else ''}"


def tell_seconds(seconds: float) -> str:
    """Return 45 s, or 10 min."""
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def read_stat(pid: int) -> list[str]:
    """Return what /proc/PID/stat holds behind the name: state, parent, group, ...; [] without a process."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def process_state(pid: int) -> str:
    """Return R, S, D, T, Z, ...; "" without such a process."""
    return (read_stat(pid) or [""])[0]


def process_ticks(pid: int) -> int | None:
    """Return the processor time of a process, that of children it has waited for included."""
    stat = read_stat(pid)
    return sum(int(number) for number in stat[11:15]) if stat else None


def group_ticks(pid: int) -> int | None:
    """Return the processor time of the group that `pid` leads and of all that descend from it.

    None where nobody knows. Processes that train together lead groups of their own.
    """
    own = process_ticks(pid)
    if own is None:
        return None
    stats = {int(path.name): read_stat(int(path.name)) for path in PROC.iterdir() if path.name.isdigit()}
    family = {pid}
    while more := {
        one for one, stat in stats.items() if one not in family and {*map(int, stat[1:3])} & family
    }:
        family |= more
    return own + sum(process_ticks(member) or 0 for member in family - {pid})


def moved_bytes(pid: int) -> int:
    """Return the bytes that a process has read and written, 0 where nobody knows."""
    lines = read_lines(PROC / str(pid) / "io")
    return sum(int(line.split()[1]) for line in lines if line.startswith(("rchar:", "wchar:", "read_bytes:")))


def follow(
    process: subprocess.Popen[bytes],
    path: Path,
    on_event: OnEvent,
    hang_minutes: float = 0.0,
    position: int = 0,
    watches: bool = False,
) -> Life:
    """Hand on the events of a growing record from `position` until the process ends; returns what was seen.

    With `watches` the process looks after others. It stays unreaped where the system allows it. Raises
    HungError, and UserError when the record is gone.
    """
    life, end = Life(process.pid, hang_minutes, watches), End(process)

    def hear(event: AnyEvent) -> None:
        life.hear(event)
        on_event(event)

    try:
        while not end.wait(LOOK_SECONDS):
            position = read_on(path, position, hear)
            life.look()
    finally:
        end.close()
    read_on(path, position, hear)
    return life


def read_on(path: Path, position: int, on_event: OnEvent) -> int:
    """Hand on the complete lines after `position`; returns where to go on."""
    try:
        if path.stat().st_size == position:
            return position
        with path.open("rb") as file:
            file.seek(position)
            content = file.read()
    except FileNotFoundError:
        raise UserError(f"{path.parent}: deleted while its run went on; the run was ended") from None
    for event in decode_events(content):
        on_event(event)
    return position + content.rfind(b"\n") + 1
