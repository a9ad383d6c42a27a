"""Who does the work of runs, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from laptime.data.input_manifest import InputJob, InputManifest
from laptime.hardware.processors import Threads
from laptime.runs.events import AnyEvent, Role
from laptime.runs.job import RunJob, Until
from laptime.runs.plan import PlannedRun
from laptime.runs.record import read_record
from laptime.spec import RunSpec

# How far runs go that are no rows.
ENDS: dict[Role, Until] = {"ablation": "training", "tuning": "evaluation", "between": "saving"}


class Prospect(Struct, frozen=True):
    """What may follow the runs that are planned: at most `runs`, and all in at most `seconds` from now.

    With `ablates` come the runs without a speedup too: how many, round 1 will tell.
    """

    runs: list[PlannedRun] = []
    seconds: float | None = None
    ablates: bool = False


class Runner(Protocol):
    """What does the work: processes in earnest, a script of invented seconds in tests."""

    def prepare(self, job: InputJob) -> InputManifest:
        """Encode the examples of all runs once."""

    def run(self, job: RunJob, on_event: Callable[[AnyEvent], None]) -> None:
        """Do one run; its record lies in the job's folder afterwards."""


class Listener(Protocol):
    """Who is told how far a comparison or a training has come."""

    def say(self, text: str) -> None:
        """Say one line."""

    def preparing(self) -> None:
        """Say that nothing speaks against beginning."""

    def prepared(self, manifest: InputManifest) -> None:
        """Say what the data and the model turned out to be."""

    def planned(self, runs: list[PlannedRun], num_done: int, prospect: Prospect) -> None:
        """Say what will run, and what may follow; told again when the plan has grown."""

    def began(self, planned: PlannedRun) -> None:
        """Say that a run begins."""

    def happened(self, event: AnyEvent) -> None:
        """Hand on an event of the present run."""

    def ended(self, planned: PlannedRun) -> None:
        """Say that the present run is over."""


def make_job(spec: RunSpec, planned: PlannedRun, home: Path, inputs: Path, threads: Threads | None) -> RunJob:
    """Return what the process of a planned run is told."""
    return RunJob(
        run=planned.run,
        contestant=planned.contestant,
        spec=spec,
        folder=str(home),
        inputs=str(inputs),
        role=planned.role,
        until=ENDS.get(planned.role, "end"),
        threads=threads,
    )


def find_refusal(home: Path) -> str:
    """Return why a run would not do what the user asked for, or "" where it did not refuse."""
    failed = read_record(home).failed
    return failed.message if failed and failed.reason == "refused" else ""


def tell_threads(used: Threads | None, now: Threads | None) -> list[str]:
    """Return the line on the threads of every run, where they are known; also what would be chosen now."""
    if used and now and used.number != now.number:
        return [f"{used}, as when it began; now it would be {now}"]
    return [str(used)] if used else []
