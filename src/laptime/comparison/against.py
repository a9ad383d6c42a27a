"""The same job in an older comparison: what is kept of it, and every contestant set beside itself.

What is needed of the older one stands in plan.json, so that nothing is read from its folder again. Its rounds
did not take turns with those of now and are not paired: the intervals are Welch's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from laptime.comparison.fairness import identify
from laptime.comparison.pairs import choose_rounds
from laptime.comparison.result import Against, Change, NoRatio, SetBeside, Verdict
from laptime.comparison.rows import MethodRuns
from laptime.comparison.statistics import Ratio, compare_unpaired, median_of
from laptime.runs.plan import Before, Lap, Racer
from laptime.runs.record import RunRecord

MACHINE = ("cpu", "cores", "gpu", "device")  # what makes it another one
MEMORY = "memory_bytes"
MEMORY_NEAR = 1.05  # another kernel leaves a little more or less of the same memory
OF_RUN = ("compute_dtype", "trained_dtype", "attention", "learning_rate", "trainable_parameters")
SPEEDUP = "speedup "  # before the name of a speedup, among the facts
TURNED: Mapping[Verdict, Verdict] = {"faster": "slower", "slower": "faster"}


def note_racer(row: MethodRuns, laptime: str) -> Racer:
    """Return what is kept of a row of a comparison that `laptime`, a version, began."""
    first = next(iter(row.figured or row.records), None)
    facts = dict(_list_facts(first)) if first else {}
    return Racer(
        name=row.name, laps=[_note_lap(record) for record in row.whole], facts={"laptime": laptime} | facts
    )


def _note_lap(record: RunRecord) -> Lap:
    return Lap(
        round=record.started.round,
        train_seconds=record.train_seconds,
        total_seconds=record.total_seconds,
        work=digest_work(record),
    )


def digest_work(record: RunRecord) -> str:
    """Return a digest over which tokens each step trained, "" where the record cannot show it."""
    if not record.steps or record.lacks_steps or not all(step.digest for step in record.steps):
        return ""
    lines = (f"{step.digest} {step.trained_tokens}\n" for step in record.steps)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _list_facts(record: RunRecord) -> Iterator[tuple[str, Any]]:
    """Yield the versions and facts of a run that its time depends on, by name."""
    machine = record.machine.facts if record.machine else {}
    for name, value in identify(machine, "machine"):
        if name != "machine versions laptime":  # it is told to the commit
            yield name.removeprefix("machine ").removeprefix("versions "), value
    if MEMORY in machine:
        yield MEMORY, machine[MEMORY]
    if record.model:
        yield from ((name, getattr(record.model, name)) for name in OF_RUN)
    yield from ((f"{SPEEDUP}{one.name}", True) for one in record.speedups if one.ran)


def find_other_machine(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of the facts by which two machines are not one; what either lacks tells nothing."""
    both = before.keys() & now.keys()
    names = [name for name in MACHINE if name in both and before[name] != now[name]]
    return [*names, MEMORY] if MEMORY in both and not _is_near(before[MEMORY], now[MEMORY]) else names


def _is_near(before: float, now: float) -> bool:
    return max(before, now) <= MEMORY_NEAR * min(before, now)


def set_beside(before: Before, laptime: str, rows: Sequence[MethodRuns], confidence: float) -> Against:
    """Return each of `rows`, of a comparison that `laptime` began, beside itself in the older comparison.

    All training times are judged together by Holm's method, and all whole processes, at the higher
    `confidence` of the two comparisons.
    """
    now = [note_racer(row, laptime) for row in rows]
    known = {racer.name: racer for racer in before.racers}
    pairs = [(known.get(racer.name, Racer(name=racer.name)), racer) for racer in now]
    laps = (choose_laps(before.racers), choose_laps(now))
    reasons = {racer.name: find_no_ratio(older, racer) for older, racer in pairs}
    names = [name for name, reason in reasons.items() if not reason]
    most = max(confidence, before.confidence)
    train, total = (
        compare_unpaired([_seconds(laps, name, figure) for name in names], most)
        for figure in ("train_seconds", "total_seconds")
    )
    ratios = {name: both for name, *both in zip(names, train, total, strict=True)}
    return Against(
        id=before.id,
        folder=before.folder,
        created=before.created,
        laptime=before.laptime,
        rows=[_make_row(name, reason, laps, ratios.get(name)) for name, reason in reasons.items()],
        changes=list_changes(pairs),
    )


def choose_laps(racers: Sequence[Racer]) -> dict[str, list[Lap]]:
    """Return the rounds of each that its times are of, as in its own report: those that all finished.

    Who finished others than those has all of its own.
    """
    common = choose_rounds({one.name: [lap.round for lap in one.laps] for one in racers})
    shared = {one.name: [lap for lap in one.laps if lap.round in common] for one in racers}
    return {
        one.name: shared[one.name] if len(shared[one.name]) == len(common) else one.laps for one in racers
    }


def find_no_ratio(before: Racer, now: Racer) -> NoRatio:
    """Return why there is no ratio between a contestant and itself, "" where there is one."""
    if not before.laps or not now.laps:
        return "not_finished" if before.laps else "not_finished_before"
    if find_other_machine(before.facts, now.facts):
        return "other_machine"
    if _differ("compute_dtype", before, now):
        return "other_precision"
    if _differ("trainable_parameters", before, now):
        return "other_parameters"
    theirs = {lap.round: lap.work for lap in before.laps}
    works = [(lap.work, theirs[lap.round]) for lap in now.laps if lap.work and theirs.get(lap.round)]
    if not works:
        return "unproven_work"
    return "" if all(ours == older for ours, older in works) else "other_work"


def _differ(name: str, before: Racer, now: Racer) -> bool:
    both = before.facts.keys() & now.facts.keys()
    return name in both and bool(before.facts[name] != now.facts[name])


def _seconds(
    laps: tuple[dict[str, list[Lap]], dict[str, list[Lap]]], name: str, figure: str
) -> tuple[list[float], list[float]]:
    """Return a figure of a contestant by round, now and before."""
    before, now = (
        [value for lap in side.get(name, []) if (value := getattr(lap, figure)) is not None] for side in laps
    )
    return now, before


def _make_row(
    name: str,
    reason: NoRatio,
    laps: tuple[dict[str, list[Lap]], dict[str, list[Lap]]],
    ratios: Sequence[Ratio] | None,
) -> SetBeside:
    """Return a contestant with its ratios; those of what is slower now lie above 1."""
    is_missing = reason in ("not_finished", "not_finished_before")
    none = Ratio(value=None, interval=None, verdict="not_measured" if is_missing else "unequal_work")
    train, total = ratios or (none, none)
    train_now, train_before = _seconds(laps, name, "train_seconds")
    total_now, total_before = _seconds(laps, name, "total_seconds")
    return SetBeside(
        contestant=name,
        reason=reason,
        rounds=len(train_now),
        rounds_before=len(train_before),
        train_seconds=median_of(train_now),
        train_seconds_before=median_of(train_before),
        train_ratio=train.value,
        train_interval=train.interval,
        train_confidence=train.confidence,
        verdict=TURNED.get(train.verdict, train.verdict),
        total_seconds=median_of(total_now),
        total_seconds_before=median_of(total_before),
        total_ratio=total.value,
        total_interval=total.interval,
        total_confidence=total.confidence,
        total_verdict=TURNED.get(total.verdict, total.verdict),
    )


def list_changes(pairs: Sequence[tuple[Racer, Racer]]) -> list[Change]:
    """Return what is not as it was, each with the contestants of which that is known."""
    changes: dict[tuple[str, bytes], Change] = {}
    for before, now in pairs:
        if not before.laps or not now.laps:
            continue
        other = find_other_machine(before.facts, now.facts)
        for name in dict.fromkeys([*before.facts, *now.facts]):
            then, today = before.facts.get(name), now.facts.get(name)
            if then == today or (name == MEMORY and MEMORY not in other):
                continue
            change = Change(name=name, before=then, now=today, contestants=[])
            key = (name, msgspec.json.encode((then, today)))
            changes.setdefault(key, change).contestants.append(now.name)
    return list(changes.values())
