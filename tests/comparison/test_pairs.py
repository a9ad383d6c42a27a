"""Who is compared with whom, over which rounds, and what a method shows that races against itself."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from laptime.comparison.checks import check_spec
from laptime.comparison.collection import collect
from laptime.comparison.pairs import choose_rounds, headline_pair
from laptime.comparison.race import compare
from laptime.comparison.result import ComparisonResult, Pair
from laptime.runs.contestants import list_contestants, name_contestants, split_name
from laptime.runs.plan import read_plan
from laptime.spec import CompareSpec, ModelSpec, TrainingSpec
from tests.comparison.scripted import write_scripted_comparison
from tests.comparison.test_race import Listener, ScriptedRunner


@pytest.mark.parametrize(
    ("finished", "common"),
    [
        ({"full": [1, 2, 3], "lora": [1, 2, 3]}, {1, 2, 3}),
        ({"full": [1, 2, 3], "lora": [1, 3]}, {1, 3}),
        ({"full": [1, 2, 3], "lora": [1, 3], "dora": [1, 2]}, {1}),
        ({"full": [], "lora": [1, 2]}, {1, 2}),
        ({"full": [1], "lora": [2]}, {1}),
        ({"full": list(range(1, 11)), "lora": list(range(1, 11)), "dora": [4]}, set(range(1, 11))),
        ({"full": [1, 2, 3, 4], "dora": [4]}, {1, 2, 3, 4}),
        ({}, set()),
        ({"full": []}, set()),
    ],
)
def test_the_common_rounds_of_all_that_do_not_cost_the_others_half(
    finished: dict[str, list[int]], common: set[int]
) -> None:
    assert choose_rounds(finished) == common


def failed(*runs: str) -> dict[str, dict[str, Any]]:
    return {run: {"failed": "killed"} for run in runs}


def test_one_set_of_rounds_feeds_headline_and_table(tmp_path: Path) -> None:
    """Full is faster in each round, and its median over all its rounds is the greater: 44 s against 16 s."""
    seconds = {"full": [10.0, 44.0, 45.0, 11.0, 10.0], "lora": [15.0, 16.0, 17.0, 16.0, 15.0]}
    write_scripted_comparison(tmp_path, seconds, failed("full-r4", "lora-r2", "lora-r3"))
    result = collect(tmp_path)
    full, lora = result.methods
    (pair,) = result.pairs
    assert result.compared_rounds == [1, 5]
    assert (pair.faster, pair.num_rounds) == ("full", 2)
    assert pair.train_ratio == pytest.approx(1.5)
    assert (full.train_seconds, lora.train_seconds) == (10.0, 15.0)
    assert full.train_seconds_by_round == [10.0, 10.0]
    assert full.total_seconds == 14.0 and lora.phase_seconds["train"] == 15.0
    assert full.energy_joules == 500.0
    assert full.rounds == [1, 2, 3, 5], "what else finished is told, and kept"
    assert len(full.saved_paths) == 4


@pytest.mark.parametrize("seed", range(20))
def test_no_row_ever_contradicts_a_ratio(tmp_path: Path, seed: int) -> None:
    """Whatever fails, the geometric mean of the rounds shown in the rows is the ratio of the pair."""
    import random

    chance = random.Random(seed)
    seconds = {name: [chance.uniform(5, 50) for _ in range(5)] for name in ("full", "lora", "top")}
    gone = [f"{name}-r{number}" for name in seconds for number in range(1, 6) if chance.random() < 0.3]
    write_scripted_comparison(tmp_path, seconds, failed(*gone))
    result = collect(tmp_path)
    rows = {method.name: method.train_seconds_by_round for method in result.methods}
    assert {len(row) for row in rows.values()} <= {0, len(result.compared_rounds)}
    for pair in result.pairs:
        slower, faster = rows[pair.slower], rows[pair.faster]
        if not slower or not faster:
            assert pair.train_ratio is None
            continue
        logs = [math.log(above / below) for above, below in zip(slower, faster, strict=True)]
        assert pair.train_ratio == pytest.approx(math.exp(sum(logs) / len(logs)))
        assert pair.num_rounds == len(result.compared_rounds)
    for method in result.methods:
        assert method.train_seconds == (median(rows[method.name]) if rows[method.name] else None)


def test_one_that_finished_other_rounds_has_no_times_beside_the_others(tmp_path: Path) -> None:
    """It is flagged with what it took instead."""
    seconds = {"full": [20.0] * 4, "lora": [10.0] * 4, "top": [5.0] * 4}
    write_scripted_comparison(tmp_path, seconds, failed("top-r1", "top-r2", "top-r3"))
    result = collect(tmp_path)
    top = result.methods[2]
    assert result.compared_rounds == [1, 2, 3, 4]
    assert (top.train_seconds, top.total_seconds, top.steady_step_seconds) == (None, None, None)
    assert (top.rounds, top.status, len(top.saved_paths)) == ([4], "partly_failed", 1)
    assert top.final_train_loss is not None and top.peak_bytes
    (finding,) = [one for one in result.findings if one.code == "other_rounds"]
    assert finding.values == {"method": "top", "rounds": "4", "seconds": 5.0}
    verdicts = {(pair.faster, pair.slower): pair.verdict for pair in result.pairs}
    assert verdicts["lora", "full"] == "faster"
    assert {verdict for pair, verdict in verdicts.items() if "top" in pair} == {"not_measured"}


def test_more_than_two_methods_are_judged_together(tmp_path: Path) -> None:
    """What two alone would be shown is not, beside two more pairs."""
    seconds = {"full": [10.6, 11.5, 11.1, 10.5], "lora": [10.0] * 4}
    write_scripted_comparison(tmp_path / "two", seconds)
    write_scripted_comparison(tmp_path / "three", seconds | {"top": [9.0, 11.5, 10.0, 9.8]})
    (alone,) = collect(tmp_path / "two").pairs
    among = collect(tmp_path / "three").pairs[0]
    assert (alone.verdict, alone.train_confidence) == ("faster", pytest.approx(0.95))
    assert among.verdict == "not_settled" and among.more_rounds
    assert among.train_confidence == pytest.approx(1 - 0.05 / 3)
    assert among.train_ratio == alone.train_ratio


def make_pair(faster: str, slower: str, ratio: float | None, **changes: Any) -> Pair:
    values: dict[str, Any] = {
        "num_rounds": 3, "train_interval": None, "train_confidence": None, "verdict": "one_round",
        "total_ratio": None, "total_interval": None, "total_confidence": None,
        "total_verdict": "not_measured",
    }  # fmt: skip
    return Pair(faster=faster, slower=slower, train_ratio=ratio, **(values | changes))


def methods(*names: str) -> dict[str, str]:
    return {name: split_name(name)[0] for name in names}


def test_the_headline_is_of_two_methods_before_equal_runs() -> None:
    equal = make_pair("lora-2", "lora", 3.0, equal_runs=True)
    other = make_pair("dora", "lora", 1.1)
    last = make_pair("dora", "lora-2", 4.0)
    assert headline_pair([equal, other, last], methods("lora", "lora-2", "dora")) is other
    assert headline_pair([equal], methods("lora", "lora-2")) is equal
    assert headline_pair([], methods("lora")) is None


def test_two_trainers_of_a_method_come_before_two_methods() -> None:
    rows = {"laptime-full": "full", "trl-full": "full", "laptime-lora": "lora", "trl-lora": "lora"}
    trainers = {name: name.partition("-")[0] for name in rows}
    apart = make_pair("laptime-lora", "laptime-full", 9.0)
    full, lora = make_pair("laptime-full", "trl-full", 1.5), make_pair("laptime-lora", "trl-lora", 3.0)
    assert headline_pair([apart, lora, full], rows, trainers) is full
    assert headline_pair([apart, lora], rows, trainers) is lora
    assert headline_pair([apart, lora, full], rows) is apart, "where nobody says who trained"


def test_contestants_have_names_of_their_own() -> None:
    assert name_contestants(["lora", "full", "lora", "lora"]) == ["lora", "full", "lora-2", "lora-3"]
    assert split_name("lora-2") == ("lora", 2) and split_name("lora_top") == ("lora_top", 1)
    spec = CompareSpec(methods=("lora", "lora"), method_options={"lora": {"rank": 4}})
    assert [(one.name, one.method, one.run_spec.method_options) for one in list_contestants(spec)] == [
        ("lora", "lora", {"rank": 4}), ("lora-2", "lora", {"rank": 4})
    ]  # fmt: skip


def race_equal(folder: Path, **changes: Any) -> ComparisonResult:
    spec = CompareSpec(
        methods=("lora", "lora"), rounds=3, model=ModelSpec(model="tiny"), training=TrainingSpec(**changes)
    )
    return compare(spec, folder, ScriptedRunner(), Listener(), "d")


def test_a_method_races_against_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows, each with runs and folders of its own, one pair that says what it is."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = race_equal(tmp_path / "out")
    assert [(method.name, method.method) for method in result.methods] == [
        ("lora", "lora"),
        ("lora-2", "lora"),
    ]
    assert [len(method.rounds) for method in result.methods] == [3, 3]
    assert {path.name for path in (tmp_path / "out" / "runs").iterdir()} == {
        "base", *(f"{name}-r{number}" for name in ("lora", "lora-2") for number in (1, 2, 3))
    }  # fmt: skip
    (pair,) = result.pairs
    assert pair.equal_runs and {pair.faster, pair.slower} == {"lora", "lora-2"}
    assert pair.verdict == "about_the_same", "the seconds are those of the script"
    assert result.complete and read_plan(tmp_path / "out").contestants == ["lora", "lora-2"]
    assert set(result.questions[0].answers) == {"base", "lora", "lora-2"}
    assert [finding.code for finding in result.findings if finding.level in ("unequal", "stated")] == []


def test_equal_runs_with_a_rate_of_their_method_are_no_mistake() -> None:
    spec = CompareSpec(methods=("lora", "lora"), training=TrainingSpec(learning_rate={"lora": 1e-4}))
    assert check_spec(spec)


def test_unequal_work_of_equal_runs_names_the_rows(tmp_path: Path) -> None:
    seconds = {"lora": [10.0, 10.0], "lora-2": [10.0, 10.1]}
    write_scripted_comparison(tmp_path, seconds, {"lora-2-r1": {"other_work_at": 2}})
    result = collect(tmp_path)
    assert result.pairs[0].verdict == "unequal_work"
    assert result.findings[0].values["methods"] == "lora, lora-2"
