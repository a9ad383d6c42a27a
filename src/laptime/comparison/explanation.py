"""Why one of two contestants is faster: their difference, split by the things in which they differ.

Each thing is measured by the runs before and behind its change, and everything in the same rounds, so that
the parts add up to the difference. Where several things differ they change in two orders; a thing's part is
the mean of both, and how far the two lie apart tells how far it depends on the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from statistics import fmean

from msgspec import Struct

from laptime.comparison.fairness import find_unequal_work
from laptime.comparison.result import Cause, Explanation
from laptime.comparison.rows import MethodRuns
from laptime.comparison.statistics import compare_family
from laptime.comparison.waterfall import Waterfall, make_waterfall
from laptime.errors import UserError
from laptime.runs.between import Course, Factor, list_courses
from laptime.runs.plan import Plan, read_spec

TRAINING = "train"  # a part that is split into others


class Change(Struct, frozen=True):
    """A thing that changes in one order: the runs before and behind it in the rounds that are compared."""

    before: list[Waterfall]
    after: list[Waterfall]

    @property
    def seconds(self) -> float:
        """What the change saves, in the mean of the rounds."""
        return fmean(one.total_seconds for one in self.before) - fmean(
            one.total_seconds for one in self.after
        )

    def part(self, name: str) -> float:
        """Return what it saves of one part of a run."""
        return fmean(one.seconds_of(name) for one in self.before) - fmean(
            one.seconds_of(name) for one in self.after
        )


def explain(plan: Plan, rows: Mapping[str, MethodRuns], confidence: float) -> Explanation | None:
    """Return what the two contestants differ by and why, where that was asked for; `rows` by name."""
    if not plan.spec.get("explain"):
        return None
    courses = list_courses(read_spec(plan))
    first, second = courses[0].names[0], courses[0].names[-1]
    if not courses[0].factors:
        return Explanation(first=first, second=second, reason="nothing_differs")
    if find_unequal_work({name: rows[name].finished for name in (first, second)}, _own(rows, first, second)):
        return Explanation(first=first, second=second, reason="unequal_work")
    split = {name: split_runs(rows[name]) for course in courses for name in course.names}
    whole = [course for course in courses if find_common(course, split)]
    if not whole:
        lacking = sorted(name for name, runs in split.items() if not runs)
        return Explanation(first=first, second=second, reason="not_finished", lacking=lacking)
    rounds = sorted(set.intersection(*(find_common(course, split) for course in whole)))
    if not rounds:
        return Explanation(first=first, second=second, reason="not_finished")
    orders = [list_changes(course, split, rounds) for course in whole]
    ends = [[split[name][number].total_seconds for number in rounds] for name in (first, second)]
    return Explanation(
        first=first,
        second=second,
        rounds=rounds,
        seconds=(fmean(ends[0]), fmean(ends[1])),
        causes=judge_causes(courses[0].factors, orders, confidence),
    )


def _own(rows: Mapping[str, MethodRuns], *names: str) -> dict[str, list[str]]:
    """Return the names of the options that each of some contestants has for itself."""
    return {name: list(rows[name].differs) for name in names}


def split_runs(runs: MethodRuns) -> dict[int, Waterfall]:
    """Return the parts of each finished run of a contestant by round; one that can't be split is left out."""
    found = {}
    for record in runs.finished:
        with suppress(UserError):
            found[record.started.round] = make_waterfall(record)
    return found


def find_common(course: Course, split: Mapping[str, Mapping[int, Waterfall]]) -> set[int]:
    """Return the rounds in which all of a course have come to their end."""
    return set.intersection(*(set(split[name]) for name in course.names))


def list_changes(
    course: Course, split: Mapping[str, Mapping[int, Waterfall]], rounds: Sequence[int]
) -> dict[str, Change]:
    """Return each change of a course with its runs, by the name of what changes."""
    runs = [[split[name][number] for number in rounds] for name in course.names]
    return {factor.name: Change(*pair) for factor, pair in zip(course.factors, pairwise(runs), strict=True)}


def judge_causes(
    factors: Sequence[Factor], orders: Sequence[Mapping[str, Change]], confidence: float
) -> list[Cause]:
    """Return what each thing gives; all ratios are judged together by Holm's method."""
    ratios = compare_family([pair_seconds(factor, orders) for factor in factors], confidence)
    causes = []
    for factor, ratio in zip(factors, ratios, strict=True):
        changes = [order[factor.name] for order in orders]
        names = dict.fromkeys(
            part.name for change in changes for run in [*change.before, *change.after] for part in run.parts
        )
        parts = {name: fmean(change.part(name) for change in changes) for name in names if name != TRAINING}
        causes.append(
            Cause(
                name=factor.name,
                option=factor.option,
                first=factor.first,
                second=factor.second,
                seconds=fmean(change.seconds for change in changes),
                seconds_by_order=[change.seconds for change in changes],
                ratio=ratio.value,
                interval=ratio.interval,
                confidence=ratio.confidence,
                verdict=ratio.verdict,
                parts=parts,
            )
        )
    return causes


def pair_seconds(factor: Factor, orders: Sequence[Mapping[str, Change]]) -> tuple[list[float], list[float]]:
    """Return the seconds before and behind a change by round: of several orders their geometric mean."""
    sides = ([order[factor.name].before for order in orders], [order[factor.name].after for order in orders])
    above, below = (
        [math.exp(fmean(math.log(run.total_seconds) for run in runs)) for runs in zip(*side, strict=True)]
        for side in sides
    )
    return above, below
