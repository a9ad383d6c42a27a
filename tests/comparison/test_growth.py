"""--rounds auto: rounds follow until the interval is narrow or a limit is reached, over interruptions too."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from laptime.comparison.collection import collect
from laptime.comparison.growth import _tell_bound
from laptime.comparison.race import compare
from laptime.comparison.schedule import plan_runs
from laptime.comparison.stopping import MOST_ROUNDS, NARROW, choose_confidence, find_end, limit_seconds
from laptime.runs.events import Failed, Finished
from laptime.runs.job import RunJob
from laptime.runs.plan import Plan, read_plan, run_folder, write_plan
from laptime.runs.record import read_record
from laptime.runs.runner import Prospect
from laptime.spec import CompareSpec, ModelSpec, TrainingSpec
from tests.comparison.scripted import make_speedups, replay, switched_off, write_scripted_run
from tests.comparison.test_race import Listener, ScriptedRunner

SPEC = CompareSpec(model=ModelSpec(model="tiny"), training=TrainingSpec(seed=1))


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


class Racer(ScriptedRunner):
    """Takes the seconds that a function of method and round gives; one run says which speedups ran."""

    def __init__(self, seconds: Callable[[str, int], float], dies_at: str = "") -> None:
        super().__init__(dies_at)
        self.seconds = seconds
        self.fails: tuple[str, ...] = ()

    def run(self, job: RunJob, on_event: Any) -> None:
        if job.run == self.dies_at:
            super().run(job, on_event)
        method, number = job.spec.method, job.spec.round
        ran = ["head"] if method != "base" and not switched_off(job.run) else []
        write_scripted_run(
            Path(job.folder), method, number, self.seconds(method, number), started=1e9 + len(self.ran),
            without=switched_off(job.run), comparison=job.comparison, contestant=job.contestant,
            spec=job.spec, speedups=make_speedups(ran),
            failed="out_of_memory" if job.run in self.fails else None,
        )  # fmt: skip
        replay(Path(job.folder), on_event)
        self.ran.append(job.run)


def quiet(method: str, number: int) -> float:
    return {"full": 20.0, "lora": 10.0, "base": 0.0}[method] * (1 + 0.001 * (number % 2) * (method == "full"))


def noisy(method: str, number: int) -> float:
    """The same on average, with a scatter that ten rounds do not narrow to 5 %."""
    return 10.0 * (1 + 0.3 * random.Random(f"{method} {number}").random())


def calming(method: str, number: int) -> float:
    """Noisy at first; from round 4 on a round is like the mean of those before."""
    if method != "full":
        return 10.0
    return {1: 19.5, 2: 20.0, 3: 20.6}.get(number, 20.0)


def race(folder: Path, runner: ScriptedRunner, spec: CompareSpec = SPEC) -> Any:
    return compare(spec, folder, runner, Listener(), "d")


def test_a_quiet_machine_runs_three_rounds(tmp_path: Path) -> None:
    result = race(tmp_path / "out", Racer(quiet))
    assert (result.planned_rounds, result.rounds_end, result.complete) == (3, "narrow", True)
    (pair,) = result.pairs
    assert (pair.verdict, pair.train_confidence) == ("faster", pytest.approx(0.99))


def test_rounds_go_on_until_the_interval_is_narrow(tmp_path: Path) -> None:
    result = race(tmp_path / "out", Racer(calming))
    assert 3 < result.planned_rounds < MOST_ROUNDS
    assert result.rounds_end == "narrow"
    low, high = result.pairs[0].train_interval
    assert high / low < NARROW
    plan = read_plan(tmp_path / "out")
    assert plan.runs == plan_runs(
        CompareSpec(rounds=plan.num_rounds, model=SPEC.model, training=SPEC.training)
    )
    before = [record for record in plan.runs if record.round < plan.num_rounds]
    for run in plan.runs[len(before) :]:
        (run_folder(tmp_path / "out", run.run) / "record.jsonl").unlink()
    low, high = collect(tmp_path / "out").pairs[0].train_interval or (0.0, 0.0)
    assert high / low >= NARROW, "a round less would not have told"


def test_a_noisy_machine_stops_at_the_most(tmp_path: Path) -> None:
    result = race(tmp_path / "out", Racer(noisy))
    assert (result.planned_rounds, result.rounds_end) == (MOST_ROUNDS, "most")
    assert result.complete


def test_a_number_of_rounds_means_that_number(tmp_path: Path) -> None:
    spec = CompareSpec(rounds=4, model=SPEC.model, training=SPEC.training)
    result = race(tmp_path / "out", Racer(noisy), spec)
    assert (result.planned_rounds, result.rounds_end) == (4, "")
    assert result.pairs[0].train_confidence == pytest.approx(0.95), "nobody looked on the way"


def test_an_interrupted_comparison_goes_on_to_the_same_rounds(tmp_path: Path) -> None:
    whole = Racer(calming)
    expected = race(tmp_path / "whole", whole)
    for stop in (whole.ran[0], whole.ran[6], whole.ran[7], whole.ran[-1]):
        first, second = Racer(calming, dies_at=stop), Racer(calming)
        with pytest.raises(KeyboardInterrupt):
            race(tmp_path / stop, first)
        assert not collect(tmp_path / stop).complete
        result = race(tmp_path / stop, second)
        assert first.ran + second.ran == whole.ran
        assert (result.planned_rounds, result.rounds_end) == (expected.planned_rounds, expected.rounds_end)
    again = Racer(calming)
    race(tmp_path / "whole", again)
    assert again.ran == []


def test_between_the_last_run_and_the_decision_a_comparison_is_not_complete(tmp_path: Path) -> None:
    class Cut(Racer):
        def run(self, job: RunJob, on_event: Any) -> None:
            super().run(job, on_event)
            if len(self.ran) == 7:
                (tmp_path / "out" / "comparison.json").unlink()
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        race(tmp_path / "out", Cut(quiet))
    assert not collect(tmp_path / "out").complete
    second = Racer(quiet)
    assert race(tmp_path / "out", second).complete
    assert second.ran == []


def test_rounds_that_are_added_hold_the_ablation_too(tmp_path: Path) -> None:
    spec = CompareSpec(ablate=True, model=SPEC.model, training=SPEC.training)
    whole = Racer(calming)
    result = race(tmp_path / "whole", whole, spec)
    rounds = result.planned_rounds
    assert rounds > 3
    assert [len(variant.step_seconds_by_round) for one in result.ablation for variant in one.variants] == [
        rounds
    ] * 4
    for stop in (whole.ran[2], whole.ran[4], whole.ran[9], whole.ran[-2]):
        first, second = Racer(calming, dies_at=stop), Racer(calming)
        with pytest.raises(KeyboardInterrupt):
            race(tmp_path / stop, first, spec)
        assert race(tmp_path / stop, second, spec).complete
        assert first.ran + second.ran == whole.ran


@pytest.mark.parametrize(
    ("minutes", "rounds", "end"),
    [(0.1, 3, "minutes"), (2.0, 3, "minutes"), (3.0, 5, "minutes"), (60.0, 10, "most")],
)
def test_no_round_is_added_that_would_take_too_long(
    tmp_path: Path, minutes: float, rounds: int, end: str
) -> None:
    """Two runs of 10 s, with 7 s beside each, and the base's 7 s: three rounds take 109 s, five 177 s."""

    def seconds(method: str, number: int) -> float:
        return 10.0 * (1 + 0.1 * (number % 2) * (method == "lora")) if method != "base" else 0.0

    spec = CompareSpec(minutes=minutes, model=SPEC.model, training=SPEC.training)
    result = race(tmp_path / "out", Racer(seconds), spec)
    assert (result.planned_rounds, result.rounds_end) == (rounds, end)


def test_the_limit_counts_runs_and_not_the_night_between_two_attempts(tmp_path: Path) -> None:
    """An interruption changes nothing: the seconds are those of the records."""
    spec = CompareSpec(minutes=3.0, model=SPEC.model, training=SPEC.training)
    whole = Racer(noisy)
    expected = race(tmp_path / "whole", whole, spec)
    assert expected.rounds_end == "minutes" and expected.planned_rounds > 3
    first = Racer(noisy, dies_at=whole.ran[8])
    with pytest.raises(KeyboardInterrupt):
        race(tmp_path / "out", first, spec)
    plan = read_plan(tmp_path / "out")
    plan.created -= 86_400.0
    write_plan(tmp_path / "out", plan)
    second = Racer(noisy)
    result = race(tmp_path / "out", second, spec)
    assert first.ran + second.ran == whole.ran
    assert result.planned_rounds == expected.planned_rounds


def test_more_rounds_are_not_run_for_a_ratio_that_cannot_be(tmp_path: Path) -> None:
    failing = Racer(quiet)
    failing.fails = tuple(f"full-r{number}" for number in range(1, 11))
    result = race(tmp_path / "failed", failing)
    assert (result.planned_rounds, result.rounds_end) == (3, "no_ratio")
    alone = CompareSpec(methods=("lora",), model=SPEC.model, training=SPEC.training)
    result = race(tmp_path / "alone", Racer(quiet), alone)
    assert (result.planned_rounds, result.rounds_end) == (3, "no_ratio")


def test_a_round_that_the_disk_cannot_hold_is_not_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [10**12]
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free[0]})())

    class Filling(Racer):
        def run(self, job: RunJob, on_event: Any) -> None:
            super().run(job, on_event)
            if job.spec.round == 4:
                free[0] = 200_000_000

    result = race(tmp_path / "out", Filling(noisy))
    assert (result.planned_rounds, result.rounds_end, result.complete) == (4, "disk", True)


def test_a_run_that_was_killed_is_tried_once_in_a_call_however_often_the_plan_grows(tmp_path: Path) -> None:
    class Killed(Racer):
        def run(self, job: RunJob, on_event: Any) -> None:
            super().run(job, on_event)
            if job.run == "lora-r2":
                write_scripted_run(
                    Path(job.folder) / "again",
                    "lora",
                    2,
                    failed="killed",
                    comparison=job.comparison,
                    spec=job.spec,
                )
                (Path(job.folder) / "again" / "record.jsonl").replace(Path(job.folder) / "record.jsonl")

    runner = Killed(noisy)
    race(tmp_path / "out", runner)
    assert runner.ran.count("lora-r2") == 1
    assert len(runner.ran) == 1 + 2 * MOST_ROUNDS


def test_the_listener_hears_what_may_follow(tmp_path: Path) -> None:
    listener = Listener()
    compare(SPEC, tmp_path / "out", Racer(calming), listener, "d")
    assert listener.prospect.runs == [], "in the end nothing does"
    said = [line for line in listener.heard if "not narrower" in line]
    rounds = read_plan(tmp_path / "out").num_rounds
    assert len(said) == rounds - 3
    assert all(
        line.startswith(f"after round {3 + number} full takes ") and " times as long as lora, " in line
        for number, line in enumerate(said)
    ), "the same way round after every round"
    assert said[0].endswith(", not narrower than 5 %: round 4 follows")


@pytest.mark.parametrize(
    ("end", "shown"),
    [(1.234, "1.23"), (0.0065, "0.0065"), (4e-9, "<0.001"), (154.6, "154.60"), (218_482_355.0, ">999")],
)
def test_the_ends_of_a_wide_interval_are_told_as_such(end: float, shown: str) -> None:
    assert _tell_bound(end) == shown


def test_nothing_follows_the_rounds_of_a_method_alone(tmp_path: Path) -> None:
    """There is no interval that more of them would make narrow, so none is promised."""
    spec = replace(SPEC, methods=("lora",))
    listener = Listener()
    compare(spec, tmp_path / "out", Racer(calming), listener, "d")
    assert listener.prospects == [Prospect()] * 2
    plan = read_plan(tmp_path / "out")
    assert (plan.num_rounds, plan.rounds_end, plan.awaits_rounds) == (3, "no_ratio", False)


@pytest.mark.parametrize(
    ("interval", "rounds", "end"),
    [
        ((1.0, 1.049), 2, ""),
        ((1.0, 1.049), 3, "narrow"),
        ((2.0, 2.11), 3, ""),
        ((2.0, 2.11), 10, "most"),
        ((2.0, 2.09), 10, "narrow"),
        (None, 3, "no_ratio"),
    ],
)
def test_when_rounds_are_enough(interval: tuple[float, float] | None, rounds: int, end: str) -> None:
    assert find_end(interval, rounds) == end


def test_the_toy_has_two_minutes_and_a_model_as_many_as_it_takes() -> None:
    def limit(**options: Any) -> float | None:
        return limit_seconds({"model": {"model": options.pop("model", "builtin")}} | options)

    assert limit() == 120.0
    assert limit(minutes=10.0) == 600.0
    assert limit(model="meta-llama/Llama-3.2-1B") is None
    assert limit(model="meta-llama/Llama-3.2-1B", minutes=0.5) == 30.0


def test_what_looks_at_every_round_asks_for_more() -> None:
    assert choose_confidence({"rounds": "auto"}) == 0.99
    assert choose_confidence({"rounds": 10}) == 0.95
    assert choose_confidence({}) == 0.95


def test_a_plan_of_an_earlier_version_is_complete_as_it_was(tmp_path: Path) -> None:
    spec = CompareSpec(rounds=2, model=SPEC.model, training=SPEC.training)
    race(tmp_path / "out", Racer(quiet), spec)
    plan: Plan = read_plan(tmp_path / "out")
    plan.version = 2
    del plan.spec["minutes"]
    write_plan(tmp_path / "out", plan)
    text = (tmp_path / "out" / "plan.json").read_text()
    assert '"version": 2' in text
    result = race(tmp_path / "out", Racer(quiet), spec)
    assert result.complete and result.planned_rounds == 2


def test_seconds_of_a_run_are_those_of_its_processes(tmp_path: Path) -> None:
    from laptime.comparison.stopping import count_seconds

    finished = read_record(write_scripted_run(tmp_path / "a", "lora", 1, 10.0))
    assert isinstance(finished.finished, Finished)
    assert count_seconds([finished]) == finished.finished.wall_seconds == 17.0
    failed = read_record(write_scripted_run(tmp_path / "b", "lora", 1, 10.0, failed="out_of_memory"))
    assert isinstance(failed.failed, Failed)
    assert count_seconds([failed]) == failed.failed.time - failed.started.time
    assert count_seconds([read_record(write_scripted_run(tmp_path / "c", "lora", unfinished=True))]) == 0.0
