"""Statistics against hand-computed values, scipy, and a simulation of the interval's coverage."""

from __future__ import annotations

import math
import random
from statistics import fmean, stdev

import pytest

from laptime.comparison.statistics import (
    MOST_ROUNDS_TOLD,
    compare_family,
    compare_paired,
    compare_unpaired,
    drift,
    judge,
    median_by_key,
    median_of,
    share_doubt,
    spread,
    student_quantile,
)


def test_two_rounds_by_hand() -> None:
    """Ratios 2 and 8: geometric mean 4; log deviation log(2) * sqrt(2), t(1) = 12.706."""
    ratio = compare_paired([20.0, 80.0], [10.0, 10.0])
    margin = 12.706204736 * math.log(2)
    assert ratio.value == pytest.approx(4.0)
    assert ratio.interval == pytest.approx((math.exp(math.log(4) - margin), math.exp(math.log(4) + margin)))
    assert (ratio.verdict, ratio.confidence) == ("not_settled", 0.95)


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
    assert compare_paired([5.0, 5.0, 5.0], [5.0, 5.0, 5.0]).verdict == "about_the_same"
    assert judge((1.0, 2.0)) == judge((0.5, 1.0)) == "not_settled"


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((1.01, 1.04), "faster"),
        ((0.96, 0.99), "slower"),
        ((0.96, 1.04), "about_the_same"),
        ((1 / 1.05, 1.05), "about_the_same"),
        ((0.96, 1.06), "not_settled"),
        ((0.94, 1.04), "not_settled"),
        ((0.61, 6.55), "not_settled"),
    ],
)
def test_not_shown_is_two_things(interval: tuple[float, float], verdict: str) -> None:
    """Known to lie within 5 %, and not known; what is shown is shown however small."""
    assert judge(interval) == verdict


def test_what_is_not_settled_says_how_many_more_rounds_would_tell() -> None:
    """With the same mean and scatter, as many rounds more are the first to show the difference."""
    slow, fast = [10.0, 12.0, 13.0, 10.5], [10.0, 10.0, 10.0, 10.0]
    ratio = compare_paired(slow, fast)
    assert ratio.verdict == "not_settled" and ratio.more_rounds is not None
    logs = [math.log(above / below) for above, below in zip(slow, fast, strict=True)]
    centre, deviation = fmean(logs), stdev(logs)

    def is_shown(rounds: int) -> bool:
        return student_quantile(rounds - 1) * deviation / math.sqrt(rounds) < centre

    assert is_shown(4 + ratio.more_rounds) and not is_shown(3 + ratio.more_rounds)
    assert compare_paired([20.0, 21.0, 22.0], [10.0, 10.0, 10.0]).more_rounds is None, "nothing is open"
    wild = compare_paired([1.0, 9.0, 1.0, 9.0], [9.0, 1.0, 9.0, 1.001])
    assert wild.more_rounds == MOST_ROUNDS_TOLD


def test_several_ratios_share_their_doubt_as_holm_says() -> None:
    """Sorted, each is judged at 5 % over as many as are left; from the first that fails on none is shown."""
    assert share_doubt([0.01, 0.04, 0.03], 0.05) == pytest.approx([0.05 / 3, 0.05 / 2, 0.05 / 2])
    assert share_doubt([0.001, 0.02, 0.03], 0.05) == pytest.approx([0.05 / 3, 0.05 / 2, 0.05])
    assert share_doubt([0.02, None, 0.5], 0.05) == pytest.approx([0.025, 0.05, 0.05])
    assert share_doubt([0.03, 0.03], 0.05) == pytest.approx([0.025, 0.025])


def test_a_family_is_judged_with_wider_intervals_than_one_alone() -> None:
    """A doubt of 4 % is shown alone and not among three; verdict and interval never contradict each other."""
    fast = [10.0, 10.0, 10.0, 10.0]
    weak, nothing = [10.6, 11.5, 11.1, 10.5], [9.0, 11.5, 10.0, 9.8]
    alone = compare_paired(weak, fast)
    family = compare_family([(weak, fast), (nothing, fast), (fast, nothing)])
    assert alone.verdict == "faster"
    assert family[0].verdict == "not_settled"
    assert alone.interval and family[0].interval
    assert family[0].interval[0] < 1 < alone.interval[0]
    assert family[0].confidence == pytest.approx(1 - 0.05 / 3)
    for ratio in family:
        assert ratio.interval and ratio.verdict == judge(ratio.interval)
    assert compare_family([]) == []


def test_false_differences_in_a_family_stay_below_5_percent() -> None:
    """Thirteen rows against one base: each for itself, four in ten comparisons would show a false one."""
    noise = random.Random(0)
    alone, together, trials = 0, 0, 400
    for _ in range(trials):
        base = [math.exp(noise.gauss(0, 0.05)) for _ in range(5)]
        rows = [([math.exp(noise.gauss(0, 0.05)) for _ in range(5)], base) for _ in range(13)]
        alone += any(compare_paired(*row).verdict in ("faster", "slower") for row in rows)
        together += any(ratio.verdict in ("faster", "slower") for ratio in compare_family(rows))
    assert alone / trials > 0.2
    assert together / trials < 0.05 + 4 * math.sqrt(0.05 * 0.95 / trials)


def test_pairing_cancels_slow_rounds() -> None:
    """A machine that slows in one round slows both; the ratio stays exact."""
    ratio = compare_paired([20.0, 60.0, 20.0], [10.0, 30.0, 10.0])
    assert ratio.interval == pytest.approx((2.0, 2.0))
    assert ratio.verdict == "faster"


@pytest.mark.parametrize("rounds", [3, 5])
def test_coverage_is_near_95_percent(rounds: int) -> None:
    """On lognormal noise the true ratio of 2 lies within the interval 95 times in 100."""
    noise = random.Random(rounds)
    trials, hits = 4000, 0
    for _ in range(trials):
        fast = [math.exp(noise.gauss(0, 0.1)) for _ in range(rounds)]
        slow = [2 * math.exp(noise.gauss(0, 0.1)) for _ in range(rounds)]
        low, high = compare_paired(slow, fast).interval or (0.0, 0.0)
        hits += low <= 2 <= high
    assert hits / trials == pytest.approx(0.95, abs=0.014)  # four standard errors


def test_agrees_with_scipy_welch() -> None:
    """Sides of unlike length and spread, on the log scale."""
    from scipy import stats

    now, before = [11.0, 12.5, 11.8, 12.1, 11.4], [10.0, 10.1, 9.9]
    (ratio,) = compare_unpaired([(now, before)])
    told = stats.ttest_ind([math.log(one) for one in now], [math.log(one) for one in before], equal_var=False)
    low, high = told.confidence_interval(0.95)
    assert ratio.interval == pytest.approx((math.exp(low), math.exp(high)))
    assert ratio.value == pytest.approx(math.exp(fmean(map(math.log, now)) - fmean(map(math.log, before))))
    assert (ratio.verdict, ratio.more_rounds) == ("faster", None)
    assert [
        share.confidence for share in compare_unpaired([(now, before), (before, before)])
    ] == pytest.approx([0.975, 0.95])


def test_unpaired_rounds_of_nothing_one_and_no_noise() -> None:
    assert compare_unpaired([([], [1.0]), ([0.0, 1.0], [1.0, 1.0])]) == [
        compare_paired([], []), compare_paired([], [])
    ]  # fmt: skip
    one, equal, apart = compare_unpaired(
        [([2.0], [1.0, 1.1]), ([1.0] * 2, [1.0] * 3), ([2.0] * 2, [1.0] * 2)]
    )
    assert (one.verdict, one.interval, one.value) == ("one_round", None, pytest.approx(2 / math.sqrt(1.1)))
    assert (equal.verdict, equal.interval) == ("about_the_same", pytest.approx((1.0, 1.0)))
    assert (apart.verdict, apart.interval) == ("faster", pytest.approx((2.0, 2.0)))


@pytest.mark.parametrize(("rounds", "noises"), [((3, 3), (0.1, 0.1)), ((5, 3), (0.02, 0.1))])
def test_coverage_of_unpaired_rounds(rounds: tuple[int, int], noises: tuple[float, float]) -> None:
    """Few rounds on sides of unlike noise: Welch's interval holds the truth in no fewer than 93 of 100."""
    noise = random.Random(1)
    trials, hits = 1500, 0
    for _ in range(trials):
        now, before = (
            [math.exp(noise.gauss(0, size)) for _ in range(number)]
            for number, size in zip(rounds, noises, strict=True)
        )
        low, high = compare_unpaired([([1.1 * one for one in now], before)])[0].interval or (0.0, 0.0)
        hits += low <= 1.1 <= high
    assert 0.93 < hits / trials < 0.98


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
