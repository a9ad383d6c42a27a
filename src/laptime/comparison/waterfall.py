"""Where the seconds of a run went: parts that add up to what its user waited for, from its record alone.

The training is split by its steps: the first one as a whole, since it warms up what the others find warm, and
the others by what their parts took together. What no part accounts for is a part of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct

from laptime.comparison.belonging import refuse_other_run
from laptime.comparison.fairness import compare_records
from laptime.errors import UserError
from laptime.runs.contestants import own_options
from laptime.runs.events import Step
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import Plan, PlannedRun, read_plan, run_folder
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.runs.record import RunRecord, has_first_line, read_record

BEFORE, AFTER = ("import", "load", "prepare", "warm_up"), ("checkpoint", "save")
STEP_PARTS = ("data", "forward", "backward", "exchange", "optimizer")
HIDDEN_SHARE = 0.02  # of the training: less is not worth a word
UNCOUNTED = ("encode", "evaluate", "answer", "check")  # what nobody waits for the result for


class Part(Struct, frozen=True, kw_only=True):
    """A part of a run; those of `depth` 1 are parts of the training above them."""

    name: str
    seconds: float
    depth: int = 0


class Waterfall(Struct, frozen=True, kw_only=True):
    """A run's parts, whose seconds at depth 0 add up to `total_seconds`, and what lies outside of these."""

    run: str
    parts: list[Part]
    total_seconds: float
    outside: list[Part]
    num_steps: int
    hidden_exchange: float = 0.0  # seconds within forward and backward in which a spread model was gathered

    def seconds_of(self, name: str) -> float:
        """Return the seconds of a part, 0 for none."""
        return sum(part.seconds for part in self.parts if part.name == name)


def make_waterfall(record: RunRecord) -> Waterfall:
    """Split the seconds of a finished run; raises UserError for another."""
    if record.finished is None or record.train_seconds is None:
        raise UserError(f"{record.folder}: has not come to its end, so there is no whole to be split")
    if record.lacks_steps or not record.steps:
        raise UserError(f"{record.folder}: its record lacks steps, so its training can't be split")
    phases = record.phase_seconds()
    parts = [Part(name=name, seconds=phases.get(name, 0.0)) for name in BEFORE]
    parts += [Part(name="train", seconds=record.train_seconds), *split_training(record)]
    parts += [Part(name=name, seconds=phases.get(name, 0.0)) for name in AFTER]
    total = sum(part.seconds for part in parts if not part.depth)
    outside = [Part(name=name, seconds=phases.get(name, 0.0)) for name in UNCOUNTED]
    rest = record.finished.wall_seconds - total - sum(part.seconds for part in outside)
    return Waterfall(
        run=record.started.run,
        parts=[part for part in parts if part.seconds],
        total_seconds=total,
        outside=[part for part in [*outside, Part(name="rest", seconds=max(0.0, rest))] if part.seconds],
        num_steps=len(record.steps),
        hidden_exchange=find_hidden_exchange(record),
    )


def find_hidden_exchange(record: RunRecord) -> float:
    """Return the seconds of the first process that its steps count as forward and backward; of few, 0."""
    if not record.ranks or record.resumptions:
        return 0.0
    hidden = record.ranks[0].exchange_seconds - add_up(record.steps, "exchange")
    return hidden if hidden > HIDDEN_SHARE * (record.train_seconds or 0.0) else 0.0


def split_training(record: RunRecord) -> list[Part]:
    """Return the parts of the training: they add up to it."""
    first, *others = record.steps
    found = [Part(name="first_step", seconds=first.seconds, depth=1)]
    found += [Part(name=name, seconds=add_up(others, name), depth=1) for name in STEP_PARTS]
    rest = sum(step.seconds for step in record.steps) - sum(part.seconds for part in found)
    between = (record.train_seconds or 0.0) - sum(step.seconds for step in record.steps)
    of_steps = "steps" if any(step.parts for step in record.steps) else "unsplit"
    found.append(Part(name=of_steps, seconds=rest, depth=1))
    return [*found, Part(name="between", seconds=between, depth=1)]


def add_up(steps: Sequence[Step], name: str) -> float:
    """Return the seconds of a part over steps."""
    return sum(step.parts.get(name, 0.0) for step in steps)


def find_records(folder: Path, names: Sequence[str]) -> list[RunRecord]:
    """Return the runs that are asked for: by their names, or of a contestant the one of median time.

    Without names the run in `folder` itself, or one of each contestant of the comparison there. Raises
    UserError.
    """
    if not (folder / PLAN_FILE).exists():
        if names:
            raise UserError(f"{names[0]}: {folder} is a single run; leave the name out")
        return [read_record(folder)]
    plan = read_plan(folder)
    runs, known = [run for run in plan.runs if run.role == "measured"], plan.contestants
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"{twice}: named twice; name two rows or runs")
    for name in names:
        if name not in known and name not in {run.run for run in runs}:
            raise UserError(f"{name}: neither a row nor a run of {folder}; there are {', '.join(known)}")
    finished = {name: list_finished(folder, plan, runs, name) for name in names or known}
    if len(names) == 2 and (rounds := find_common(*finished.values())):
        of_first = [one for one in finished[names[0]] if one.started.round in rounds]
        middle = choose_median(of_first).started.round
        return [one for records in finished.values() for one in records if one.started.round == middle]
    return [choose_median(records) for records in finished.values()]


def list_finished(folder: Path, plan: Plan, runs: Sequence[PlannedRun], name: str) -> list[RunRecord]:
    """Return the records of the finished runs that a name means; raises UserError where there are none."""
    finished = []
    for run in runs:
        place = run_folder(folder, run.run)
        if name in (run.run, run.name) and has_first_line(place / RECORD_FILE):
            record = read_record(place)
            refuse_other_run(plan, run, record)
            if record.finished:
                finished.append(record)
    if finished:
        return finished
    raise UserError(f"{folder}: no run of {name} has come to its end yet")


def find_common(first: Sequence[RunRecord], second: Sequence[RunRecord]) -> set[int]:
    """Return the rounds in which both have come to their end: each round has an order of its own."""
    return {one.started.round for one in first} & {one.started.round for one in second}


def choose_median(finished: Sequence[RunRecord]) -> RunRecord:
    """Return the record whose seconds are nearest to the median."""
    middle = median(record.total_seconds or 0.0 for record in finished)
    return min(finished, key=lambda record: abs((record.total_seconds or 0.0) - middle))


def refuse_unlike(folder: Path, first: RunRecord, second: RunRecord) -> None:
    """Raise UserError, naming what differs, where two runs of a comparison did not do the same work.

    What a contestant was given for itself may differ: it is what is compared.
    """
    if first.started.round != second.started.round:
        runs = f"{first.started.run} and {second.started.run}"
        raise UserError(f"{folder}: {runs} are of two rounds, whose orders differ; name two of one round")
    spec = read_plan(folder).spec
    free = {option for record in (first, second) for option in own_options(spec, record.started.name)}
    if different := next(compare_records(first, second, free), None):
        raise UserError(f"{folder}: {different.text} Their seconds can't be set side by side")


def is_training(folder: Path) -> bool:
    """Tell whether a folder holds a single run."""
    return (folder / RECORD_FILE).is_file() and not (folder / PLAN_FILE).exists()


def refuse_other_work(first: RunRecord, second: RunRecord) -> None:
    """Raise UserError, naming what differs, where two trainings did other work or ran elsewhere.

    How they trained may differ in any option: that is what is explained.
    """
    free = {*first.started.spec.get("training", {}), *second.started.spec.get("training", {})}
    if different := next(compare_records(first, second, free), None):
        raise UserError(f"{second.folder}: {different.text} Their seconds can't be set side by side")
