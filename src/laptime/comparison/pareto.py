"""Which rows no other one beats in a cost and in held-out loss, as far as differences are shown.

One row beats another where it is shown to be better in one of the two and is not worse in the other. What
lies within its uncertainty is no difference: held-out losses within twice the held-out set's own standard
error, times that are about the same, memory and disk within 5 %, memory whose ranges over rounds touch. What
is not settled, by too few rounds, speaks by its estimate for the row that would be beaten alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from laptime.comparison.quality import order_losses
from laptime.comparison.quality_figures import Cost, Front
from laptime.comparison.result import ComparisonResult, MethodResult
from laptime.comparison.statistics import SAME

COSTS: tuple[Cost, ...] = ("train_seconds", "held_bytes", "saved_bytes")

Order = Literal["better", "worse", "equal", "perhaps better", "perhaps worse"]


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

    def beats(one: MethodResult, other: MethodResult) -> bool:
        is_time = cost == "train_seconds"
        by_cost = _order_times(result, one, other) if is_time else _order_bytes(cost, one, other)
        orders = {by_cost, _order_losses(result, one, other)}
        return "better" in orders and not orders & {"worse", "perhaps worse"}

    beaten = {row.name: [one.name for one in rows if one is not row and beats(one, row)] for row in rows}
    return Front(
        cost=cost,
        unbeaten=[name for name, by in beaten.items() if not by],
        beaten={name: by for name, by in beaten.items() if by},
    )


def _order_times(result: ComparisonResult, one: MethodResult, other: MethodResult) -> Order:
    """Say how the training time of a row stands to another's, by the verdict of their pair."""
    pair = next((pair for pair in result.pairs if {pair.faster, pair.slower} == {one.name, other.name}), None)
    if pair and pair.verdict in ("faster", "slower"):
        faster = pair.faster if pair.verdict == "faster" else pair.slower
        return "better" if faster == one.name else "worse"
    if pair and pair.verdict == "about_the_same":
        return "equal"
    return _estimate(one.train_seconds, other.train_seconds)


def _order_bytes(cost: Cost, one: MethodResult, other: MethodResult) -> Order:
    """Say how the memory or disk of a row stands to another's; counters of two kinds tell nothing."""
    mine, theirs = float(getattr(one, cost)), float(getattr(other, cost))
    if cost == "held_bytes":
        if one.peak_bytes_kind != other.peak_bytes_kind:
            return _estimate(mine, theirs)
        if _touch(one.peak_bytes_by_round, other.peak_bytes_by_round):
            return "equal"
    if max(mine, theirs) <= SAME * min(mine, theirs):
        return "equal"
    return "better" if mine < theirs else "worse"


def _touch(some: Sequence[float], others: Sequence[float]) -> bool:
    """Tell whether two ranges have anything in common."""
    return bool(some and others) and min(some) <= max(others) and min(others) <= max(some)


def _order_losses(result: ComparisonResult, one: MethodResult, other: MethodResult) -> Order:
    """Say how the held-out loss of a row stands to another's, beyond the set's error and in every round."""
    order = order_losses(result, one.name, other.name)
    if order == "alike":
        return "equal"
    mine, theirs = one.held_out_loss_by_round, other.held_out_loss_by_round
    gaps = [first - second for first, second in zip(mine, theirs, strict=False)]
    is_steady = all(gap < 0 for gap in gaps) or all(gap > 0 for gap in gaps)
    if order == "unknown" or not is_steady:
        return _estimate(one.held_out_loss, other.held_out_loss)
    return "better" if order == "lower" else "worse"


def _estimate(mine: float | None, theirs: float | None) -> Order:
    """Say what is only estimated."""
    return "perhaps better" if (mine or 0.0) <= (theirs or 0.0) else "perhaps worse"


def _is_known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
