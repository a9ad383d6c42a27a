"""What a comparison set out to do: `plan.json`, written before the first run starts, and when it grows.

The plan is how a reader tells a run that is still to come from one that was never meant to be, and how
`compare` with the same folder goes on where it was. docs/record.md documents it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from laptime.errors import UserError, readable
from laptime.hardware.processors import Threads
from laptime.runs.contestants import name_contestants, run_options
from laptime.runs.events import Role
from laptime.runs.record import MOST_ROUNDS
from laptime.runs.spec_changes import complete_comparison
from laptime.spec import OURS, CompareSpec
from laptime.util.sealed_file import read_sealed, write_sealed
from laptime.util.untrusted import check_name, tell_absent, told_in_one_line

VERSION = 5  # with other trainers
FILE_NAME = "plan.json"
RUNS_FOLDER = "runs"
PLAIN = "plain"  # in the place of a speedup's name: all of them
INTERRUPTED = ".interrupted-"  # runs/<run>.interrupted-1 holds an earlier attempt at <run>

RoundsEnd = Literal["", "narrow", "most", "minutes", "disk", "no_ratio"]


class Lap(Struct, frozen=True, kw_only=True):
    """A finished round of a contestant; `work` is a digest over its steps, "" where they prove nothing."""

    round: int
    train_seconds: float | None
    total_seconds: float | None
    work: str = ""


class Racer(Struct, frozen=True, kw_only=True):
    """A contestant: its finished rounds, and by name the versions and facts that its time depends on."""

    name: str
    laps: list[Lap] = []
    facts: dict[str, Any] = {}


class Before(Struct, frozen=True, kw_only=True):
    """What is kept of an older comparison.

    `folder` is as the user named it; `confidence` that of its intervals; `data` and `model_digest` tell the
    inputs, as in its plan; `threads` are those of its runs, where they are known.
    """

    id: str
    folder: str
    created: float  # seconds since 1970
    laptime: str
    confidence: float
    data: dict[str, Any]
    model_digest: str
    threads: Threads | None
    racers: list[Racer]

    def is_same(self, other: Before) -> bool:
        """Tell whether both are of one comparison, which may have got more rounds meanwhile."""
        return (self.id, self.created) == (other.id, other.created)


class Foretold(Struct, frozen=True, kw_only=True):
    """What a row's run was to take, by this machine's past runs."""

    train_seconds: float
    train_range: tuple[float, float]
    total_seconds: float
    memory_bytes: int
    num_runs: int  # past ones


class PlannedRun(Struct, kw_only=True, frozen=True):
    """One run of the plan; `run` names its folder. The base has round 0."""

    run: str
    method: str
    round: int
    role: Role = "measured"
    without: str = ""  # an ablation: the speedup that is switched off, or PLAIN
    rate: float | None = None  # the learning rate that is tried
    contestant: str = ""  # its name where that is not the method's: lora-2, wide

    @property
    def name(self) -> str:
        """Who runs: the name of its row."""
        return self.contestant or self.method


class Plan(Struct, kw_only=True):
    """All runs of a comparison in the order in which they are to run, and what they share.

    `spec` is the resolved CompareSpec; `data` holds the facts of the encoded examples (name, digest,
    template, template_reason, counts, encode_seconds); `summaries` one sentence for each method.
    With `awaits_ablation` the runs of the ablation are still to be added: which speedups run at all is
    known after the first round. With `awaits_tuning` the learning rates are not chosen yet. With
    `awaits_rounds` a round may be added when all runs are over; `rounds_end` says why there will be none.
    Every run's record repeats `id`, which no other comparison has. `threads` are those of every run, chosen
    when the comparison began; `against` is what is kept of an older comparison that this one is set beside.
    """

    version: int = VERSION
    id: str = ""
    laptime: str
    created: float  # seconds since 1970
    spec: dict[str, Any]
    runs: list[PlannedRun]
    data: dict[str, Any] = {}
    model_digest: str = ""
    summaries: dict[str, str] = {}
    repeat_command: str = ""
    awaits_ablation: bool = False
    awaits_tuning: bool = False
    rates: dict[str, float] = {}  # by row, those that were chosen
    threads: Threads | None = None
    awaits_rounds: bool = False
    rounds_end: RoundsEnd = ""
    against: Before | None = None
    foretold: dict[str, Foretold] = {}  # by row, of those that have a past on this machine

    @property
    def awaits_more(self) -> bool:
        """Whether runs may still be added."""
        return self.awaits_tuning or self.awaits_ablation or self.awaits_rounds

    @property
    def contestants(self) -> list[str]:
        """The names of those that race, in the order that the user gave where the spec holds it."""
        planned = dict.fromkeys(run.name for run in self.runs if run.role == "measured")
        named = [one.get("name", "") for one in self.spec.get("contestants", [])]
        asked = [*name_contestants(self.spec.get("methods", [])), *named]
        return list(dict.fromkeys([*(name for name in asked if name in planned), *planned]))

    @property
    def racing(self) -> list[str]:
        """The names of those that race, and of those between them."""
        between = dict.fromkeys(run.name for run in self.runs if run.role == "between")
        return [*self.contestants, *between]

    @property
    def num_rounds(self) -> int:
        """How often each method is to run."""
        return max((run.round for run in self.runs if run.role == "measured"), default=0)


def name_work(spec: dict[str, Any], name: str, method: str) -> tuple[Any, ...]:
    """Return what the learning rate of a row's runs follows from, within a comparison of this spec."""
    options = run_options(spec, name, method)
    own_rates = options.get("trainer", OURS) if options.get("as_it_comes") else ""
    return method, options["training"], options["method_options"], own_rates


def run_folder(folder: Path, run: str) -> Path:
    """Return the folder of `run` in the comparison's `folder`."""
    return folder / RUNS_FOLDER / run


def write_plan(folder: Path, plan: Plan) -> Path:
    """Write `plan.json` and return its path."""
    return write_sealed(folder / FILE_NAME, plan)


def read_spec(plan: Plan) -> CompareSpec:
    """Return the job of a plan; raises UserError where an earlier version had options that are no more."""
    try:
        asked = {name: value for name, value in plan.spec.items() if name != "methods" or value}
        spec = msgspec.convert(asked, CompareSpec)
    except msgspec.ValidationError as error:
        raise UserError(
            f"done by laptime {readable(plan.laptime)} with options that this one does not have "
            f"({readable(error, 80)})"
        ) from None
    return spec if "methods" in asked else replace(spec, methods=())  # contestants alone raced


def read_plan(folder: Path) -> Plan:
    """Read `plan.json` from `folder`; raises UserError when it is absent, damaged or of another version."""
    path = folder / FILE_NAME
    try:
        plan = read_sealed(path, Plan, "a plan", "put back a whole copy, or begin anew with another --out")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(tell_absent(folder, FILE_NAME, "a comparison")) from None
    if not 1 <= plan.version <= VERSION:
        raise UserError(f"{path}: plan version {plan.version}; this laptime reads 1 to {VERSION}")
    with told_in_one_line(path):
        plan.spec = complete_comparison(plan.spec)
    for planned in plan.runs:
        check_name(planned.run, path)
        if not 0 <= planned.round <= MOST_ROUNDS:
            raise UserError(f"{path}: round {planned.round} of a comparison that has at most {MOST_ROUNDS}")
    return plan
