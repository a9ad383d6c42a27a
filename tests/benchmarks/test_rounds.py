"""The simulation drives the code that judges real comparisons; a few hundred of its comparisons are quick."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROUNDS = Path(__file__).parents[2] / "benchmarks" / "rounds"
sys.path.insert(0, str(ROUNDS))

import equal_runs  # noqa: E402
import simulate  # noqa: E402

from laptime.comparison.statistics import Ratio  # noqa: E402

TRIALS = 300


def test_looking_after_every_round_keeps_false_differences_under_5_percent() -> None:
    ends = simulate.races(TRIALS, 1.0, 0.03, "auto")
    assert simulate.share(ends, "faster", "slower") <= 0.05
    assert {rounds for _, rounds in ends} > {3}, "some go on"
    plain = simulate.races(TRIALS, 1.0, 0.03, "auto at 95 %")
    assert simulate.share(plain, "faster", "slower") > simulate.share(ends, "faster", "slower")


def test_a_place_that_costs_time_passes_for_a_difference_by_chance_alone() -> None:
    by_order = {row["order"]: row["false"] for row in simulate.measure_order(TRIALS) if row["rounds"] == 3}
    assert by_order["balanced"] < 0.05
    assert by_order["left to chance"] > 0.15
    same_place = simulate.measure_same_place(TRIALS)
    assert same_place["balanced"] == 0
    assert 0.15 < same_place["left to chance"] < 0.35


def test_three_methods_and_looks_together_stay_under_5_percent() -> None:
    ends = [simulate.race_three(seed, 0.03) for seed in range(TRIALS)]
    false = sum(any(one.verdict in ("faster", "slower") for one in found) for found, _ in ends)
    assert false <= 0.05 * len(ends)
    assert {rounds for _, rounds in ends} <= set(range(3, 11))


def test_a_difference_of_half_an_interval_could_well_be_missed() -> None:
    shown = [row["shown"] for row in simulate.measure_resolution(TRIALS)]
    assert all(0.4 < share < 0.75 for share in shown)


def test_the_code_that_judges_is_that_of_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy of it: what it is replaced by decides."""
    always = Ratio(value=2.0, interval=(1.99, 2.01), verdict="faster", confidence=0.99)
    monkeypatch.setattr(simulate, "compare_paired", lambda *_: always)
    assert simulate.race(1, 1.0, 0.5, "auto") == (always, 3)
    monkeypatch.setattr(simulate, "find_end", lambda _, rounds: "most" if rounds == 7 else "")
    assert simulate.race(1, 1.0, 0.5, "auto") == (always, 7)


def test_the_intervals_of_equal_runs_are_those_after_each_round() -> None:
    rows = equal_runs.list_intervals([10.0, 10.0, 10.0], [10.1, 10.1, 10.1])
    assert [row["rounds"] for row in rows] == [2, 3]
    assert rows[-1]["ratio"] == pytest.approx(1.01)
    assert rows[-1]["verdict"] == "faster"


def test_the_documented_figures_are_those_of_the_result_file() -> None:
    repository = ROUNDS.parents[1]
    text = (repository / "docs" / "statistics.md").read_text(encoding="utf-8")
    (name,) = set(re.findall(r"\.\./(benchmarks/results/simulation_\w+\.json)", text))
    figures = json.loads((repository / name).read_text(encoding="utf-8"))
    false = {(row["rounds"], row["noise"]): row for row in figures["false_differences"]}
    for noise in simulate.NOISES:
        row = [100 * false[rounds, noise]["false"] for rounds in (3, 5, 10, "auto")]
        row += [false["auto", noise]["mean_rounds"], 100 * false["auto at 95 %", noise]["false"]]
        shown = [float(cell) for cell in find_row(text, noise)]
        assert shown == pytest.approx(row, abs=0.0501), noise
    power = {(row["rounds"], row["ratio"]): row for row in figures["power"] if row["noise"] == "3 %"}
    for ratio in (1.05, 1.1, 2.0):
        row = [100 * power[rounds, ratio]["shown"] for rounds in (2, 3, 5, 10, "auto")]
        shown = [float(cell.removesuffix(" %")) for cell in find_row(text, f"{ratio:.2f}x")]
        assert shown == pytest.approx(row, abs=0.501), ratio


def find_row(text: str, first: str) -> list[str]:
    """Return the cells of the table row that begins with `first`, but for that one."""
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in row.strip("|").split("|")[1:]]
