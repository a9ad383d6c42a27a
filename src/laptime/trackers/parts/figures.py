"""What every tracker shows of the records: steps with their times, figures of runs, tables of the race."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from laptime.comparison.answers import BASE
from laptime.comparison.result import ComparisonResult
from laptime.comparison.rows import held_out_loss, peak_counter, tokens_per_second
from laptime.runs.record import RunRecord

TRAINING_TIME = "Training Time (s)"
ELAPSED = "elapsed_seconds"


class Point(Struct):
    """One step: its number, when it ended (seconds since 1970), and its figures by name."""

    step: int
    time: float
    figures: dict[str, float]


def list_points(record: RunRecord) -> Iterator[Point]:
    """Yield every step; `elapsed_seconds` are those of training up to its end, as the record has them."""
    elapsed = 0.0
    for step in record.steps:
        elapsed += step.seconds
        figures = {
            "loss": step.loss,
            "learning_rate": step.learning_rate,
            "step_seconds": step.seconds,
            "grad_norm": step.grad_norm,
            ELAPSED: elapsed,
            "epoch": step.epoch,
            "tokens_per_second": step.tokens / step.seconds if step.seconds else None,
        }
        known = {name: value for name, value in figures.items() if value is not None}
        yield Point(step.step, step.time, known)


class Clock(Struct):
    """How long a run has been at work at a moment, pauses between its attempts left out.

    All are seconds since 1970; `pauses` are from when to when.
    """

    begun: float
    end: float
    pauses: list[tuple[float, float]] = []

    @classmethod
    def of(cls, record: RunRecord) -> Clock:
        """Return the clock of a run."""
        return cls(record.started.time, find_end(record), list(_list_pauses(record)))

    def runtime(self, moment: float) -> float:
        """Return the seconds from the start of the process to `moment`."""
        paused = sum(end - begin for begin, end in self.pauses if end <= moment)
        return max(0.0, moment - self.begun - paused)

    @property
    def duration(self) -> float:
        """The seconds of the whole run, as far as it has come."""
        return self.runtime(self.end)


def find_end(record: RunRecord) -> float:
    """Return when the run said its last word."""
    if last := record.finished or record.failed:
        return last.time
    told = [*record.steps, *record.phases, *record.resumptions, *record.checkpoints]
    return max([record.started.time, *(event.time for event in told)])


def _list_pauses(record: RunRecord) -> Iterator[tuple[float, float]]:
    """Yield from when to when nothing was done that counts, before each resumption."""
    told = [record.started, *record.steps, *record.checkpoints, *record.resumptions]
    for resumed in record.resumptions:
        yield max(event.time for event in told if event.time < resumed.time), resumed.time


def run_id(result: ComparisonResult, name: str) -> str:
    """Return the id of a run, the same in every call, so that nothing is written or uploaded twice."""
    return hashlib.sha256(f"{result.created} {result.model.get('digest')} {name}".encode()).hexdigest()[:12]


def group_name(result: ComparisonResult) -> str:
    """Return the name that all runs of a comparison share."""
    begun = time.strftime("%Y%m%d-%H%M%S", time.gmtime(result.created))
    return f"{Path(str(result.model.get('name', ''))).name or 'comparison'}-{begun}"[:128]


def clock_of_all(result: ComparisonResult, records: Sequence[RunRecord]) -> Clock:
    """Return the clock of the whole comparison."""
    return Clock(result.created, max((find_end(record) for record in records), default=result.created))


def run_figures(record: RunRecord) -> dict[str, Any]:
    """Return the figures of a whole run; of a failed one its reason."""
    if not record.finished:
        return {
            "status": record.status,
            "failure": record.failed.message if record.failed else "no last line",
        }
    figures = {
        "status": record.status,
        "train_seconds": record.finished.train_seconds,
        "total_seconds": record.finished.total_seconds,
        "run_tokens_per_second": tokens_per_second(record),
        "peak_bytes": record.finished.peak_bytes.get(peak_counter(record)),
        "held_out_loss": held_out_loss(record),
        "saved_bytes": record.saved.num_bytes if record.saved else None,
        "trainable_parameters": record.model.trainable_parameters if record.model else None,
    }
    return {name: value for name, value in figures.items() if value is not None}


def training_times(result: ComparisonResult) -> list[tuple[str, float]]:
    """Return the seconds of training of each method that finished, as the headline compares them."""
    return [(method.name, method.train_seconds) for method in result.methods if method.train_seconds]


def method_table(result: ComparisonResult) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and rows of what each method took and reached; None where it was not measured."""
    columns = ["method", "status", TRAINING_TIME, "whole process (s)", "peak bytes", "held-out loss"]
    rows: list[list[Any]] = [
        [one.name, one.status, one.train_seconds, one.total_seconds, one.peak_bytes, one.held_out_loss]
        for one in result.methods
    ]
    return columns, rows


def answer_table(result: ComparisonResult) -> tuple[list[str], list[list[str]]]:
    """Return the columns and rows of all answers, the base's before the methods'."""
    names = [BASE, *(method.name for method in result.methods)]
    rows = []
    for question in result.questions:
        texts = [question.answers[name].text if name in question.answers else "" for name in names]
        rows.append([question.question, question.source, question.reference or "", *texts])
    return ["question", "source", "reference", *names], rows


def describe_run(record: RunRecord) -> dict[str, Any]:
    """Return what a run was: who, which round, by which options, on which machine."""
    started = record.started
    told: dict[str, Any] = {"contestant": started.name, "method": started.method, "round": started.round}
    return told | {"spec": started.spec, "machine": record.machine.facts if record.machine else {}}
