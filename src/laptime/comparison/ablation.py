"""What each speedup contributes: the runs in which one is switched off, and what they show.

An ablation run is a run like any other, with the same work in a process of its own, but it ends with its
training: it saves nothing, asks nothing and stands in no other figure of the comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from laptime.comparison.fairness import did_the_same_work
from laptime.comparison.pairs import UNEQUAL, choose_rounds
from laptime.comparison.result import Ablation, Variant
from laptime.comparison.rows import MethodRuns, steady_step_seconds
from laptime.comparison.schedule import plan_round
from laptime.comparison.statistics import Ratio, compare_family, median_of
from laptime.runs.plan import PLAIN, Plan
from laptime.runs.record import RunRecord


def add_ablation(plan: Plan, records: Mapping[str, RunRecord]) -> Plan:
    """Return `plan` with the ablation's runs: those of round 1 after its own, later ones among theirs.

    `records` holds the ended runs by name. A speedup that did not run, or that no step feels, needs no run.
    """
    seed = plan.spec["training"]["seed"]
    measured = [run for run in plan.runs if run.round == 1]
    variants = [
        replace(run, role="ablation", without=name)
        for run in measured
        if run.role == "measured"
        for name in _speedups_to_switch_off(run.name, plan, records)
    ]
    base = [run for run in plan.runs if run.round == 0]
    rounds = [plan_round([*measured, *variants], seed, number) for number in range(2, plan.num_rounds + 1)]
    runs = [*base, *measured, *plan_round(variants, seed, 1), *(run for round_ in rounds for run in round_)]
    return replace(plan, runs=runs, awaits_ablation=False)


def _speedups_to_switch_off(name: str, plan: Plan, records: Mapping[str, RunRecord]) -> list[str]:
    """Return the speedups that ran in a contestant's first finished run, and PLAIN where any did."""
    runs = [run for run in plan.runs if run.name == name and run.run in records]
    finished = [records[run.run] for run in runs if records[run.run].status == "finished"]
    ran = [one.name for one in finished[0].speedups if one.ran and one.part == "step"] if finished else []
    return [*ran, PLAIN] if ran else []


class Switched(Struct, frozen=True):
    """A method without one speedup, and the records of both by round."""

    without: str
    runs: MethodRuns
    records: list[tuple[RunRecord, RunRecord]]

    @property
    def is_equal_work(self) -> bool:
        """Whether both trained the same tokens in every step of every round."""
        return all(did_the_same_work(one, other) for one, other in self.records)

    def seconds(self) -> tuple[list[float], list[float]]:
        """Return the seconds of a steady step by round, without and with."""
        both = [(steady_step_seconds(one), steady_step_seconds(other)) for one, other in self.records]
        measured = [(above, below) for above, below in both if above is not None and below is not None]
        return [above for above, _ in measured], [below for _, below in measured]


def summarise_ablation(
    rows: Sequence[MethodRuns], plan: Plan, records: Mapping[str, RunRecord], confidence: float
) -> list[Ablation]:
    """Return what switching off each speedup does to each method where that was asked.

    All ratios are judged together by Holm's method: among many some would look shown by chance.
    """
    switched = {row.name: _pair_variants(row, plan, records) for row in rows}
    equal = [one for variants in switched.values() for one in variants if one.is_equal_work]
    judged = compare_family([one.seconds() for one in equal], confidence)
    ratios = {id(one): ratio for one, ratio in zip(equal, judged, strict=True)}
    return [
        Ablation(
            method=row.name,
            step_seconds=_step_seconds(row, variants),
            variants=[_summarise_variant(one, ratios.get(id(one), UNEQUAL)) for one in variants],
        )
        for row in rows
        if (variants := switched[row.name])
    ]


def _pair_variants(normal: MethodRuns, plan: Plan, records: Mapping[str, RunRecord]) -> list[Switched]:
    """Return each speedup switched off, over the rounds that the method and all variants finished."""
    planned = [run for run in plan.runs if run.role == "ablation" and run.name == normal.name]
    runs = {
        name: replace(
            normal,
            records=[records[run.run] for run in planned if run.without == name and run.run in records],
            unreadable=[],
        )
        for name in dict.fromkeys(run.without for run in planned)
    }
    by_round = {record.started.round: record for record in normal.figured}
    common = choose_rounds(
        {"": by_round} | {name: [r.started.round for r in one.finished] for name, one in runs.items()}
    )
    taken = {name: replace(one, common=common & by_round.keys()) for name, one in runs.items()}
    return [
        Switched(name, one, [(record, by_round[record.started.round]) for record in one.compared])
        for name, one in taken.items()
    ]


def _step_seconds(normal: MethodRuns, variants: Sequence[Switched]) -> float | None:
    """Return a steady step of the method itself, in the rounds that its variants are compared in."""
    compared = next((one.records for one in variants if one.records), [])
    records = [normally for _, normally in compared] or normal.figured
    return median_of(steady_step_seconds(record) for record in records)


def _summarise_variant(one: Switched, ratio: Ratio) -> Variant:
    """Return the figures of one speedup switched off."""
    seconds, _ = one.seconds()
    return Variant(
        without=one.without,
        also_off=_also_off(one.without, one.records),
        step_seconds=median_of(seconds),
        step_seconds_by_round=seconds,
        ratio=ratio.value,
        interval=ratio.interval,
        confidence=ratio.confidence,
        verdict=ratio.verdict,
        failures=one.runs.failures,
    )


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
