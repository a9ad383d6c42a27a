"""Learning rates that are tried before a race: the grid, the choice, its growth, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from laptime.comparison.checks import check_tuning
from laptime.comparison.collection import collect
from laptime.comparison.race import compare
from laptime.comparison.result import ComparisonResult, Tuning, read_result
from laptime.comparison.tuning import find_middle
from laptime.errors import UserError
from laptime.methods.method import make_method, round_rate
from laptime.runs.contestants import list_contestants
from laptime.runs.job import RunJob
from laptime.runs.plan import read_plan
from laptime.spec import CompareSpec, ContestantSpec, DataSpec, ModelSpec, TrainingSpec
from tests.comparison.scripted import replay, write_scripted_run
from tests.comparison.test_race import SHAPE, Listener, ScriptedRunner

DEFAULTS = {name: make_method(name, {}).default_rate(SHAPE) for name in ("full", "lora")}


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


class RatedRunner(ScriptedRunner):
    """Its held-out loss grows with the distance of the rate from the best, in decades from the default."""

    def __init__(self, best: dict[str, float], **settings: Any) -> None:
        super().__init__(**settings)
        self.best = best
        self.jobs: dict[str, RunJob] = {}

    def run(self, job: RunJob, on_event: Any) -> None:
        self.jobs[job.run] = job
        if job.run == self.dies_at:
            raise KeyboardInterrupt
        method, loss = job.spec.method, 1.5
        is_trial = job.role == "tuning"
        if job.rate is not None and method in self.best:
            loss = 1.0 + abs(math.log10(job.rate / DEFAULTS[method]) - self.best[method])
        write_scripted_run(
            Path(job.folder), method, job.spec.round, 10.0, started=1e9 + len(self.ran), held_out_loss=loss,
            comparison=job.comparison, spec=job.spec, contestant=job.contestant,
            rate=job.rate if is_trial else None, failed="not_finite" if job.run in self.fails else None,
        )  # fmt: skip
        replay(Path(job.folder), on_event)
        self.ran.append(job.run)


def make_spec(
    *contestants: ContestantSpec, methods: tuple[str, ...] = ("full", "lora"), **changes: Any
) -> CompareSpec:
    values: dict[str, Any] = {"tune": 5, "rounds": 2, "training": TrainingSpec(seed=1)}
    return CompareSpec(
        methods=methods, contestants=contestants, model=ModelSpec(model="tiny"),
        data=DataSpec(held_out="0.1"), **(values | changes),
    )  # fmt: skip


def race(folder: Path, runner: RatedRunner, spec: CompareSpec | None = None) -> ComparisonResult:
    return compare(spec or make_spec(), folder, runner, Listener(), "d")


def find(result: ComparisonResult, name: str) -> Tuning:
    return next(one for one in result.tuning if one.contestant == name)


def test_the_best_of_a_grid_about_the_default_races(tmp_path: Path) -> None:
    runner = RatedRunner({"full": 0.5, "lora": 0.0})
    result = race(tmp_path / "out", runner)
    for name, exponent in (("full", 0.5), ("lora", 0.0)):
        found = find(result, name)
        assert [one.rate for one in found.tried] == pytest.approx(
            [DEFAULTS[name] * 10**e for e in (-1, -0.5, 0, 0.5, 1)], rel=0.03
        )
        assert found.chosen == pytest.approx(DEFAULTS[name] * 10**exponent, rel=0.03)
        assert found.is_bracketed and found.default_rate == DEFAULTS[name] and found.seconds > 0
        assert {runner.jobs[f"{name}-r{n}"].rate for n in (1, 2)} == {found.chosen}
    trials = [job for job in runner.jobs.values() if job.role == "tuning"]
    assert len(trials) == 10 and {job.until for job in trials} == {"evaluation"}
    seeds = {job.spec.training.seed for job in trials}
    assert len(seeds) == 1 and seeds.isdisjoint({1, 2})
    assert [row.name for row in result.methods] == ["full", "lora"] and result.complete
    assert result.planned_rounds == 2 and len(result.pairs) == 1
    assert runner.ran.index("full-r1") > max(runner.ran.index(job.run) for job in trials)
    assert read_result(tmp_path / "out").tuning == result.tuning


def test_a_best_at_the_edge_widens_the_grid_of_all_once(tmp_path: Path) -> None:
    runner = RatedRunner({"full": 1.4, "lora": 0.0})
    result = race(tmp_path / "out", runner)
    full, lora = find(result, "full"), find(result, "lora")
    assert len(full.tried) == len(lora.tried) == 7
    assert full.chosen == pytest.approx(DEFAULTS["full"] * 10**1.5, rel=0.03) and not full.is_bracketed
    assert lora.is_bracketed and lora.chosen == DEFAULTS["lora"]
    assert read_plan(tmp_path / "out").rates == {"full": full.chosen, "lora": lora.chosen}


def test_a_rate_that_fails_led_to_no_loss(tmp_path: Path) -> None:
    highest = f"lora-rate-{round_rate(DEFAULTS['lora'] * 10):g}"
    result = race(tmp_path / "out", RatedRunner({"lora": 0.4, "full": 0.0}, fails=(highest,)))
    lora = find(result, "lora")
    assert [one.loss is None for one in lora.tried] == [False, False, False, False, True]
    assert lora.chosen == pytest.approx(DEFAULTS["lora"] * 10**0.5, rel=0.03) and lora.is_bracketed


def test_rows_of_the_same_work_try_once_and_given_rates_stay(tmp_path: Path) -> None:
    given = ContestantSpec(name="given", method="lora", training={"learning_rate": 1e-5})
    runner = RatedRunner({"lora": 0.5})
    spec = make_spec(given, methods=("lora", "lora"), rounds=1)
    result = race(tmp_path / "out", runner, spec)
    assert [one.contestant for one in result.tuning] == ["lora"]
    rates = {run: job.rate for run, job in runner.jobs.items() if job.role == "measured"}
    assert rates["lora-r1"] == rates["lora-2-r1"] == find(result, "lora").chosen
    assert rates["given-r1"] is None and runner.jobs["given-r1"].spec.training.learning_rate == 1e-5


def test_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = race(tmp_path / "whole", RatedRunner({"full": 1.4, "lora": -0.5}))
    tried = sorted(run for run in whole.order if "rate" in run)
    for dies_at in ("lora-r1", tried[3]):
        folder = tmp_path / dies_at
        with pytest.raises(KeyboardInterrupt):
            race(folder, RatedRunner({"full": 1.4, "lora": -0.5}, dies_at=dies_at))
        assert not collect(folder).complete
        result = race(folder, RatedRunner({"full": 1.4, "lora": -0.5}))
        assert result.complete and set(tried) <= set(result.order)
        assert [one.chosen for one in result.tuning] == [one.chosen for one in whole.tuning]


def test_a_limit_of_time_is_the_race_s(tmp_path: Path) -> None:
    spec = make_spec(rounds="auto", minutes=2.0)  # ten trials alone take more
    result = race(tmp_path / "out", RatedRunner({}), spec)
    assert result.planned_rounds >= 3 and result.complete


def test_the_middle_of_a_grid_is_the_default() -> None:
    assert find_middle([1e-5, 3e-5, 1e-4, 3e-4, 1e-3]) == 1e-4
    assert find_middle([1e-5, 1e-4, 1e-3, 1e-2]) == pytest.approx(3.2e-4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": DataSpec(data="mine.jsonl")}, "--tune: chooses by the held-out loss; give --held-out"),
        (
            {"model": ModelSpec(model="tiny", random_weights=True)},
            "--tune: with --random-weights no loss means anything",
        ),
        ({"training": TrainingSpec(learning_rate=1e-4)}, "--tune: every row has a learning rate already"),
    ],
)
def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.jsonl").write_text('{"prompt": "a", "completion": "b"}')
    spec = replace(make_spec(), **changes)
    with pytest.raises(UserError) as error:
        check_tuning(spec, list_contestants(spec))
    assert str(error.value).startswith(said)


def test_without_it_nothing_is_tried(tmp_path: Path) -> None:
    result = race(tmp_path / "out", RatedRunner({}), make_spec(tune=None, rounds=1))
    assert result.tuning == []
