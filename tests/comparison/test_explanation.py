"""Why one of two contestants is faster: the difference by its causes, which add up to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.collection import collect
from laptime.comparison.race import compare
from laptime.comparison.result import ComparisonResult, Explanation, read_result
from laptime.runs.between import add_between
from laptime.runs.job import RunJob
from laptime.runs.plan import read_plan
from laptime.spec import CompareSpec, ContestantSpec, ModelSpec, TrainingSpec
from tests.comparison.scripted import replay, write_scripted_run
from tests.comparison.test_race import Listener, ScriptedRunner

SLOW = ContestantSpec(name="slow", method="full", training={"precision": "fp32", "plain": True})
NOISE = (1.0, 1.01, 0.99)  # of the rounds, the same for all: it takes no part in a ratio


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


class KnownRunner(ScriptedRunner):
    """Trains as long as precision, speedups and method say: these are the causes to be found again."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.jobs: dict[str, RunJob] = {}

    def run(self, job: RunJob, on_event: Any) -> None:
        self.jobs[job.run] = job
        if job.run == self.dies_at:
            super().run(job, on_event)
        training = job.spec.training
        seconds = 10.0 if job.spec.method == "lora" else 25.0  # 15 s
        seconds += 20.0 if training.precision == "fp32" else 0.0
        if training.plain:  # takes more of a method that has more to do
            seconds += 10.0 if job.spec.method == "lora" else 40.0
        write_scripted_run(
            Path(job.folder), job.spec.method, job.spec.round, seconds * NOISE[max(job.spec.round, 1) - 1],
            started=1e9 + len(self.ran), comparison=job.comparison, spec=job.spec,
            contestant=job.contestant, is_between=job.role == "between",
            failed="out_of_memory" if job.contestant in self.fails else None,
        )  # fmt: skip
        replay(Path(job.folder), on_event)
        self.ran.append(job.run)


def make_spec(
    *contestants: ContestantSpec, methods: tuple[str, ...] = ("lora",), rounds: int = 3
) -> CompareSpec:
    model, training = ModelSpec(model="tiny"), TrainingSpec(seed=1)
    spec = CompareSpec(
        methods=methods, contestants=contestants, explain=True, rounds=rounds, model=model, training=training
    )
    return add_between(spec)


def race(folder: Path, spec: CompareSpec, runner: KnownRunner | None = None) -> ComparisonResult:
    return compare(spec, folder, runner or KnownRunner(), Listener(), "d")


def explained(result: ComparisonResult) -> Explanation:
    assert result.explanation is not None
    return result.explanation


def test_the_causes_are_found_and_add_up_to_the_difference(tmp_path: Path) -> None:
    result = race(tmp_path / "out", make_spec(SLOW))
    found = explained(result)
    assert (found.first, found.second, found.rounds, found.reason) == ("lora", "slow", [1, 2, 3], "")
    assert found.seconds == pytest.approx((14.0, 89.0))
    saved = {cause.name: cause.seconds for cause in found.causes}
    # Of the speedups' 10 and 40 s and the method's 15 and 45 s each is the mean of both orders.
    assert saved == pytest.approx({"precision": -20.0, "plain": -25.0, "method": -30.0})
    assert sum(saved.values()) == pytest.approx(found.seconds[0] - found.seconds[1])
    orders = {cause.name: cause.seconds_by_order for cause in found.causes}
    assert orders["precision"] == pytest.approx([-20.0, -20.0])
    assert orders["plain"] == pytest.approx([-10.0, -40.0])
    assert orders["method"] == pytest.approx([-45.0, -15.0])
    for cause in found.causes:
        assert sum(cause.parts.values()) == pytest.approx(cause.seconds)
        assert "train" not in cause.parts and {"first_step", "backward", "optimizer"} <= set(cause.parts)
        assert cause.verdict == "slower" and cause.interval and cause.confidence
    ratios = [cause.ratio for cause in found.causes]
    product = 1.0
    for ratio in ratios:
        product *= ratio or 0.0
    (pair,) = result.pairs
    assert product == pytest.approx(1 / (pair.total_ratio or 0.0), rel=1e-6)


def test_what_lies_between_stands_in_no_row_and_ends_when_it_has_saved(tmp_path: Path) -> None:
    runner = KnownRunner()
    result = race(tmp_path / "out", make_spec(SLOW, rounds=2), runner)
    assert [row.name for row in result.methods] == ["lora", "slow"] and len(result.pairs) == 1
    assert result.planned_rounds == 2 and result.complete
    between = {run: job for run, job in runner.jobs.items() if run.startswith("between")}
    assert len(between) == 8
    assert {(job.role, job.until) for job in between.values()} == {("between", "saving")}
    plan = read_plan(tmp_path / "out")
    assert plan.contestants == ["lora", "slow"]
    assert sorted(plan.racing[2:]) == ["between1", "between2", "between3", "between4"]
    assert read_result(tmp_path / "out").explanation == result.explanation


def test_one_thing_that_differs_is_split_by_parts_alone(tmp_path: Path) -> None:
    runner = KnownRunner()
    found = explained(race(tmp_path / "out", make_spec(methods=("full", "lora")), runner))
    assert [cause.name for cause in found.causes] == ["method"]
    assert found.causes[0].seconds == pytest.approx(15.0)
    assert len(found.causes[0].seconds_by_order) == 1
    assert not any(run.startswith("between") for run in runner.ran)


def test_a_run_between_that_fails_takes_its_order_away(tmp_path: Path) -> None:
    result = race(tmp_path / "out", make_spec(SLOW, rounds=2), KnownRunner(fails=("between3",)))
    found = explained(result)
    assert {cause.name: cause.seconds_by_order for cause in found.causes} == {
        "precision": pytest.approx([-20.1]), "plain": pytest.approx([-10.05]),
        "method": pytest.approx([-45.225]),
    }  # fmt: skip
    both = explained(
        race(tmp_path / "both", make_spec(SLOW, rounds=1), KnownRunner(fails=("between2", "between3")))
    )
    assert (both.reason, both.lacking, both.causes) == ("not_finished", ["between2", "between3"], [])


def test_nothing_that_differs_and_other_work_are_said(tmp_path: Path) -> None:
    same = explained(race(tmp_path / "same", make_spec(methods=("lora", "lora"), rounds=1)))
    assert same.reason == "nothing_differs"

    class Other(KnownRunner):
        def run(self, job: RunJob, on_event: Any) -> None:
            other = 2 if job.spec.method == "lora" else None
            write_scripted_run(
                Path(job.folder), job.spec.method, job.spec.round, other_work_at=other,
                comparison=job.comparison, spec=job.spec, contestant=job.contestant,
            )  # fmt: skip

    other = explained(race(tmp_path / "other", make_spec(methods=("full", "lora"), rounds=1), Other()))
    assert other.reason == "unequal_work" and other.seconds is None


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        race(folder, make_spec(SLOW, rounds=2), KnownRunner(dies_at="between2-r1"))
    so_far = collect(folder)
    assert not so_far.complete and explained(so_far).reason == "not_finished"
    second = KnownRunner()
    result = race(folder, make_spec(SLOW, rounds=2), second)
    assert result.complete and "between2-r1" in second.ran
    whole = race(tmp_path / "whole", make_spec(SLOW, rounds=2))
    assert explained(result).causes == explained(whole).causes


def test_without_it_nothing_is_explained(tmp_path: Path) -> None:
    spec = CompareSpec(methods=("full", "lora"), rounds=1, model=ModelSpec(model="tiny"))
    assert race(tmp_path / "out", spec).explanation is None
