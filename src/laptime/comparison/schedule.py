"""Which run comes when: every contestant once a round, each as often before another as behind it.

A place in the round can cost time (a processor that heats up, a cache that is still cold). Left to chance,
one of two methods comes first in all of three rounds in a quarter of all seeds: its place passes for speed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from laptime.comparison.answers import BASE
from laptime.comparison.stopping import FEWEST_ROUNDS
from laptime.runs.contestants import list_contestants, make_run_spec
from laptime.runs.plan import PLAIN, Plan, PlannedRun
from laptime.spec import AUTO, CompareSpec, RunSpec

TUNING_SEED = 104_729  # beyond the seed of the first round: no round comes so far
GAP = ""  # a place in a round that nobody takes


def plan_runs(spec: CompareSpec) -> list[PlannedRun]:
    """Lay out the runs: the base first, then the contestants of each round; with --rounds auto the fewest."""
    base = PlannedRun(run=BASE, method=BASE, round=0, role="base")
    entrants = [
        PlannedRun(
            run="",
            method=one.method,
            round=0,
            role="between" if one.is_between else "measured",
            contestant=one.name if one.name != one.method else "",
        )
        for one in list_contestants(spec)
    ]
    number = FEWEST_ROUNDS if spec.rounds == AUTO else spec.rounds
    rounds = [plan_round(entrants, spec.training.seed, round_) for round_ in range(1, number + 1)]
    return [base, *(run for round_ in rounds for run in round_)]


def add_round(plan: Plan) -> Plan:
    """Return `plan` with another round of all that ran in the last one."""
    last = [run for run in plan.runs if run.round == plan.num_rounds]
    added = plan_round(last, plan.spec["training"]["seed"], plan.num_rounds + 1)
    return replace(plan, runs=[*plan.runs, *added])


def plan_round(entrants: Iterable[PlannedRun], seed: int, number: int) -> list[PlannedRun]:
    """Return round `number` of `entrants`, which may be planned for other rounds, in its order.

    The order of a round depends on who takes part, seed and number alone, not on when it is planned.
    """
    runs = {
        (run := replace(entrant, round=number, run=_name_run(entrant, number))).run: run
        for entrant in entrants
    }
    in_order = sorted(runs, key=lambda name: (runs[name].role != "measured", runs[name].name, name))
    if any(run.without for run in runs.values()):
        # More runs than there will be rounds: with an even number every second round is the one before it
        # backwards. In round 1 the methods ran before it was known what could be switched off.
        in_order += [GAP] * (len(in_order) % 2)
        number -= 1
    return [runs[name] for name in balance(in_order, seed, number) if name != GAP]


def _name_run(entrant: PlannedRun, number: int) -> str:
    """Return the name of a run: lora-r2, lora-r2-plain, lora-r2-without-answer_head."""
    off = "" if not entrant.without else PLAIN if entrant.without == PLAIN else f"without-{entrant.without}"
    return "-".join([entrant.name, f"r{number}", *([off] if off else [])])


def balance(names: Sequence[str], seed: int, number: int) -> list[str]:
    """Return `names` in the order of round `number`, from 1.

    Two take turns at going first. More follow a Williams design, in which each comes as often in each place,
    and as often right behind each other one: over as many rounds as there are names, or twice as many where
    their number is odd. The seed says who is who in it.
    """
    drawn = list(names)
    random.Random(f"{seed}").shuffle(drawn)
    design = williams_design(len(drawn))
    return [drawn[place] for place in design[(number - 1) % len(design)]]


def williams_design(size: int) -> list[list[int]]:
    """Return the rows of a Williams design of `size` (Williams 1949).

    Where the size is even, each second row is the one before it backwards: ABBA. Where it is odd, a square
    comes first, then the same one backwards.
    """
    zigzag = [(place + 1) // 2 if place % 2 else (size - place // 2) % size for place in range(size)]
    square = [[(place + shift) % size for place in zigzag] for shift in range(size)]
    if size % 2:
        return [*square, *(row[::-1] for row in square)]
    half = size // 2
    if not size:
        return [[]]
    return [square[shift + turn] for shift in range(half) for turn in (0, half)]


def run_spec(spec: CompareSpec, planned: PlannedRun) -> RunSpec:
    """Return the part of the comparison's spec that one run needs."""
    whole = make_run_spec(spec, planned.name, planned.method, planned.round)
    if planned.role == "tuning":  # the race has other orders of the examples
        options = {name: value for name, value in whole.method_options.items() if name != "reuse_cache"}
        training = replace(whole.training, seed=(whole.training.seed + TUNING_SEED) % 2**31)
        return replace(whole, training=training, method_options=options)
    return switch_off(whole, planned.without) if planned.without else whole


def list_measured(spec: CompareSpec, runs: Iterable[PlannedRun]) -> list[RunSpec]:
    """Return the specs of those of `runs` that leave a result."""
    return [run_spec(spec, planned) for planned in runs if planned.role in ("measured", "between")]


def switch_off(spec: RunSpec, without: str) -> RunSpec:
    """Return the spec of a run with a speedup, or with PLAIN all of them, switched off.

    It keeps no cache for later: those of other speedups could not use it.
    """
    training = spec.training
    if without == PLAIN:
        training = replace(training, plain=True, without=(), speedups=())
    else:
        kept = tuple(name for name in training.speedups if name != without)
        training = replace(training, without=(*training.without, without), speedups=kept)
    options = {name: value for name, value in spec.method_options.items() if name != "reuse_cache"}
    return replace(spec, training=training, method_options=options)
