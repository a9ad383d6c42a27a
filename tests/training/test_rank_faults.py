"""Whole runs of two processes of which the second one dies, leaves, hangs or fails: it is named, and soon."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from laptime.runs.events import Failed, Resumed, Step
from laptime.runs.heartbeats import FILE_NAME as HEARTBEATS
from laptime.runs.heartbeats import Heartbeats, beats_file
from laptime.runs.record import FILE_NAME, read_record
from laptime.runs.record_lines import decode_events
from laptime.runs.watchdog import read_stat
from laptime.training.crew import kill
from laptime.training.rank_watch import GRACE_SECONDS, STILL_SECONDS
from tests.commands import Command, laptime
from tests.faults.test_children import is_running

DEADLINE = 120.0  # for what takes seconds
SOON = 15.0
FAULTS = """
import os, signal, time

# Saving takes what a disk takes, and who sleeps on the threshold of an exchange looks as if he were in it.
BUSY = {"save", "exchange"}

def leave(*_): os._exit(0)

def sleep(number, frame):
    while frame:
        if frame.f_code.co_name in BUSY or "distributed" in frame.f_code.co_filename:
            signal.signal(signal.SIGALRM, sleep)  # later; a thread for it could meet a lock that we hold
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            return
        frame = frame.f_back
    time.sleep(1000)

def fail(*_): raise ValueError("this row is bad")

if os.environ.get("RANK") == "1":
    time.sleep(float(os.environ.get("LATE", 0)))
    for number, does in enumerate((leave, sleep, fail)):
        signal.signal(signal.SIGRTMIN + number, does)
"""
LEAVE, SLEEP, FAIL = range(signal.SIGRTMIN, signal.SIGRTMIN + 3)
TRAIN = [
    "train", "--max-questions", "0", "--skip-self-checks", "--device", "cpu", "--precision", "fp32",
    "--batch-size", "3", "--threads", "1", "--epochs", "5000", "--devices", "2",
]  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables under which the second rank does what a signal says."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "sitecustomize.py").write_text(FAULTS)
    path = [str(tmp_path / "faults"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture
def begin(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[..., Command]]:
    """Begins a command; none outlives its test."""
    begun: list[Command] = []

    def begin_command(*words: str) -> Command:
        begun.append(Command(words, tmp_path, environment))
        return begun[-1]

    yield begin_command
    for process in begun:
        if process.returncode is None:
            process.kill()
    for file in tmp_path.rglob(HEARTBEATS):
        for beat in Heartbeats(file, 2).read():
            if beat.process:
                kill(beat.process)


def attempts(run: Path) -> list[list[Step | Failed | Resumed]]:
    """Return the steps of each attempt at a run, with what ended and what began it."""
    found: list[list[Step | Failed | Resumed]] = [[]]
    for event in decode_events((run / FILE_NAME).read_bytes()) if (run / FILE_NAME).exists() else []:
        if isinstance(event, Resumed):
            found.append([])
        if isinstance(event, (Step, Failed, Resumed)):
            found[-1].append(event)
    return found


def rank_process(run: Path, rank: int) -> int:
    """Return the process of a rank."""
    return Heartbeats(beats_file(run), 2).read()[rank].process


def wait_for_steps(run: Path, attempt: int = 0) -> None:
    """Wait until an attempt at a run has made some steps."""

    def has_steps() -> bool:
        found = attempts(run)
        return len(found) > attempt and sum(isinstance(event, Step) for event in found[attempt]) > 3

    assert await_(has_steps)


def await_(condition: Callable[[], bool]) -> bool:
    """Wait for something, without taking the processor from those who do it."""
    end = time.monotonic() + DEADLINE
    while not (done := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return done


def do_harm(run: Path, number: int, attempt: int = 0) -> float:
    """Send the second rank a signal in the middle of its training; returns when."""
    wait_for_steps(run, attempt)
    at = time.time()
    os.kill(rank_process(run, 1), number)
    return at


KILLED = (signal.SIGKILL, "killed", "rank 1: ended by SIGKILL")
LEFT = (LEAVE, "left", "rank 1: left with code 0")
STOPPED = (
    signal.SIGSTOP, "hung", "rank 1 did nothing for 8 s while the others waited (stopped by a signal); all",
)  # fmt: skip
ASLEEP = (SLEEP, "hung", "rank 1 did nothing for 8 s while the others waited; all were ended")
FAILED = (FAIL, "error", "rank 1: ValueError: this row is bad")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "faults"),
    [("lora", [LEFT, STOPPED]), ("full", [KILLED, ASLEEP, FAILED])],
)
def test_the_rank_that_does_not_go_on_is_named(
    tmp_path: Path, begin: Callable[..., Command], method: str, faults: list[tuple[int, str, str]]
) -> None:
    """One fault after another, with restarts in between; the last one ends it for good."""
    run, most = tmp_path / "run", len(faults) - 1
    words = ["--method", method, "--save-every", "2", "--max-restarts", str(most)]
    process = begin(*TRAIN, *words, "--out", "run")
    harmed_at = [do_harm(run, number, attempt) for attempt, (number, _, _) in enumerate(faults)]
    printed, errors = process.communicate(DEADLINE)
    assert process.returncode == 1, printed + errors
    told = attempts(run)
    for number, (attempt, at, (_, reason, said)) in enumerate(zip(told, harmed_at, faults, strict=True)):
        failed = attempt[-1]
        assert isinstance(failed, Failed) and failed.reason == reason
        assert failed.message.startswith(said)
        assert failed.step and failed.time - at < SOON
        if number:
            resumed = attempt[0]
            assert isinstance(resumed, Resumed) and resumed.step and resumed.restart == number
            assert resumed.restarted_after.startswith(faults[number - 1][2])
    for number in range(1, most + 1):
        assert f"restart {number} of at most {most}" in " ".join(printed.split())
    assert f"FAILED ({faults[-1][1]}): {faults[-1][2]}" in " ".join(printed.split())
    record = read_record(run)
    assert [step.step for step in record.steps] == list(range(1, len(record.steps) + 1))


def test_the_limits_leave_room_below_what_is_promised() -> None:
    assert STILL_SECONDS + GRACE_SECONDS < SOON - 2


def test_no_rank_outlives_the_command(tmp_path: Path, begin: Callable[..., Command]) -> None:
    """Killed, it can hand on nothing: its run is asked to stop once, both ranks save after the same step."""
    process = begin(*TRAIN, "--out", "run")
    wait_for_steps(tmp_path / "run")
    ranks = [rank_process(tmp_path / "run", rank) for rank in (0, 1)]
    process.kill()
    assert await_(lambda: not any(map(is_running, ranks)))
    failed, other = (read_record(tmp_path / "run" / place).failed for place in ("", "ranks/1"))
    assert failed and other and (failed.reason, failed.signal) == ("interrupted", signal.SIGTERM)
    assert (failed.message, failed.step) == (other.message, other.step)
    (checkpoint,) = (tmp_path / "run" / "checkpoints").iterdir()
    assert checkpoint.name == f"step-{failed.step:08d}"


def test_who_watches_the_ranks_may_not_be_stopped(tmp_path: Path, begin: Callable[..., Command]) -> None:
    """Nobody would see a rank hang; and nothing of the launcher's is left behind."""
    process = begin(*TRAIN, "--out", "run")
    wait_for_steps(tmp_path / "run")
    rank, at = rank_process(tmp_path / "run", 1), time.time()
    os.kill(int(read_stat(rank)[1]), signal.SIGSTOP)
    _, errors = process.communicate(DEADLINE)
    failed = read_record(tmp_path / "run").failed
    assert process.returncode == 1 and failed and failed.time - at < SOON, errors
    said = "the process that watches its ranks was stopped for 8 s"
    assert (failed.reason, failed.message) == ("hung", f"{said}; its processes were ended")
    assert await_(lambda: not is_running(rank))
    assert {path.name for path in (tmp_path / "run" / "ranks").iterdir()} == {"1", HEARTBEATS}


def test_what_is_stopped_while_its_ranks_start_leaves_nothing(
    tmp_path: Path, begin: Callable[..., Command], environment: dict[str, str]
) -> None:
    """So that the same command begins anew, as it says."""
    environment["LATE"] = "60"
    process = begin(*TRAIN, "--out", "run")
    assert await_(lambda: (tmp_path / "run" / "ranks").exists())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(DEADLINE)
    assert (process.returncode, (tmp_path / "run").exists()) == (130, False)
    assert "the same command begins anew" in errors


@pytest.mark.slow
def test_a_comparison_goes_on_without_a_rank_that_is_killed(
    tmp_path: Path, begin: Callable[..., Command], environment: dict[str, str]
) -> None:
    names = ["--contestant", "two=lora --devices 2 --batch-size 3", "--contestant", "one=lora"]
    job = ["compare", *names, "--rounds", "1", "--epochs", "20", "--max-steps", "80", "--threads", "1"]
    process = begin(*job, "--max-questions", "0", "--skip-self-checks", "--device", "cpu", "--out", "race")
    do_harm(tmp_path / "race" / "runs" / "two-r1", signal.SIGKILL)
    printed, errors = process.communicate(DEADLINE)
    assert process.returncode == 1, printed + errors
    assert "two-r1: the process was killed. rank 1: ended by SIGKILL" in " ".join(printed.split())
    assert read_record(tmp_path / "race" / "runs" / "one-r1").finished
    page = (tmp_path / "race" / "report.html").read_text()
    assert "rank 1: ended by SIGKILL" in page
    shown = laptime(tmp_path, "show", "race", forks=True, **environment)
    assert "rank 1: ended by SIGKILL" in " ".join(shown.split())
