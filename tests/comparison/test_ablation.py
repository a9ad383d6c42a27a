"""One speedup switched off at a time: what is planned, what the runs are told, what the figures say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.collection import collect
from laptime.comparison.race import compare
from laptime.comparison.result import Variant, read_result
from laptime.comparison.schedule import switch_off
from laptime.runs.job import RunJob
from laptime.runs.plan import read_plan
from laptime.spec import CompareSpec, ModelSpec, RunSpec, TrainingSpec
from tests.comparison.scripted import make_speedups, replay, switched_off, write_scripted_run
from tests.comparison.test_race import Listener, ScriptedRunner

NEEDS = {"projections": "blocks", "rows": "blocks"}
RUN_BY = {"full": ["head", "blocks", "rows"], "lora": ["head", "blocks", "projections", "rows"]}
SPEC = CompareSpec(rounds=2, ablate=True, model=ModelSpec(model="tiny"), training=TrainingSpec(seed=1))


class AblatedRunner(ScriptedRunner):
    """Trains in 10 s with all speedups; without one it takes as long as `factors` says, by round."""

    def __init__(self, factors: dict[str, Sequence[float]], dies_at: str = "") -> None:
        super().__init__(dies_at)
        self.factors = factors
        self.jobs: dict[str, RunJob] = {}
        self.changes: dict[str, dict[str, Any]] = {}

    def run(self, job: RunJob, on_event: Any) -> None:
        self.jobs[job.run] = job
        training, method = job.spec.training, job.spec.method
        if job.run == self.dies_at:
            super().run(job, on_event)
        off = set(RUN_BY.get(method, [])) if training.plain else set(training.without)
        off |= {name for name, needed in NEEDS.items() if needed in off}
        without = switched_off(job.run)
        factor = self.factors.get(without, [1.0] * 9)[max(job.spec.round, 1) - 1]
        ran = [name for name in RUN_BY.get(method, []) if name not in off]
        # A speedup of no step may run or not for reasons of its own.
        speedups = [
            *make_speedups(ran, sorted(off)),
            *make_speedups([] if without else ["save"], part="save"),
        ]
        write_scripted_run(
            Path(job.folder), method, job.spec.round, 10.0 * factor, started=1e9 + len(self.ran),
            without=without, speedups=speedups if method != "base" else (),
            comparison=job.comparison, spec=job.spec, contestant=job.contestant,
            **self.changes.get(job.run, {}),
        )  # fmt: skip
        replay(Path(job.folder), on_event)
        self.ran.append(job.run)


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


FACTORS = {"head": [2.0, 2.001], "blocks": [3.0, 3.1], "rows": [0.9, 1.2], "plain": [4.0, 4.1]}


def ablate(folder: Path, runner: AblatedRunner, spec: CompareSpec = SPEC) -> Any:
    return compare(spec, folder, runner, Listener(), "d")


def find(result: Any, method: str, without: str) -> Variant:
    (ablation,) = [each for each in result.ablation if each.method == method]
    (variant,) = [each for each in ablation.variants if each.without == without]
    return variant


def test_the_plan_grows_by_what_ran_in_round_one(tmp_path: Path) -> None:
    runner = AblatedRunner(FACTORS)
    result = ablate(tmp_path / "out", runner)
    assert result.complete
    assert sorted(runner.ran[1:3]) == ["full-r1", "lora-r1"], "which speedups run is known after these"
    first = [f"full-r1-without-{name}" for name in RUN_BY["full"]] + ["full-r1-plain"]
    first += [f"lora-r1-without-{name}" for name in RUN_BY["lora"]] + ["lora-r1-plain"]
    assert sorted(runner.ran[3:12]) == sorted(first), "saving is no part of a step, and is left on"
    second = ["full-r2", "lora-r2", *(name.replace("-r1", "-r2") for name in first)]
    assert sorted(runner.ran[12:]) == sorted(second)
    assert runner.ran[12:14] != ["full-r2", "lora-r2"], "later rounds are shuffled as a whole"
    assert [run.run for run in read_plan(tmp_path / "out").runs] == runner.ran


def test_ablation_runs_end_with_their_training_and_differ_in_one_thing(tmp_path: Path) -> None:
    runner = AblatedRunner(FACTORS)
    ablate(tmp_path / "out", runner)
    normal, without, plain = (
        runner.jobs[name] for name in ("lora-r2", "lora-r2-without-head", "lora-r2-plain")
    )
    assert [job.until for job in (normal, without, plain)] == ["end", "training", "training"]
    assert [job.role for job in (normal, without, plain)] == ["measured", "ablation", "ablation"]
    assert without.spec.training.without == ("head",) and not without.spec.training.plain
    assert plain.spec.training.plain
    assert without.spec.round == normal.spec.round, "the seed goes with the round"
    assert without.spec.data == normal.spec.data


def test_switching_off_leaves_the_rest_of_a_spec_alone() -> None:
    training = TrainingSpec(without=("rows",), speedups=("head", "blocks"))
    spec = RunSpec(
        method="lora_top", training=training, method_options={"top_layers": 2, "reuse_cache": True}
    )
    changed = switch_off(spec, "head")
    assert changed.training == TrainingSpec(without=("rows", "head"), speedups=("blocks",))
    assert changed.method_options == {"top_layers": 2}, "nothing is kept for later runs"
    assert switch_off(spec, "plain").training == TrainingSpec(plain=True)


def test_the_figures_are_paired_ratios_of_steady_steps(tmp_path: Path) -> None:
    result = ablate(tmp_path / "out", AblatedRunner(FACTORS))
    head = find(result, "lora", "head")
    assert head.ratio == pytest.approx((2.0 * 2.001) ** 0.5)
    assert head.interval[0] < head.ratio < head.interval[1]
    assert head.verdict == "faster", "the side with the speedup"
    assert head.step_seconds_by_round == pytest.approx([4.0, 4.002])
    assert next(each.step_seconds for each in result.ablation if each.method == "lora") == 2.0
    assert find(result, "lora", "rows").verdict == "not_settled"
    assert find(result, "lora", "blocks").also_off == ["projections", "rows"]
    assert find(result, "full", "blocks").also_off == ["rows"]
    assert find(result, "lora", "plain").also_off == [], "all of them: nothing more to say"
    assert read_result(tmp_path / "out") == result


def test_the_comparison_itself_is_as_if_there_were_no_ablation(tmp_path: Path) -> None:
    """The rows, pairs and questions hold no figure of it."""
    with_it = ablate(tmp_path / "a", AblatedRunner(FACTORS))
    spec = CompareSpec(rounds=2, model=SPEC.model, training=SPEC.training)
    without = ablate(tmp_path / "b", AblatedRunner(FACTORS), spec)
    assert without.ablation == []
    for part in ("methods", "pairs", "questions", "base", "quality_claim", "findings", "planned_rounds"):
        assert getattr(with_it, part) == getattr(without, part), part


def test_one_round_gives_ratios_without_an_interval(tmp_path: Path) -> None:
    spec = CompareSpec(rounds=1, ablate=True, model=SPEC.model, training=SPEC.training)
    head = find(ablate(tmp_path / "out", AblatedRunner(FACTORS), spec), "full", "head")
    assert (head.ratio, head.interval, head.verdict) == (pytest.approx(2.0), None, "one_round")


def test_an_interrupted_ablation_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = AblatedRunner(FACTORS)
    ablate(tmp_path / "whole", whole)
    for stop in (whole.ran[1], whole.ran[7], whole.ran[15]):
        folder = tmp_path / stop
        first = AblatedRunner(FACTORS, dies_at=stop)
        with pytest.raises(KeyboardInterrupt):
            ablate(folder, first)
        assert not collect(folder).complete
        second = AblatedRunner(FACTORS)
        result = ablate(folder, second)
        assert first.ran + second.ran == whole.ran
        assert result.complete


def test_a_comparison_between_round_one_and_its_ablation_is_not_complete(tmp_path: Path) -> None:
    class Cut(Listener):
        def planned(self, runs: Any, num_done: int, prospect: Any) -> None:
            if num_done:
                raise KeyboardInterrupt

    spec = CompareSpec(rounds=1, ablate=True, model=SPEC.model, training=SPEC.training)
    with pytest.raises(KeyboardInterrupt):
        compare(spec, tmp_path / "out", AblatedRunner(FACTORS), Cut(), "d")
    assert not collect(tmp_path / "out").complete
    assert ablate(tmp_path / "out", AblatedRunner(FACTORS), spec).complete


def test_a_variant_that_fails_or_does_other_work_gets_no_ratio(tmp_path: Path) -> None:
    runner = AblatedRunner(FACTORS)
    for number in (1, 2):
        runner.changes[f"full-r{number}-without-head"] = {"failed": "out_of_memory"}
    runner.changes["lora-r2-without-head"] = {"other_work_at": 3}
    result = ablate(tmp_path / "out", runner)
    failed, other = find(result, "full", "head"), find(result, "lora", "head")
    assert (failed.ratio, failed.verdict) == (None, "not_measured")
    assert [failure.reason for failure in failed.failures] == ["out_of_memory"] * 2
    assert (other.ratio, other.verdict) == (None, "unequal_work")
    assert result.complete


def test_with_nothing_to_switch_off_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUN_BY, "full", [])
    monkeypatch.setitem(RUN_BY, "lora", [])
    result = ablate(tmp_path / "out", AblatedRunner({}))
    assert result.complete and result.ablation == []
    assert [finding.code for finding in result.findings if "switch" in finding.code] == [
        "nothing_to_switch_off"
    ]


def test_an_unfinished_round_counts_in_neither_figure(tmp_path: Path) -> None:
    """The seconds and the ratio of a variant come from the same rounds."""
    result = ablate(tmp_path / "out", AblatedRunner(FACTORS))
    (tmp_path / "out" / "runs" / "lora-r2" / "record.jsonl").unlink()
    before, after = find(result, "lora", "head"), find(collect(tmp_path / "out"), "lora", "head")
    assert len(before.step_seconds_by_round) == 2
    assert after.step_seconds_by_round == before.step_seconds_by_round[:1]
    assert after.ratio == pytest.approx(2.0)
