"""Numbers to numbers, intervals and verdicts; nothing here knows what was measured.

Ratios are compared on the log scale and paired by round, so that a slow round of the machine slows both
sides and cancels. The interval is Student's t on the paired differences, not a percentile bootstrap,
whose real coverage is about 75 % at three rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import fmean, median, stdev

from msgspec import Struct

from laptime.comparison.result import Verdict

CONFIDENCE = 0.95
NOTABLE_CHANGE = 0.10  # spread and drift from here on are flagged


class Ratio(Struct, frozen=True, kw_only=True):
    """How many times longer one side took than the other; `interval` is None with fewer than two rounds."""

    value: float | None
    interval: tuple[float, float] | None
    verdict: Verdict


def median_of(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that are there, or None where there is none."""
    present = [value for value in values if value is not None]
    return median(present) if present else None


def median_by_key(mappings: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the median of each key over the mappings that have it, in order of first appearance."""
    values: dict[str, list[float]] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            values.setdefault(key, []).append(value)
    return {key: median(numbers) for key, numbers in values.items()}


def spread(values: Sequence[float]) -> float:
    """Return (max - min) / median, the relative width of repeated measurements; 0 for fewer than two."""
    if len(values) < 2 or median(values) <= 0:
        return 0.0
    return (max(values) - min(values)) / median(values)


def drift(values: Sequence[float]) -> float:
    """Return the relative change from first to last where values only rise or only fall, else 0.

    Three values at least: two always look like a trend.
    """
    if len(values) < 3 or values[0] <= 0:
        return 0.0
    changes = [after - before for before, after in pairwise(values)]
    if all(change > 0 for change in changes) or all(change < 0 for change in changes):
        return values[-1] / values[0] - 1
    return 0.0


def student_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """Return the two-sided critical value of Student's t; scipy is imported here, as it takes a second."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))


def compare_paired(
    numerators: Sequence[float],
    denominators: Sequence[float],
    quantile: Callable[[int], float] = student_quantile,
) -> Ratio:
    """Return the geometric-mean ratio of paired positive seconds with its 95 % interval and verdict.

    Both sequences hold one value a round, in the same order of rounds. The verdict is "faster" where the
    denominators' side is shown to be faster, "slower" where it is shown to be slower.
    """
    if len(numerators) != len(denominators):
        raise ValueError(f"{len(numerators)} against {len(denominators)} rounds can't be paired")
    if not numerators or min(*numerators, *denominators) <= 0:
        return Ratio(value=None, interval=None, verdict="not_measured")
    logs = [math.log(above / below) for above, below in zip(numerators, denominators, strict=True)]
    centre = fmean(logs)
    if len(logs) == 1:
        return Ratio(value=math.exp(centre), interval=None, verdict="one_round")
    margin = quantile(len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    interval = (math.exp(centre - margin), math.exp(centre + margin))
    return Ratio(value=math.exp(centre), interval=interval, verdict=judge(interval))


def judge(interval: tuple[float, float]) -> Verdict:
    """Say what an interval of a ratio shows; one that touches 1 shows no difference."""
    low, high = interval
    if low > 1:
        return "faster"
    return "slower" if high < 1 else "no_measurable_difference"
