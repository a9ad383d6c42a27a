"""What the statistics do on times that are known: false differences, power, width, order, families of ratios.

    python benchmarks/rounds/simulate.py [--trials 4000]

Nothing is trained: seconds are drawn, and the code that judges a real comparison judges them: its order of
the runs, its intervals, its looks after each round. A run's seconds are lognormal about the truth; a round
has a noise of its own, which both sides share. "Spikes" are 5 % noise and half the time more in 1 of 20 runs.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

from result_file import write_result

from laptime.comparison.pairs import headline_pair
from laptime.comparison.result import Pair
from laptime.comparison.schedule import balance
from laptime.comparison.statistics import (
    CONFIDENCE,
    LOOKING,
    Ratio,
    compare_family,
    compare_paired,
    student_quantile,
)
from laptime.comparison.stopping import FEWEST_ROUNDS, MOST_ROUNDS, find_end

NOISES: dict[str, float] = {"1 %": 0.01, "3 %": 0.03, "5 %": 0.05, "10 %": 0.10, "spikes": -1.0}
RATIOS = (1.02, 1.05, 1.1, 1.5, 2.0)
ROUNDS = (2, 3, 5, 10)
ROUND_NOISE = 0.10
TWO = ("one", "other")
THREE = ("full", "lora", "dora")
PAIRS = tuple(combinations(THREE, 2))
Rule = Literal["auto", "auto at 95 %"] | int
Order = Callable[[Sequence[str], int, int], list[str]]


def shuffle(names: Sequence[str], seed: int, number: int) -> list[str]:
    """Return an order left to chance: what `balance` is measured against."""
    order = list(names)
    random.Random(f"{seed}-{number}").shuffle(order)
    return order


def draw_round(
    chance: random.Random, truth: dict[str, float], noise: float, order: Sequence[str], first_costs: float
) -> dict[str, float]:
    """Return invented seconds by name; the first of the round takes `first_costs` times as long."""
    shared = math.exp(chance.gauss(0, ROUND_NOISE))
    seconds = {name: truth[name] * shared * draw_noise(chance, noise) for name in order}
    seconds[order[0]] *= first_costs
    return seconds


def draw_noise(chance: random.Random, noise: float) -> float:
    """Return the factor of one run."""
    if noise >= 0:
        return math.exp(chance.gauss(0, noise))
    return math.exp(chance.gauss(0, 0.05)) * (1.5 if chance.random() < 0.05 else 1.0)


def race(
    seed: int, ratio: float, noise: float, rule: Rule, order: Order = balance, first_costs: float = 1.0
) -> tuple[Ratio, int]:
    """Return how one invented comparison of two ends, and after how many rounds."""
    chance, truth = random.Random(f"{seed} {ratio} {noise}"), {"one": 1.0, "other": ratio}
    fewest = rule if isinstance(rule, int) else FEWEST_ROUNDS
    rounds: list[dict[str, float]] = []
    while True:
        names = order(TWO, seed, len(rounds) + 1)
        rounds.append(draw_round(chance, truth, noise, names, first_costs))
        if len(rounds) < fewest:
            continue
        sides = [[each[name] for each in rounds] for name in ("other", "one")]
        found = compare_paired(*sides, LOOKING if rule == "auto" else CONFIDENCE)
        if isinstance(rule, int) or find_end(found.interval, len(rounds)):
            return found, len(rounds)


def races(trials: int, *arguments: Any, **options: Any) -> list[tuple[Ratio, int]]:
    """Return the ends of as many comparisons."""
    return [race(seed, *arguments, **options) for seed in range(trials)]


def share(found: Iterable[tuple[Ratio, int]], *verdicts: str) -> float:
    """Return how many of the ends have one of `verdicts`, from 0 to 1."""
    return round(fmean(ratio.verdict in verdicts for ratio, _ in found), 4)


def measure_false_differences(trials: int) -> list[dict[str, Any]]:
    """Return by rule and noise how often a difference is shown where there is none."""
    rules: list[Rule] = [*ROUNDS, "auto", "auto at 95 %"]
    rows = []
    for rule in rules:
        for name, noise in NOISES.items():
            ends = races(trials, 1.0, noise, rule)
            shown = {key: share(ends, key) for key in ("about_the_same", "not_settled")}
            row = {"rounds": rule, "noise": name, "false": share(ends, "faster", "slower")} | shown
            rows.append(row | {"mean_rounds": round(fmean(rounds for _, rounds in ends), 2)})
    return rows


def measure_power(trials: int) -> list[dict[str, Any]]:
    """Return by rule, noise and true ratio how often the difference is shown, and the interval's width."""
    rules: list[Rule] = [*ROUNDS, "auto"]
    rows = []
    for rule in rules:
        for name, noise in NOISES.items():
            for ratio in RATIOS:
                ends = races(trials, ratio, noise, rule)
                row = {"rounds": rule, "noise": name, "ratio": ratio, "shown": share(ends, "faster")}
                row |= {"called_about_the_same": share(ends, "about_the_same")}
                row |= {"median_width": round(median(measure_widths(ends)), 4)}
                rows.append(row | {"mean_rounds": round(fmean(rounds for _, rounds in ends), 2)})
    return rows


def measure_widths(ends: Iterable[tuple[Ratio, int]]) -> list[float]:
    """Return how many times its lower end the upper end of each interval is."""
    return [end.interval[1] / end.interval[0] for end, _ in ends if end.interval]


def measure_order(trials: int) -> list[dict[str, Any]]:
    """Return how often the first place, which costs 5 %, passes for a difference, by order of the runs."""
    orders: dict[str, Order] = {"balanced": balance, "left to chance": shuffle}
    rules: list[Rule] = [3, 5, 10, "auto"]
    return [
        {"order": name, "rounds": rule, "noise": "1 %", "false": share(ends, "faster", "slower")}
        | {"median_width": round(median(measure_widths(ends)), 4)}
        for name, order in orders.items()
        for rule in rules
        if (ends := races(trials, 1.0, 0.01, rule, order=order, first_costs=1.05))
    ]


def measure_same_place(trials: int) -> dict[str, float]:
    """Return in how many seeds one of two has the first place in all of three rounds."""
    orders: dict[str, Order] = {"balanced": balance, "left to chance": shuffle}
    return {
        name: fmean(len({order(TWO, seed, number)[0] for number in (1, 2, 3)}) == 1 for seed in range(trials))
        for name, order in orders.items()
    }


def measure_families(trials: int) -> list[dict[str, Any]]:
    """Return how often any of several ratios to one base shows a false difference, alone and by Holm."""
    rows = []
    for number in (2, 6, 13):
        alone, together = 0, 0
        for seed in range(trials):
            chance = random.Random(seed)
            base, *others = ([draw_noise(chance, 0.03) for _ in range(5)] for _ in range(number + 1))
            pairs = [(other, base) for other in others]
            alone += any(compare_paired(*pair).verdict in ("faster", "slower") for pair in pairs)
            together += any(ratio.verdict in ("faster", "slower") for ratio in compare_family(pairs))
        rows.append({"ratios": number, "each_alone": alone / trials, "by_holm": together / trials})
    return rows


def race_three(seed: int, noise: float) -> tuple[list[Ratio], int]:
    """Return how the three ratios of three equal methods end, after as many looks as the headline's takes."""
    chance, truth = random.Random(f"three {seed} {noise}"), dict.fromkeys(THREE, 1.0)
    rounds: list[dict[str, float]] = []
    while True:
        order = balance(THREE, seed, len(rounds) + 1)
        rounds.append(draw_round(chance, truth, noise, order, 1.0))
        seconds = {name: [each[name] for each in rounds] for name in THREE}
        found = compare_family([(seconds[one], seconds[other]) for one, other in PAIRS], LOOKING)
        if len(rounds) >= FEWEST_ROUNDS and find_end(headline_of(found).interval, len(rounds)):
            return found, len(rounds)


def headline_of(found: Sequence[Ratio]) -> Ratio:
    """Return the ratio that the headline would tell: of the first method against the fastest other."""
    pairs = [make_pair(slower, faster, one) for (slower, faster), one in zip(PAIRS, found, strict=True)]
    chosen = headline_pair(pairs, {name: name for name in THREE})
    return next(one for pair, one in zip(pairs, found, strict=True) if pair is chosen)


def make_pair(slower: str, faster: str, ratio: Ratio) -> Pair:
    """Return a pair of a comparison with this ratio."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("train_interval", "train_confidence", "total_ratio", "total_interval", "total_confidence")
    )
    return Pair(
        faster=faster, slower=slower, num_rounds=0, train_ratio=ratio.value, verdict=ratio.verdict,
        total_verdict="not_measured", **nothing,
    )  # fmt: skip


def measure_three(trials: int) -> list[dict[str, Any]]:
    """Return by noise how often any of three ratios shows a false difference under --rounds auto."""
    rows = []
    for name in ("1 %", "3 %", "10 %"):
        ends = [race_three(seed, NOISES[name]) for seed in range(trials)]
        false = fmean(any(one.verdict in ("faster", "slower") for one in found) for found, _ in ends)
        rounds = round(fmean(rounds for _, rounds in ends), 2)
        rows.append({"rounds": "auto", "noise": name, "any_false": round(false, 4), "mean_rounds": rounds})
    return rows


def measure_resolution(trials: int) -> list[dict[str, Any]]:
    """Return how often a difference is seen that is as large as half of the usual interval."""
    rows = []
    for rounds in (3, 5, 10):
        half = student_quantile(rounds - 1) * 0.05 * math.sqrt(2 / rounds)
        ends = races(trials, math.exp(half), 0.05, rounds)
        rows.append({"rounds": rounds, "noise": "5 %", "ratio": round(math.exp(half), 4)})
        rows[-1]["shown"] = share(ends, "faster")
    return rows


def main(trials: int) -> None:
    """Simulate all and write the result file."""
    figures = {
        "trials_a_row": trials,
        "most_rounds": MOST_ROUNDS,
        "false_differences": measure_false_differences(trials),
        "power": measure_power(trials),
        "first_place_costs_5_percent": measure_order(trials),
        "one_of_two_first_in_all_of_three_rounds": measure_same_place(trials),
        "families": measure_families(trials),
        "three_methods": measure_three(trials),
        "resolution": measure_resolution(trials),
    }
    print(write_result("simulation", figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=4000, help="comparisons a row [4000]")
    main(parser.parse_args().trials)
