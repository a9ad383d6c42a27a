"""What a person sees while a comparison runs."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from laptime.report import progress
from laptime.report.progress import TimeLeft, Watcher, shown_left
from laptime.report.screen import Screen
from laptime.runs.events import Answering, Data, Failed, Finished, Phase, Step
from laptime.runs.plan import PlannedRun
from laptime.runs.runner import Prospect

RUNS = [
    PlannedRun(run="base", method="base", round=0, role="base"),
    PlannedRun(run="full-r1", method="full", round=1),
    PlannedRun(run="lora-r1", method="lora", round=1),
    PlannedRun(run="lora-r2", method="lora", round=2),
]


def step(number: int, loss: float | None = 1.25) -> Step:
    return Step(
        step=number, epoch=1, loss=loss, learning_rate=1e-4, seconds=1.0,
        trained_tokens=5, tokens=10, padded_tokens=10, digest="d",
    )  # fmt: skip


def data() -> Data:
    return Data(
        name="x", digest="d", template="qa-ko", num_records=1, num_held_out=0,
        num_tokens=1, num_trained_tokens=1, num_cut=0, num_steps=50,
    )  # fmt: skip


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_plain_output_has_a_line_a_run_and_one_now_and_then(clock: list[float]) -> None:
    out = io.StringIO()
    watcher = Watcher(Console(file=out, width=200))
    watcher.planned(RUNS, 1, Prospect())
    watcher.began(RUNS[1])
    watcher.happened(data())
    for number in range(1, 13):
        clock[0] = float(number)
        watcher.happened(step(number))
    watcher.happened(Phase(name="train", seconds=12.0))
    watcher.happened(Finished(train_seconds=12.0, total_seconds=14.0, wall_seconds=20.0, peak_bytes={}))
    watcher.ended(RUNS[1])
    watcher.began(RUNS[2])
    watcher.happened(Failed(reason="out_of_memory", message="out of memory (tried 3 GB)"))
    watcher.ended(RUNS[2])
    assert out.getvalue().splitlines() == [
        "4 runs, each in a process of its own, 1 already done",
        "  full-r1: step 10/50  loss 1.250  10 tokens/s  all runs 2m20s left",
        "[2/4] full-r1: train 12.0 s, total 14.0 s",
        "[3/4] lora-r1: FAILED (out_of_memory): out of memory (tried 3 GB)",
    ]


def test_time_left_learns_from_each_method() -> None:
    left = TimeLeft(RUNS[1:], Prospect())
    assert left.estimate(15.0, 20.0)[0] == 15 + 20 + 20, "what is not known is as slow as what is"
    left.ended(RUNS[1], 24.0)
    assert left.estimate(2.0, 4.0)[0] == 2 + 24, "a method not yet seen is as slow as the slowest"
    left.ended(RUNS[2], 8.0)
    assert left.estimate(5.0, 10.0) == (5.0, 5.0)


def test_time_left_is_learnt_from_the_contestant_and_not_from_its_method() -> None:
    plain, again = (
        PlannedRun(run=f"plain-r{number}", method="lora", round=number, contestant="plain")
        for number in (1, 2)
    )
    left = TimeLeft([RUNS[2], plain, again], Prospect())
    left.ended(RUNS[2], 10.0)
    left.ended(plain, 40.0)
    assert left.estimate(1.0, 2.0)[0] == 39.0


def test_each_contestant_answers_once_and_the_time_left_knows_it() -> None:
    base = PlannedRun(run="base", method="base", round=0, role="base")
    left = TimeLeft([base, *RUNS[1:]], Prospect())
    left.ended(base, 30.0, answer_seconds=25.0)
    assert left.estimate(0.0, 10.0)[0] == 20 + 2 * 25, "full and lora, as long as the base"
    left.ended(RUNS[1], 30.0, answer_seconds=20.0)
    left.ended(RUNS[2], 35.0, answer_seconds=25.0)
    assert left.estimate(4.0, 10.0)[0] == 4.0, "lora has answered in round 1"


@pytest.mark.parametrize(
    ("answered", "together", "said"),
    [
        (0, 10, "answering 10 questions, token 37 of at most 128"),
        (4, 1, "answering question 5 of 10, token 37 of at most 128"),
        (2, 4, "answering questions 3 to 6 of 10, token 37 of at most 128"),
    ],
)
def test_answering_shows_how_far_it_has_come(
    clock: list[float], answered: int, together: int, said: str
) -> None:
    out = io.StringIO()
    watcher = Watcher(Console(file=out, width=200))
    watcher.began(RUNS[1])
    event = Answering(num_questions=10, answered=answered, together=together, tokens=37, most_tokens=128)
    for now in (5.0, 11.0, 13.0):
        clock[0] = now
        watcher.happened(event)
    assert out.getvalue().splitlines() == [f"  full-r1: {said}"]


def test_the_last_run_is_not_over_with_its_training() -> None:
    """One of 20 s, of which the training is 10 s: after 9 s of it 11 s are left."""
    left = TimeLeft(RUNS[2:], Prospect())
    left.ended(RUNS[2], 20.0)
    assert left.estimate(1.0, 10.0) == (11.0, 11.0)
    assert left.estimate(30.0, 50.0) == (30.0, 30.0), "it may take longer than the others did"


def test_time_left_counts_what_may_follow_up_to_the_limit(clock: list[float]) -> None:
    """Rounds that may be added make a range, which ends where --minutes does and never before the plan."""
    left = TimeLeft(RUNS[1:], Prospect(runs=RUNS[1:3] * 2))
    left.ended(RUNS[1], 20.0)
    left.ended(RUNS[2], 10.0)
    assert left.estimate(4.0, 10.0) == (4.0, 4.0 + 2 * 30.0)
    left.hope_for(Prospect(runs=RUNS[1:3] * 2, seconds=50.0))
    clock[0] = 20.0
    assert left.estimate(4.0, 10.0) == (4.0, 30.0), "of 50 s 20 are over"
    clock[0] = 60.0
    assert left.estimate(4.0, 10.0) == (4.0, 4.0)


def test_before_any_run_is_over_the_others_are_taken_to_start_as_slowly(clock: list[float]) -> None:
    """Imports and loading are most of a short run: 9 s before the first of ten steps of 1 s."""
    out = io.StringIO()
    watcher = Watcher(Console(file=out, width=200))
    watcher.planned(RUNS[1:], 0, Prospect())
    watcher.began(RUNS[1])
    watcher.happened(msgspec.structs.replace(data(), num_steps=10))
    clock[0] = 10.0
    watcher.happened(step(1))
    assert (
        out.getvalue().splitlines()[-1].endswith("step 1/10  loss 1.250  10 tokens/s  all runs 47 s left")
    ), "9 + 2 x 19"


def test_an_ablation_that_is_still_to_come_is_announced() -> None:
    out = io.StringIO()
    Watcher(Console(file=out, width=200)).planned(RUNS, 0, Prospect(ablates=True))
    assert out.getvalue() == (
        "4 runs, each in a process of its own; then those without each speedup that runs (--ablate)\n"
    )


def test_a_plan_that_grows_keeps_what_was_learnt_and_is_announced_once(clock: list[float]) -> None:
    out = io.StringIO()
    watcher = Watcher(Console(file=out, width=200))
    watcher.planned(RUNS, 0, Prospect(runs=RUNS[2:] * 7))
    for run in RUNS:
        watcher.began(run)
        clock[0] += 5.0
        watcher.ended(run)
    again = [
        PlannedRun(run="lora-r3", method="lora", round=3),
        PlannedRun(run="full-r3", method="full", round=3),
    ]
    watcher.planned([*RUNS, *again], 4, Prospect())
    watcher.began(again[0])
    watcher.happened(data())
    clock[0] += 10.0
    watcher.happened(step(1))
    lines = out.getvalue().splitlines()
    assert lines[0] == "4 runs, each in a process of its own; up to 14 more until the interval is narrow"
    assert len([line for line in lines if "process of its own" in line]) == 1
    assert watcher.num_runs == 6 and watcher.num_over == 4
    # 49 steps of 1 s are left of this run; full-r3 takes the 5 s that full took, by no guess from this run.
    assert lines[-1].endswith("54 s left")


def test_a_terminal_gets_a_live_line(clock: list[float]) -> None:
    out = io.StringIO()
    watcher = Watcher(Console(file=out, width=80, force_terminal=True, color_system=None))
    watcher.planned(RUNS, 0, Prospect())
    watcher.began(RUNS[1])
    watcher.happened(data())
    clock[0] = 1.0
    watcher.happened(step(1))
    watcher.happened(step(2, loss=None))
    watcher.live.progress.refresh()
    watcher.ended(RUNS[1])
    shown = out.getvalue()
    assert "[1/4] full-r1" in shown
    assert "step 2/50  loss not finite" in shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0 s"), (42.4, "42 s"), (125, "2m05s"), (3720, "1h02m")]
)
def test_estimates_have_no_decimals(seconds: float, shown: str) -> None:
    assert shown_left(seconds) == shown


def test_lines_stay_within_eighty_columns_and_paths_stay_whole() -> None:
    out, path = io.StringIO(), f"{'/'.join(['folder'] * 15)}/train.jsonl:17"
    watcher = Watcher(Screen(file=out, width=80))
    planned = PlannedRun(run="lora_top-r2-without-prepacked_weights", method="lora_top", round=2)
    watcher.planned([planned], 0, Prospect())
    watcher.began(planned)
    watcher.happened(Failed(reason="error", message=f"it cannot be read as it stands in {path}, nor mended"))
    watcher.ended(planned)
    lines = out.getvalue().splitlines()
    assert path in [line.strip(" ,") for line in lines]
    assert [line for line in lines if len(line) > 80] == [f"{path},"]
    assert len(lines) > 3


def test_progress_in_korean(clock: list[float]) -> None:
    out = io.StringIO()
    watcher = Watcher(Console(file=out, width=200), lang="ko")
    watcher.preparing()
    watcher.planned(RUNS, 1, Prospect())
    watcher.began(RUNS[1])
    watcher.happened(data())
    for number in range(1, 13):
        clock[0] = float(number)
        watcher.happened(step(number))
    watcher.happened(Answering(answered=0, together=2, num_questions=2, tokens=3, most_tokens=9))
    watcher.happened(Phase(name="train", seconds=12.0))
    watcher.happened(Failed(reason="out_of_memory", message="out of memory (tried 3 GB)"))
    watcher.ended(RUNS[1])
    watcher.say("2 threads (all cores free)")
    assert out.getvalue().splitlines() == [
        "데이터와 토크나이저를 읽는 중 ...",
        "실행 4개, 각각 별도 프로세스, 이미 1개 완료",
        "  full-r1: 스텝 10/50  손실 1.250  초당 토큰 10개  모든 실행 2분20초 남음",
        "[2/4] full-r1: 학습 12.0초, 실패(메모리 부족(OOM)): out of memory (tried 3 GB)",
        "스레드 2개(모든 코어가 비어 있음)",
    ]
