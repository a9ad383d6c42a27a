"""What each speedup contributes: the runs in which one is switched off, and what they show.

An ablation run is a run like any other, with the same work in a process of its own, but it ends with its
training: it saves nothing, asks nothing and stands in no other figure of the comparison.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from laptime.comparison.fairness import did_the_same_work
from laptime.comparison.plan import PLAIN, Plan, PlannedRun
from laptime.comparison.result import Ablation, Variant
from laptime.comparison.rows import MethodRuns, steady_step_seconds
from laptime.comparison.statistics import Ratio, compare_paired, median_of
from laptime.record import RunRecord
from laptime.spec import RunSpec


def add_ablation(plan: Plan, records: Mapping[str, RunRecord]) -> Plan:
    """Return `plan` with the ablation's runs: those of round 1 after its own, later ones among theirs.

    `records` holds the ended runs by name. A speedup that did not run, or that no step feels, needs no run.
    """
    switched = {method: _speedups_to_switch_off(method, plan, records) for method in plan.methods}
    rounds: dict[int, list[PlannedRun]] = {}
    for run in plan.runs:
        rounds.setdefault(run.round, []).append(run)
    for number in range(1, plan.num_rounds + 1):
        added = [_variant(method, number, name) for method, names in switched.items() for name in names]
        if number > 1:  # in round 1 the others have run already
            added = [*rounds[number], *added]
            rounds[number] = []
        random.Random(f"{plan.spec['training']['seed']}-ablation-{number}").shuffle(added)
        rounds[number] += added
    runs = [run for number in sorted(rounds) for run in rounds[number]]
    return replace(plan, runs=runs, awaits_ablation=False)


def _variant(method: str, number: int, without: str) -> PlannedRun:
    """Return the run of a method with a speedup switched off."""
    name = f"{method}-r{number}-{PLAIN if without == PLAIN else f'without-{without}'}"
    return PlannedRun(run=name, method=method, round=number, role="ablation", without=without)


def _speedups_to_switch_off(method: str, plan: Plan, records: Mapping[str, RunRecord]) -> list[str]:
    """Return the speedups that ran in a method's first finished run, and PLAIN where any did."""
    runs = [run for run in plan.runs if run.method == method and run.run in records]
    finished = [records[run.run] for run in runs if records[run.run].status == "finished"]
    ran = [one.name for one in finished[0].speedups if one.ran and one.part == "step"] if finished else []
    return [*ran, PLAIN] if ran else []


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


def summarise_ablation(normal: MethodRuns, plan: Plan, records: Mapping[str, RunRecord]) -> Ablation | None:
    """Return what switching off each speedup does to one method; None where that is not asked."""
    planned = [run for run in plan.runs if run.role == "ablation" and run.method == normal.name]
    names = list(dict.fromkeys(run.without for run in planned))
    if not names:
        return None
    return Ablation(
        method=normal.name,
        step_seconds=median_of(steady_step_seconds(record) for record in normal.finished),
        variants=[
            _summarise_variant(name, normal, [run for run in planned if run.without == name], records)
            for name in names
        ],
    )


def _summarise_variant(
    without: str, normal: MethodRuns, planned: Sequence[PlannedRun], records: Mapping[str, RunRecord]
) -> Variant:
    """Return the figures of one speedup switched off, paired with the same rounds of the method itself."""
    runs = MethodRuns(
        name=normal.name,
        folder=Path(normal.folder),
        records=[records[run.run] for run in planned if run.run in records],
    )
    by_round = {record.started.round: record for record in normal.finished}
    pairs = [(one, by_round[number]) for one in runs.finished if (number := one.started.round) in by_round]
    ratio = _compare_steps(pairs)
    # Of an unfinished comparison only the rounds that the ratio is made of: the two are read together.
    compared = [one for one, _ in pairs] or runs.finished
    seconds = [value for one in compared if (value := steady_step_seconds(one)) is not None]
    return Variant(
        without=without,
        also_off=_also_off(without, pairs),
        step_seconds=median_of(seconds),
        step_seconds_by_round=seconds,
        ratio=ratio.value,
        interval=ratio.interval,
        verdict=ratio.verdict,
        failures=runs.failures,
    )


def _compare_steps(pairs: Sequence[tuple[RunRecord, RunRecord]]) -> Ratio:
    """Return the seconds of a steady step without over those with, unless the work differs."""
    if not all(did_the_same_work(one, other) for one, other in pairs):
        return Ratio(value=None, interval=None, verdict="unequal_work")
    seconds = [(steady_step_seconds(one), steady_step_seconds(other)) for one, other in pairs]
    measured = [(above, below) for above, below in seconds if above is not None and below is not None]
    return compare_paired([above for above, _ in measured], [below for _, below in measured])


def _also_off(without: str, pairs: Iterable[tuple[RunRecord, RunRecord]]) -> list[str]:
    """Return what else did not run, since it works inside what was switched off; PLAIN says it by itself."""
    if without == PLAIN:
        return []
    for one, other in pairs:
        running = {speedup.name for speedup in one.speedups if speedup.ran}
        gone = [s for s in other.speedups if s.ran and s.name not in running and s.name != without]
        # Whether weights had to be read ahead is up to the system's memory, not to what was switched off.
        return [one.name for one in gone if one.part == "step"]
    return []
