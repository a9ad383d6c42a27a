"""How far the race in a folder has come: records are read on as they grow, anew only where they changed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

from msgspec import Struct

from laptime.comparison.collection import has_ended, plan_of_one
from laptime.comparison.result import FILE_NAME as RESULT_FILE
from laptime.comparison.result import ComparisonResult
from laptime.errors import UserError
from laptime.runs.events import Answering, AnyEvent
from laptime.runs.lock import MARKER_FILE, is_held, is_marker
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import Plan, PlannedRun, read_plan, run_folder
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.runs.record import RunRecord, file_event, make_record, read_record
from laptime.runs.watchdog import read_on
from laptime.session import gather_result

State = Literal["absent", "preparing", "running", "finishing", "finished", "stopped", "broken"]


def is_ours(folder: Path) -> bool:
    """Tell whether a folder is one of a comparison or a training, whatever it has come to."""
    return (
        (folder / PLAN_FILE).is_file() or (folder / RECORD_FILE).is_file() or is_marker(folder / MARKER_FILE)
    )


def is_at_work(folder: Path) -> bool:
    """Tell whether a process works in a folder."""
    return is_held(folder / MARKER_FILE)


class Now(Struct, kw_only=True):
    """A race as it stands: `run` is the present one, `record` its record; `num_over` of `num_runs` are over.

    `trouble` says why there is no result, where there should be one.
    """

    state: State
    result: ComparisonResult | None = None
    run: PlannedRun | None = None
    num_over: int = 0  # known while the race is at work
    num_runs: int = 0
    record: RunRecord | None = None
    answering: Answering | None = None
    trouble: str = ""


class RunTail:
    """The record of a run, read on from where it was read last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._begin()

    def _begin(self) -> None:
        self._position, self._file = 0, 0
        self.record: RunRecord | None = None
        self.answering: Answering | None = None

    def read(self) -> RunRecord | None:
        """Return the record as far as it has come; None before its first line, and where it can't be read."""
        with suppress(OSError, UserError):
            found = (self.folder / RECORD_FILE).stat()
            if found.st_size < self._position or self._file not in (0, found.st_ino):  # begun anew
                self._begin()
            self._file = found.st_ino
            self._position = read_on(self.folder / RECORD_FILE, self._position, self._hear)
        return self.record

    def _hear(self, event: AnyEvent) -> None:
        if self.record is None:
            self.record = make_record(self.folder, [event])
        elif isinstance(event, Answering):
            self.answering = event
        else:
            file_event(self.record, event)


class RaceReader:
    """Reads one folder again and again; what is unchanged since the last time costs a few looks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stamps: tuple[object, ...] = ()
        self._plan: Plan | None = None
        self._result: ComparisonResult | None = None
        self._trouble = ""
        self._tails: dict[str, RunTail] = {}
        self._over: dict[str, object] = {}  # as their records were found when they were over

    def read(self) -> Now:
        """Return the race as it stands."""
        held = is_at_work(self.folder)
        if (stamps := self._look_at_files(held)) != self._stamps:
            self._stamps = stamps
            self._collect()
        now = Now(state=self._judge(held), result=self._result, trouble=self._trouble)
        if self._plan:
            now.num_runs = len(self._plan.runs)
        if held and self._plan:
            self._find_present(self._plan, now)
        return now

    def _look_at_files(self, held: bool) -> tuple[object, ...]:
        """Return what changes when there is something new to collect: a run that has ended, a larger plan.

        The record of a training alone grows with every step: while it does, its being there is all.
        """
        record = self.folder / RECORD_FILE
        stamp = bool(look(record)) if held else look(record)
        return (held, look(self.folder / PLAN_FILE), look(self.folder / RESULT_FILE), stamp)

    def _collect(self) -> None:
        self._plan, self._result, self._trouble = None, None, ""
        if not is_ours(self.folder):
            return
        try:
            if (self.folder / PLAN_FILE).exists():
                self._plan = read_plan(self.folder)
            elif (self.folder / RECORD_FILE).exists():
                self._plan = plan_of_one(read_record(self.folder))
            self._result = gather_result(self.folder)
        except UserError as error:
            self._trouble = str(error)
        except (OSError, ArithmeticError, ValueError, RecursionError) as error:
            self._trouble = f"{self.folder}: {error}"

    def _judge(self, held: bool) -> State:
        if held:
            if self._result is None:
                return "broken" if self._plan else "preparing"
            return "finishing" if self._result.complete else "running"
        if self._result is None:
            return "broken" if self._trouble else "absent"
        return "finished" if self._result.complete else "stopped"

    def _find_present(self, plan: Plan, now: Now) -> None:
        """Find the run that is at work among those of the plan; one that was over may go on again."""
        for planned in plan.runs:
            home = self._home(planned)
            stamp = look(home / RECORD_FILE)
            if stamp is None or stamp == self._over.get(planned.run):
                continue
            self._over.pop(planned.run, None)
            tail = self._tails.setdefault(planned.run, RunTail(home))
            record = tail.read()
            if record is None:
                continue
            if has_ended(record):
                self._over[planned.run] = stamp
                del self._tails[planned.run]
                continue
            now.run, now.record, now.answering = planned, record, tail.answering
        now.num_over = len(self._over)

    def _home(self, planned: PlannedRun) -> Path:
        return run_folder(self.folder, planned.run) if (self.folder / PLAN_FILE).exists() else self.folder


def look(path: Path) -> tuple[int, int] | None:
    """Return what is different of a file once it was written to; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
