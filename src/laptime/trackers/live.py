"""Trackers that follow a race while it runs, each in a process of its own that reads the growing records.

The training knows nothing of them: they open its records to read, get the processor only where nobody else
wants it, and are ended with the race. Whatever they failed to show is published when it is over, in the place
of what they showed. They still take memory, caches and, where no core is idle, a little time: so nobody
follows a race unasked.

    python -m laptime.trackers.live NAME FOLDER PARENT
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from laptime.comparison.result import ComparisonResult
from laptime.errors import UserError
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import read_plan, run_folder
from laptime.runs.process import kill_group
from laptime.runs.record import FILE_NAME, RunRecord, has_first_line, read_record
from laptime.startup.start import end_with_parent
from laptime.trackers.publication import load_result
from laptime.trackers.tracker import Follower, find_tracker

MODULE = "laptime.trackers.live"
LOOK_SECONDS = 5.0
MOST_FAILURES = 5  # of looks in a row: a tracker that always fails is left alone


@contextlib.contextmanager
def following(folder: Path, names: tuple[str, ...]) -> Iterator[None]:
    """Have trackers follow the race or the run in `folder` until the block ends; never raises itself."""
    followers = []
    for name in names:
        with contextlib.suppress(OSError):  # the race goes on without
            followers.append(_start(folder, name))
    try:
        yield
    finally:
        for process in followers:
            kill_group(process)


def _start(folder: Path, name: str) -> subprocess.Popen[bytes]:
    """Start who follows; it says nothing, in a session of its own."""
    command = [sys.executable, "-P", "-m", MODULE, name, str(folder), str(os.getpid())]
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env=os.environ | alone,
    )  # fmt: skip


def give_way() -> None:
    """Leave the processor to whoever else wants it."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(19)
    with contextlib.suppress(OSError, AttributeError):  # of Linux: only where a core is idle
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class Records:
    """The records of a race or of one run, read again where they have grown."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[Path, tuple[int, RunRecord]] = {}

    def read_grown(self) -> list[RunRecord]:
        """Return the records of runs with steps that have grown since the last call."""
        grown = []
        for place in self._places():
            with contextlib.suppress(OSError, UserError):
                size = (place / FILE_NAME).stat().st_size
                if self._known.get(place, (0, None))[0] == size or not has_first_line(place / FILE_NAME):
                    continue
                record = read_record(place)
                self._known[place] = (size, record)
                if record.started.role == "measured" and record.model and record.steps:
                    grown.append(record)
        return grown

    def _places(self) -> list[Path]:
        """Return the folders of the runs that count, as far as they are planned."""
        if not (self.folder / PLAN_FILE).exists():
            return [self.folder]
        plan = read_plan(self.folder)
        return [run_folder(self.folder, one.run) for one in plan.runs if one.role == "measured"]


def follow(folder: Path, follower: Follower, parent: int) -> None:
    """Show what grows in `folder` for as long as `parent` lives."""
    records, failures = Records(folder), 0
    result: ComparisonResult | None = None
    while os.getppid() == parent and failures < MOST_FAILURES:
        try:
            if grown := records.read_grown():
                result = result or load_result(folder)  # whose comparison it is; its figures are not shown
                follower.follow(folder.resolve(), result, grown)
            failures = 0
        except Exception:  # whatever a library raises: the race is published when it is over
            failures += 1
            records = Records(folder)
        time.sleep(LOOK_SECONDS)


def main(arguments: list[str]) -> None:
    """Follow in this process until the one that started it ends."""
    parent = int(arguments[2])
    end_with_parent(parent, signal.SIGKILL)
    give_way()
    follower = find_tracker(arguments[0])
    if isinstance(follower, Follower):
        follow(Path(arguments[1]), follower, parent)


if __name__ == "__main__":
    main(sys.argv[1:])
