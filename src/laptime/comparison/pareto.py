"""Which rows no other one beats in a cost and in held-out loss, as far as differences are shown.

One row beats another where it is shown to be better in one of the two and not shown to be worse in the other.
What lies within its uncertainty is no difference: of times by the verdict of their pair, of held-out losses by
twice the held-out set's own standard error and the sign in every round, of memory and disk by 5 %, and of
memory by ranges over rounds that touch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from laptime.comparison.quality import order_losses
from laptime.comparison.quality_figures import Cost, Front
from laptime.comparison.result import ComparisonResult, MethodResult
from laptime.comparison.statistics import SAME

COSTS: tuple[Cost, ...] = ("train_seconds", "held_bytes", "saved_bytes")

Lower = Callable[[MethodResult, MethodResult], bool]


def find_fronts(result: ComparisonResult) -> list[Front]:
    """Return the front of each cost over the rows that have both figures; none for fewer than two rows."""
    if result.model.get("random_weights"):
        return []
    fronts = []
    for cost in COSTS:
        rows = [
            row for row in result.methods if _is_known(getattr(row, cost)) and _is_known(row.held_out_loss)
        ]
        if len(rows) > 1:
            fronts.append(find_front(cost, rows, result))
    return fronts


def find_front(cost: Cost, rows: Sequence[MethodResult], result: ComparisonResult) -> Front:
    """Return which of `rows` no other one beats, and by whom each other one is beaten."""

    def is_cheaper(one: MethodResult, other: MethodResult) -> bool:
        return (
            _takes_less_time(result, one, other) if cost == "train_seconds" else _is_smaller(cost, one, other)
        )

    def beats(one: MethodResult, other: MethodResult) -> bool:
        cheaper, dearer = is_cheaper(one, other), is_cheaper(other, one)
        better, worse = _learns_better(result, one, other), _learns_better(result, other, one)
        return (cheaper or better) and not (dearer or worse)

    beaten = {row.name: [one.name for one in rows if one is not row and beats(one, row)] for row in rows}
    return Front(
        cost=cost,
        unbeaten=[name for name, by in beaten.items() if not by],
        beaten={name: by for name, by in beaten.items() if by},
    )


def _takes_less_time(result: ComparisonResult, one: MethodResult, other: MethodResult) -> bool:
    """Tell whether the pair of two rows shows the first to train faster."""
    for pair in result.pairs:
        if {pair.faster, pair.slower} == {one.name, other.name}:
            names = {"faster": pair.faster, "slower": pair.slower}
            return names.get(pair.verdict) == one.name
    return False


def _is_smaller(cost: Cost, one: MethodResult, other: MethodResult) -> bool:
    """Tell whether a row takes less by 5 % and more, in every round than in any of the other one."""
    less, more = getattr(one, cost), getattr(other, cost)
    if less * SAME > more or (cost == "held_bytes" and one.peak_bytes_kind != other.peak_bytes_kind):
        return False
    mine, theirs = one.peak_bytes_by_round, other.peak_bytes_by_round
    return cost != "held_bytes" or not (mine and theirs) or max(mine) < min(theirs)


def _learns_better(result: ComparisonResult, one: MethodResult, other: MethodResult) -> bool:
    """Tell whether a row's held-out loss is lower beyond the set's error, and in every round."""
    mine, theirs = one.held_out_loss_by_round, other.held_out_loss_by_round
    in_each = len(mine) != len(theirs) or all(low < high for low, high in zip(mine, theirs, strict=True))
    return in_each and order_losses(result, one.name, other.name) == "lower"


def _is_known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
