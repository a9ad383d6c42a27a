"""Which rows learned better than which, as far as the held-out set can tell them apart."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from laptime.comparison.result import ComparisonResult, HeldOutDifference, MethodResult

ERRORS = 2.0  # standard errors within which there is no difference

Order = Literal["lower", "higher", "alike", "unknown"]


class Best(Struct, frozen=True):
    """The row with the least held-out loss, and those that the held-out set does not tell from it.

    `is_known`: the held-out set is large enough to tell how far a difference holds.
    """

    row: MethodResult
    alike: list[str]
    is_known: bool

    @property
    def names(self) -> list[str]:
        """The row with those that are as good as it."""
        return [self.row.name, *self.alike]


def find_best(result: ComparisonResult) -> Best | None:
    """Return which rows learned best by held-out loss; None where no loss was measured or means anything."""
    rows = [row for row in result.methods if _is_number(row.held_out_loss)]
    if not rows or result.model.get("random_weights"):
        return None
    best = min(rows, key=lambda row: row.held_out_loss or 0.0)
    orders = {row.name: order_losses(result, best.name, row.name) for row in rows if row is not best}
    alike = [name for name, order in orders.items() if order in ("alike", "higher")]
    return Best(best, alike, "unknown" not in orders.values())


def order_losses(result: ComparisonResult, first: str, second: str) -> Order:
    """Say where the held-out loss of `first` lies to that of `second`, beyond the set's own error."""
    found = find_difference(result, first, second)
    if found is None or found.standard_error is None:
        return "unknown"
    gap = found.difference if found.first == first else -found.difference
    if abs(gap) <= ERRORS * found.standard_error:
        return "alike"
    return "lower" if gap < 0 else "higher"


def find_difference(result: ComparisonResult, first: str, second: str) -> HeldOutDifference | None:
    """Return the difference of two rows, whichever way round it stands."""
    return next(
        (one for one in result.held_out_differences if {one.first, one.second} == {first, second}), None
    )


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
