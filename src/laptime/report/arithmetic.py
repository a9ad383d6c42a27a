"""A measured ratio beside the one that floating-point operations alone would give."""

from __future__ import annotations

from laptime.comparison.result import ComparisonResult, MethodResult, Pair
from laptime.report.quantities import known
from laptime.spec import TrainingSpec

FAR_BEYOND = 3.0  # measured over arithmetic: from here on something else was measured as well


def find_own_options(rows: list[MethodResult]) -> list[dict[str, object]]:
    """Return for each row the options of the training in which they differ; arithmetic knows none of them."""
    names = [name for name in TrainingSpec.__struct_fields__ if name != "devices"]
    names = [name for name in (*names, "trainer") if len({repr(row.differs.get(name)) for row in rows}) > 1]
    return [{name: row.differs[name] for name in names if name in row.differs} for row in rows]


def find_far_beyond(result: ComparisonResult, pair: Pair, ratio: float, slower: str) -> float | None:
    """Return the ratio by arithmetic where the measured one, at least 1, lies far beyond it; else None.

    None as well where the rows differ in options or devices, which are a cause that the user chose.
    """
    by_arithmetic = pair.arithmetic_ratio
    if not known(by_arithmetic) or by_arithmetic <= 0 or pair.equal_runs:
        return None
    by_arithmetic = by_arithmetic if slower == pair.slower else 1 / by_arithmetic
    rows = [row for row in result.methods if row.name in (pair.faster, pair.slower)]
    if any(find_own_options(rows)) or len({row.devices for row in rows}) > 1:
        return None
    return by_arithmetic if ratio >= FAR_BEYOND * by_arithmetic else None
