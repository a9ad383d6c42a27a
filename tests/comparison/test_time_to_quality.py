"""When rows reach a held-out loss: the first moment at or under it, with all that it leaves open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from laptime.comparison.checks import check_target
from laptime.comparison.collection import collect
from laptime.comparison.quality_figures import MomentLoss, Reached, TimeToQuality
from laptime.comparison.race import compare
from laptime.comparison.result import read_result, write_result
from laptime.comparison.time_to_quality import find_first
from laptime.errors import UserError
from laptime.runs.contestants import list_contestants
from laptime.runs.disk import count_results
from laptime.runs.job import RunJob
from laptime.runs.plan import read_plan, write_plan
from laptime.spec import CompareSpec, ContestantSpec, DataSpec, ModelSpec, RunSpec
from tests.comparison.scripted import write_scripted_comparison
from tests.comparison.test_race import SHAPE, Listener, ScriptedRunner


def ask(
    folder: Path, asked: Any, moments: dict[str, list[tuple[float, float | None]]]
) -> TimeToQuality | None:
    """Return the times of a scripted comparison, whose runs had come to `moments`."""
    names = dict.fromkeys(run.rpartition("-r")[0] for run in moments)
    number = max(int(run.rpartition("-r")[2]) for run in moments)
    write_scripted_comparison(
        folder,
        {name: [10.0 + place for place in range(number)] for name in names},
        {
            run: {"moments": some, "held_out_loss": some[-1][1] if some else 1.5}
            for run, some in moments.items()
        },
    )
    plan = read_plan(folder)
    write_plan(folder, msgspec.structs.replace(plan, spec=plan.spec | {"target_loss": asked}))
    result = collect(folder)
    write_result(folder, result)
    assert read_result(folder) == result
    return result.time_to_quality


def find(times: TimeToQuality | None, name: str) -> Reached:
    assert times
    return next(row for row in times.rows if row.contestant == name)


def test_the_first_moment_at_or_under_the_target_counts_and_nothing_in_between() -> None:
    moments = [
        MomentLoss(step=step, train_seconds=seconds, loss=loss)
        for step, (seconds, loss) in enumerate([(1.0, 3.0), (2.0, None), (4.0, 2.0), (8.0, 2.5)], 1)
    ]
    assert find_first(moments, 2.0) == (1.0, 4.0)
    assert find_first(moments, 3.5) == (0.0, 1.0)
    assert find_first(moments, 2.4) == (1.0, 4.0)  # 2.4 would lie at about 3 s
    assert find_first(moments, 1.9) == (None, None)


def test_slowest_is_the_worst_end_of_the_worst_row(tmp_path: Path) -> None:
    times = ask(
        tmp_path,
        "slowest",
        {
            "full-r1": [(5.0, 2.0), (10.0, 1.0)], "full-r2": [(5.0, 2.0), (10.0, 1.1)],
            "lora-r1": [(2.0, 3.0), (4.0, 1.9)], "lora-r2": [(2.0, 3.0), (4.0, 2.1)],
        },
    )  # fmt: skip
    assert times and (times.target, times.slowest, times.base_loss, times.first) == (2.1, "lora", 4.0, "lora")
    assert find(times, "lora").seconds == 4.0 and find(times, "full").seconds == 5.0
    assert find(times, "full").seconds_before_by_round == [0.0, 0.0]


def test_an_interval_holds_what_moments_leave_open(tmp_path: Path) -> None:
    times = ask(
        tmp_path,
        1.0,
        {
            f"{name}-r{number}": [(before, 2.0), (after, 1.0)]
            for number in (1, 2, 3)
            for name, before, after in (("full", 8.0, 9.0), ("lora", 3.0, 4.0))
        },
    )
    row = find(times, "full")
    assert row.ratio == pytest.approx(9 / 4)
    assert row.interval == pytest.approx((8 / 4, 9 / 3))  # the rounds are all the same
    assert row.verdict == "faster" and find(times, "lora").verdict == "not_measured"


def test_moments_that_overlap_settle_nothing(tmp_path: Path) -> None:
    times = ask(
        tmp_path,
        1.0,
        {
            f"{name}-r{number}": [(before, 2.0), (after, 1.0)]
            for number in (1, 2, 3)
            for name, before, after in (("full", 3.5, 9.0), ("lora", 3.0, 4.0))
        },
    )
    row = find(times, "full")
    assert row.verdict == "not_settled" and row.interval == pytest.approx((3.5 / 4, 9 / 3))


def test_not_reached_is_told_and_has_no_ratio(tmp_path: Path) -> None:
    times = ask(
        tmp_path,
        1.0,
        {
            "full-r1": [(5.0, 2.0), (10.0, 1.5)], "full-r2": [(5.0, 2.0), (10.0, 0.9)],
            "lora-r1": [(2.0, 3.0), (4.0, 1.0)], "lora-r2": [(2.0, 1.0), (4.0, 0.5)],
            "dora-r1": [], "dora-r2": [],
        },
    )  # fmt: skip
    assert times and times.left_out == ["dora"] and times.first == "lora"
    full = find(times, "full")
    assert (full.seconds, full.seconds_by_round, full.ratio) == (None, [None, 10.0], None)
    assert find(times, "lora").seconds_by_round == [4.0, 2.0]


def test_one_round_has_no_interval_and_none_that_got_there_no_first(tmp_path: Path) -> None:
    some = {"full-r1": [(5.0, 0.5)], "lora-r1": [(2.0, 0.5)]}
    row = find(ask(tmp_path / "one", 1.0, some), "full")
    assert (row.ratio, row.interval, row.verdict) == (2.5, None, "one_round")
    times = ask(tmp_path / "none", 0.1, some)
    assert times and times.first == "" and [row.verdict for row in times.rows] == ["not_measured"] * 2
    assert ask(tmp_path / "not_asked", None, some) is None


def make_spec(**changes: Any) -> CompareSpec:
    values: dict[str, Any] = {"target_loss": 1.0, "data": DataSpec(data=("a.jsonl",), held_out="0.1")}
    return CompareSpec(model=ModelSpec(model="tiny"), **(values | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": DataSpec(data=("a.jsonl",))}, "--target-loss: is a held-out loss; give --held-out"),
        ({"model": ModelSpec(model="tiny", random_weights=True)}, "--random-weights no loss means anything"),
        (
            {"methods": (), "contestants": (ContestantSpec(name="a", method="lora", trainer="trl"),)},
            "--target-loss: other trainers keep no moments; let laptime train a row too",
        ),
        ({"target_loss": None, "moments": 4}, "--moments: goes with --target-loss alone; give it too"),
    ],
)
def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    spec = replace(make_spec(), **changes)
    with pytest.raises(UserError, match=said):
        check_target(spec, list_contestants(spec))


def test_accepted() -> None:
    for spec in (make_spec(), make_spec(target_loss=None), make_spec(data=DataSpec())):
        check_target(spec, list_contestants(spec))


class NotingRunner(ScriptedRunner):
    """Notes at how many moments each run keeps its weights."""

    def run(self, job: RunJob, on_event: Any) -> None:
        self.moments = getattr(self, "moments", {}) | {job.run: job.moments}
        super().run(job, on_event)


def test_the_rows_keep_moments_and_the_base_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runner = NotingRunner()
    compare(make_spec(rounds=1, moments=5), tmp_path / "out", runner, Listener(), "d")
    assert runner.moments == {"base": 0, "full-r1": 5, "lora-r1": 5}


def test_the_disk_is_asked_for_the_moments_of_one_run() -> None:
    runs = [RunSpec(method="full", round=number) for number in (1, 2)]
    saved, kept = count_results(runs, SHAPE, moments=8)
    assert (saved, kept) == (count_results(runs, SHAPE)[0], 8 * 4 * SHAPE.num_parameters)
    assert count_results([replace(run, trainer="trl") for run in runs], SHAPE, moments=8)[1] == 0
