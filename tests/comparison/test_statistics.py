"""Statistics against hand-computed values, scipy, and a simulation of the interval's coverage."""

from __future__ import annotations

import math
import random

import pytest

from laptime.comparison.statistics import (
    compare_paired,
    drift,
    judge,
    median_by_key,
    median_of,
    spread,
    student_quantile,
)


def test_two_rounds_by_hand() -> None:
    """Ratios 2 and 8: geometric mean 4; log deviation log(2) * sqrt(2), t(1) = 12.706."""
    ratio = compare_paired([20.0, 80.0], [10.0, 10.0])
    margin = 12.706204736 * math.log(2)
    assert ratio.value == pytest.approx(4.0)
    assert ratio.interval == pytest.approx((math.exp(math.log(4) - margin), math.exp(math.log(4) + margin)))
    assert ratio.verdict == "no_measurable_difference"


def test_agrees_with_scipy_paired_t() -> None:
    """The interval is that of scipy's paired t-test on log seconds."""
    from scipy import stats

    slow, fast = [20.0, 22.5, 21.0, 19.8, 20.4], [10.0, 10.5, 10.2, 10.9, 9.7]
    expected = stats.ttest_rel([math.log(s) for s in slow], [math.log(f) for f in fast]).confidence_interval(
        0.95
    )
    ratio = compare_paired(slow, fast)
    assert ratio.interval == pytest.approx((math.exp(expected.low), math.exp(expected.high)))
    assert ratio.verdict == "faster"
    assert compare_paired(fast, slow).verdict == "slower"


@pytest.mark.parametrize("degrees", [1, 2, 4, 9])
def test_quantile_is_that_of_student(degrees: int) -> None:
    """The critical value is scipy's."""
    from scipy import stats

    assert student_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees))


def test_one_round_has_no_interval() -> None:
    """One pair gives a ratio and no claim."""
    ratio = compare_paired([30.0], [10.0])
    assert (ratio.value, ratio.interval, ratio.verdict) == (pytest.approx(3.0), None, "one_round")


@pytest.mark.parametrize("pair", [([], []), ([1.0, 2.0], [1.0, 0.0])])
def test_nothing_to_compare(pair: tuple[list[float], list[float]]) -> None:
    """No rounds, or a time that is no time, give no figure."""
    ratio = compare_paired(*pair)
    assert (ratio.value, ratio.interval, ratio.verdict) == (None, None, "not_measured")


def test_unpaired_rounds_are_a_bug() -> None:
    """Lists of different length are refused."""
    with pytest.raises(ValueError, match="2 against 1"):
        compare_paired([1.0, 2.0], [1.0])


def test_equal_times_show_nothing() -> None:
    """An interval that only touches 1 contains it."""
    assert compare_paired([5.0, 5.0, 5.0], [5.0, 5.0, 5.0]).verdict == "no_measurable_difference"
    assert judge((1.0, 2.0)) == judge((0.5, 1.0)) == "no_measurable_difference"


def test_pairing_cancels_slow_rounds() -> None:
    """A machine that slows in one round slows both; the ratio stays exact."""
    ratio = compare_paired([20.0, 60.0, 20.0], [10.0, 30.0, 10.0])
    assert ratio.interval == pytest.approx((2.0, 2.0))
    assert ratio.verdict == "faster"


@pytest.mark.parametrize("rounds", [3, 5])
def test_coverage_is_near_95_percent(rounds: int) -> None:
    """On lognormal noise the true ratio of 2 lies within the interval 95 times in 100."""
    noise, quantile = random.Random(rounds), student_quantile(rounds - 1)
    trials, hits = 4000, 0
    for _ in range(trials):
        fast = [math.exp(noise.gauss(0, 0.1)) for _ in range(rounds)]
        slow = [2 * math.exp(noise.gauss(0, 0.1)) for _ in range(rounds)]
        low, high = compare_paired(slow, fast, lambda _: quantile).interval or (0.0, 0.0)
        hits += low <= 2 <= high
    assert hits / trials == pytest.approx(0.95, abs=0.014)  # four standard errors


def test_spread_and_drift() -> None:
    """Spread is relative to the median; drift needs three values that move one way."""
    assert spread([9.0, 10.0, 12.0]) == pytest.approx(0.3)
    assert spread([10.0]) == spread([]) == 0
    assert drift([10.0, 11.0, 12.0]) == pytest.approx(0.2)
    assert drift([10.0, 9.0, 8.0]) == pytest.approx(-0.2)
    assert drift([10.0, 13.0, 12.0]) == drift([10.0, 12.0]) == drift([10.0, 10.0, 12.0]) == 0


def test_medians_leave_out_what_is_not_there() -> None:
    """None does not count; keys keep the order in which they appear first."""
    assert median_of([3.0, None, 1.0]) == 2.0
    assert median_of([None]) is None
    assert list(median_by_key([{"b": 1.0}, {"a": 5.0, "b": 3.0}]).items()) == [("b", 2.0), ("a", 5.0)]
