"""All that one run left behind: events appended to `record.jsonl`, one JSON object a line.

The record is the border of the project: what measures writes it, what reads it imports no torch.
A line is flushed as soon as it is written, so a killed run keeps all that it had measured; a half-written
last line is ignored by the reader. Every line carries a checksum: one that was changed since is named.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.runs.events import (
    VERSION,
    Answer,
    Answering,
    AnyEvent,
    Check,
    Checkpoint,
    Damaged,
    Data,
    Digests,
    Energy,
    Evaluation,
    Event,
    Failed,
    Finished,
    General,
    GeneralAnswer,
    Load,
    Machine,
    Memory,
    Model,
    Moment,
    Phase,
    RankUse,
    Resumed,
    Saved,
    SpeedupRun,
    Started,
    Step,
)
from laptime.runs.record_lines import Line, encode_line, read_lines
from laptime.runs.spec_changes import complete_run
from laptime.util.disk import is_full
from laptime.util.untrusted import check_inside, check_name, read_whole, tell_absent

FILE_NAME = "record.jsonl"
MOST_ROUNDS = 1000  # of a comparison


class RecordWriter:
    """Appends events to a run's record; every line is on its way to the disk when `write` returns.

    What a killed writer left of its last line is cut off. There is one writer at a time: the lock of the
    folder that the run belongs to sees to it. On a full disk lines wait for room, so that a training goes on;
    `sync` raises where there is still none.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self._waiting = b""
        self._file = self.path.open("ab", buffering=0)
        if (whole := count_whole_bytes(self.path)) < self.path.stat().st_size:
            os.truncate(self.path, whole)

    def write(self, event: Event) -> None:
        """Append `event`, stamped with the present time unless it has one."""
        event.time = event.time or time.time()
        self._waiting += encode_line(event)
        try:
            self._write_waiting()
        except OSError as error:
            if not is_full(error):
                raise

    def _write_waiting(self) -> None:
        while self._waiting:  # a write to a disk that is nearly full may be short
            self._waiting = self._waiting[self._file.write(self._waiting) :]

    def sync(self) -> None:
        """Wait until all that was written is on the disk; raises OSError."""
        self._write_waiting()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def count_whole_bytes(path: Path) -> int:
    """Return where the last complete line of a record ends."""
    return path.read_bytes().rfind(b"\n") + 1


class RunRecord(Struct):
    """The events of one run, sorted by kind; `folder` is where they lie."""

    folder: Path
    started: Started
    machine: Machine | None = None
    memory: Memory | None = None
    model: Model | None = None
    data: Data | None = None
    saved: Saved | None = None
    digests: Digests | None = None
    energy: Energy | None = None
    general: General | None = None
    finished: Finished | None = None
    failed: Failed | None = None
    speedups: list[SpeedupRun] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    resumptions: list[Resumed] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    general_answers: list[GeneralAnswer] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    ranks: list[RankUse] = field(default_factory=list)  # of a run of several processes
    damaged: list[Damaged] = field(default_factory=list)  # lines that were left out

    @property
    def status(self) -> Literal["finished", "failed", "unfinished"]:
        """Say how the run ended, if it did; one that was stopped has not: it goes on where it stands."""
        if self.failed and self.failed.reason == "interrupted":
            return "unfinished"
        if self.failed:
            return "failed"
        return "finished" if self.finished else "unfinished"

    @property
    def train_seconds(self) -> float | None:
        """The seconds of training of a finished run, over all its processes."""
        return self.finished.train_seconds if self.finished else None

    @property
    def total_seconds(self) -> float | None:
        """What a finished run took in all; a line that was left out may have told of a part of it."""
        return self.finished.total_seconds if self.finished and not self.damaged else None

    @property
    def lacks_steps(self) -> bool:
        """Say whether the record holds some steps and not those before them: their lines were damaged."""
        return any(step.step != number for number, step in enumerate(self.steps, 1))

    def phase_seconds(self) -> dict[str, float]:
        """Return the seconds of each phase, summed by name."""
        seconds: dict[str, float] = {}
        for phase in self.phases:
            seconds[phase.name] = seconds.get(phase.name, 0.0) + phase.seconds
        return seconds


_LISTS = {
    SpeedupRun: "speedups",
    Load: "loads",
    Phase: "phases",
    Step: "steps",
    Checkpoint: "checkpoints",
    Resumed: "resumptions",
    Evaluation: "evaluations",
    Moment: "moments",
    GeneralAnswer: "general_answers",
    Answer: "answers",
    Check: "checks",
    RankUse: "ranks",
    Damaged: "damaged",
}


def read_record(folder: Path) -> RunRecord:
    """Read the record in `folder`; raises UserError when there is none, or one that is not whole.

    One of another version is refused too; version 1 can be read.
    """
    lines = read_record_lines(folder)
    if damaged := next((line for line in lines if line.damage), None):
        raise UserError(tell_damage(folder, damaged))
    return make_record(folder, [line.event for line in lines if line.event])


def read_rate(folder: Path) -> float | None:
    """Return the learning rate of the run in `folder`, None where nothing whole tells it."""
    with suppress(UserError):
        model = read_record(folder).model
        return model.learning_rate if model else None
    return None


def read_record_lines(folder: Path) -> list[Line]:
    """Return the lines of the record in `folder`; raises UserError where there is none."""
    path = folder / FILE_NAME
    try:
        return list(read_lines(read_whole(path)))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(tell_absent(folder, FILE_NAME, "a run")) from None


def has_first_line(path: Path) -> bool:
    """Say whether a record has come as far as one whole line."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline().endswith(b"\n")


def tell_damage(folder: Path, line: Line) -> str:
    """Return which line of the record in `folder` is damaged, and how."""
    return f"{folder / FILE_NAME}:{line.number}: {line.damage}; put back a whole copy, or do the run anew"


def make_record(folder: Path, events: list[AnyEvent]) -> RunRecord:
    """Sort the events of the record in `folder`; raises UserError for what no run of ours has written."""
    path = folder / FILE_NAME
    if not events or not isinstance(events[0], Started):
        raise UserError(f"{path}: the record has no first line; the run ended before it began")
    if not 1 <= events[0].version <= VERSION:
        raise UserError(f"{path}: record version {events[0].version}; this laptime reads 1 to {VERSION}")
    check_name(events[0].run, path)
    if not 0 <= events[0].round <= MOST_ROUNDS:
        raise UserError(f"{path}: round {events[0].round} of a run that has at most {MOST_ROUNDS}")
    record = RunRecord(folder=folder, started=events[0])
    for event in events[1:]:
        if isinstance(event, Saved):
            check_inside(event.path, path)
        if isinstance(event, Digests):
            for name in (event.path, *event.sha256):
                check_inside(name, path)
        file_event(record, event)
    started = record.started
    record.started = replace(started, spec=complete_run(started.spec, started.method))
    return record


def file_event(record: RunRecord, event: AnyEvent) -> None:
    """Put `event` in its place in `record`."""
    if isinstance(event, Resumed):
        go_back(record, event.step)
    if isinstance(event, Step) and record.steps and event.step <= record.steps[-1].step:
        # Done again, after a line on its resumption that was damaged.
        record.steps = [one for one in record.steps if one.step < event.step]
    if isinstance(event, Answering):  # said for who waits; the answers themselves follow
        return
    if name := _LISTS.get(type(event)):
        getattr(record, name).append(event)
    else:
        setattr(record, type(event).__name__.lower(), event)


def go_back(record: RunRecord, step: int) -> None:
    """Drop what an attempt did beyond `step`, and all that the one which goes on from there does anew."""
    record.steps = [one for one in record.steps if one.step <= step]
    record.checkpoints = [one for one in record.checkpoints if one.step <= step]
    done_again: list[list[Any]] = [
        record.speedups, record.loads, record.phases, record.evaluations, record.answers, record.checks,
        record.ranks, record.moments, record.general_answers,
    ]  # fmt: skip
    for events in done_again:
        events.clear()
    if step == 0:
        record.damaged.clear()
    record.saved = record.digests = record.energy = record.general = None
    record.finished = record.failed = None
