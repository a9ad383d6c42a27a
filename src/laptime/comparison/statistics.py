"""Numbers to numbers, intervals and verdicts; nothing here knows what was measured.

Ratios are compared on the log scale and paired by round, so that a slow round of the machine slows both
sides and cancels. The interval is Student's t on the paired differences, not a percentile bootstrap,
whose real coverage is about 75 % at three rounds. Rounds of two comparisons cannot be paired: there it is
Welch's. Several ratios that are read together are judged by Holm's method: the smallest of m doubts must be
m times as small, the next m - 1 times, until one is too great.
benchmarks/results holds what a simulation makes of all this.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import fmean, median, stdev, variance

from msgspec import Struct

from laptime.comparison.result import Verdict

CONFIDENCE = 0.95
LOOKING = 0.99  # of an interval that is looked at after every round, and may end the rounds
SAME = 1.05  # a ratio between this and its inverse is about the same
MOST_ROUNDS_TOLD = 100  # a wait beyond is told as this: one that nobody plans with
NOTABLE_CHANGE = 0.10  # spread and drift from here on are flagged


class Ratio(Struct, frozen=True, kw_only=True):
    """How many times longer one side took than the other.

    `interval` is None with fewer than two rounds, `confidence` that of the interval. `more_rounds` estimates
    how many more would settle it, where it is not settled.
    """

    value: float | None
    interval: tuple[float, float] | None
    verdict: Verdict
    confidence: float | None = None
    more_rounds: int | None = None


class Sample(Struct, frozen=True, kw_only=True):
    """The log of a ratio, and its standard error where there are two rounds, with its degrees of freedom.

    `number` is how many rounds are paired in it; None where they are not.
    """

    number: int | None
    centre: float
    error: float | None
    degrees: float = math.inf

    @property
    def doubt(self) -> float | None:
        """The probability of a mean as far from 0 where there is no difference: Student's, two-sided."""
        if self.error is None:
            return None
        if self.error == 0:
            return 0.0 if self.centre else 1.0
        return student_tail(abs(self.centre) / self.error, self.degrees)


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


@lru_cache(maxsize=4096)
def student_quantile(degrees: float, confidence: float = CONFIDENCE) -> float:
    """Return the two-sided critical value of Student's t; scipy is imported here, as it takes a second."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))


def student_tail(value: float, degrees: float) -> float:
    """Return the probability that Student's t lies further from 0 than `value`."""
    from scipy.special import stdtr

    return 2 * float(stdtr(degrees, -value))


def compare_paired(
    numerators: Sequence[float], denominators: Sequence[float], confidence: float = CONFIDENCE
) -> Ratio:
    """Return the geometric-mean ratio of paired positive seconds with its interval and verdict.

    Both sequences hold one value a round, in the same order of rounds. The verdict is "faster" where the
    denominators' side is shown to be faster, "slower" where it is shown to be slower.
    """
    return compare_family([(numerators, denominators)], confidence)[0]


def compare_family(
    pairs: Sequence[tuple[Sequence[float], Sequence[float]]], confidence: float = CONFIDENCE
) -> list[Ratio]:
    """Return the ratio of each pair as `compare_paired` does, judged together.

    By Holm's method the probability that any difference is shown which is none stays below 1 - `confidence`.
    """
    return _judge_family([_take_logs(*pair) for pair in pairs], confidence)


def compare_unpaired(
    pairs: Sequence[tuple[Sequence[float], Sequence[float]]], confidence: float = CONFIDENCE
) -> list[Ratio]:
    """Return the ratio of each pair of seconds as `compare_family` does, of rounds that are not paired.

    The two sequences of a pair may have different lengths; the interval is Welch's on the logs.
    """
    return _judge_family([_take_apart(*pair) for pair in pairs], confidence)


def _judge_family(samples: Sequence[Sample | None], confidence: float) -> list[Ratio]:
    """Return the ratio of each sample, judged together by Holm's method."""
    levels = share_doubt([sample.doubt if sample else None for sample in samples], 1 - confidence)
    return [_make_ratio(sample, level) for sample, level in zip(samples, levels, strict=True)]


def share_doubt(doubts: Sequence[float | None], most: float) -> list[float]:
    """Return the level at which each of `doubts` is judged (Holm 1979); where there is none, `most`."""
    levels = [most for _ in doubts]
    known = sorted((doubt, place) for place, doubt in enumerate(doubts) if doubt is not None)
    left = len(known)
    for doubt, place in known:
        levels[place] = most / left
        if doubt <= levels[place]:
            left -= 1  # shown: the others need share with one less
    return levels


def _take_logs(numerators: Sequence[float], denominators: Sequence[float]) -> Sample | None:
    """Return the logs of the ratios of paired seconds; None where nothing was measured."""
    if len(numerators) != len(denominators):
        raise ValueError(f"{len(numerators)} against {len(denominators)} rounds can't be paired")
    if not numerators or min(*numerators, *denominators) <= 0:
        return None
    logs = [math.log(above / below) for above, below in zip(numerators, denominators, strict=True)]
    error = stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else None
    return Sample(number=len(logs), centre=fmean(logs), error=error, degrees=len(logs) - 1)


def _take_apart(numerators: Sequence[float], denominators: Sequence[float]) -> Sample | None:
    """Return the log of the ratio of two means on the log scale; None where nothing was measured.

    The error and its degrees of freedom are Welch's (Biometrika 34, 1947): each side has a spread of its own.
    """
    if not numerators or not denominators or min(*numerators, *denominators) <= 0:
        return None
    sides = [[math.log(value) for value in values] for values in (numerators, denominators)]
    centre = fmean(sides[0]) - fmean(sides[1])
    if min(map(len, sides)) < 2:
        return Sample(number=None, centre=centre, error=None)
    parts = [(variance(logs) / len(logs), len(logs) - 1) for logs in sides]
    square = sum(part for part, _ in parts)
    doubt = sum(part**2 / degrees for part, degrees in parts)
    degrees = square**2 / doubt if doubt else sum(degrees for _, degrees in parts)
    return Sample(number=None, centre=centre, error=math.sqrt(square), degrees=degrees)


def _make_ratio(sample: Sample | None, level: float) -> Ratio:
    """Return the ratio of a sample, with the interval outside of which lies `level`."""
    if sample is None:
        return Ratio(value=None, interval=None, verdict="not_measured")
    if sample.error is None:
        return Ratio(value=math.exp(sample.centre), interval=None, verdict="one_round")
    margin = student_quantile(sample.degrees, 1 - level) * sample.error
    interval = (math.exp(sample.centre - margin), math.exp(sample.centre + margin))
    verdict = judge(interval)
    return Ratio(
        value=math.exp(sample.centre),
        interval=interval,
        verdict=verdict,
        confidence=1 - level,
        more_rounds=_count_more_rounds(sample, level) if verdict == "not_settled" else None,
    )


def judge(interval: tuple[float, float]) -> Verdict:
    """Say what an interval of a ratio shows; one that only touches 1 shows no difference."""
    low, high = interval
    if low > 1 or high < 1:
        return "faster" if low > 1 else "slower"
    return "about_the_same" if low >= 1 / SAME and high <= SAME else "not_settled"


def _count_more_rounds(sample: Sample, level: float) -> int | None:
    """Return how many more rounds would settle it, if they scatter about the same mean as those so far.

    None where rounds are not paired: more of one side alone may never do.
    """
    if sample.number is None or sample.error is None:
        return None
    rounds = sample.number
    deviation, distance = sample.error * math.sqrt(rounds), abs(sample.centre)
    margin = max(distance, math.log(SAME) - distance)  # then 1 is left out, or all lies close to it

    def settles(more: int) -> bool:
        number = rounds + more
        return student_quantile(number - 1, 1 - level) * deviation / math.sqrt(number) < margin

    return 1 + bisect_left(range(1, MOST_ROUNDS_TOLD), True, key=settles)
