"""A process that is killed, stops, sleeps or leaves others behind: its row says so, the rest goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.race import compare
from laptime.data.input_manifest import InputJob, InputManifest
from laptime.errors import UserError
from laptime.runs import process as processes
from laptime.runs import watchdog as watch
from laptime.runs.events import Started, Step
from laptime.runs.job import RunJob
from laptime.runs.process import ProcessRunner, kill_group, tell_preparation
from laptime.runs.record import FILE_NAME, RecordWriter, read_record
from laptime.runs.watchdog import End, HungError, Life, follow
from laptime.spec import CompareSpec, ModelSpec, RunSpec, TrainingSpec
from tests.comparison.scripted import write_scripted_run
from tests.comparison.test_race import Listener, ScriptedRunner

SLEEPS = "import time; time.sleep(600)"
WORKS = "import time\nend = time.time() + 2.5\nwhile time.time() < end: sum(range(10000))"
LEAVES_A_CHILD = (
    "import subprocess, sys; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True)"
)
CHILD_WORKS = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORKS!r}])"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, so that a hang shows within a second or two."""
    monkeypatch.setattr(watch, "LIFE_SECONDS", 0.1)
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run that has begun."""
    writer = RecordWriter(tmp_path)
    writer.write(Started(laptime="0", run="lora-r1", method="lora", round=1, spec={}))
    writer.close()
    return tmp_path


def begin(code: str) -> subprocess.Popen[bytes]:
    """Start a process that leads a group."""
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    return watch.process_state(pid) not in ("", "Z")


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait for something that others do."""
    end = time.monotonic() + seconds
    while not (done := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return done


@pytest.mark.parametrize(
    ("code", "stop", "said"),
    [
        (SLEEPS, False, "no event and no processor time for "),
        (SLEEPS, True, "(stopped by a signal)"),
        (WORKS.replace("2.5", "600"), True, "(stopped by a signal)"),
    ],
    ids=["sleeps", "sleeps_stopped", "works_stopped"],
)
def test_a_process_without_a_sign_of_life_is_hung(folder: Path, code: str, stop: bool, said: str) -> None:
    process = begin(code)
    try:
        if stop:
            time.sleep(0.2)
            os.kill(process.pid, signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(HungError) as error:
            follow(process, folder / FILE_NAME, lambda event: None, hang_minutes=1 / 60)
        assert said in str(error.value) and "before its first step" in str(error.value)
        assert time.monotonic() - begun > 0.9, "not before its time"
    finally:
        kill_group(process)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("code", [WORKS, CHILD_WORKS], ids=["itself", "by_its_child"])
def test_a_process_that_works_without_a_word_is_not(folder: Path, code: str) -> None:
    process = begin(code)
    follow(process, folder / FILE_NAME, lambda event: None, hang_minutes=1 / 60)
    kill_group(process)
    assert process.returncode == 0


def test_a_process_that_speaks_is_not(folder: Path) -> None:
    """It writes now and then and sleeps in between."""
    writer = RecordWriter(folder)

    def speak() -> None:
        for _ in range(50):
            time.sleep(0.1)
            writer.write(Started(laptime="0", run="lora-r1", method="lora", round=1, spec={}))

    process = begin("import time; time.sleep(5)")
    speaker = threading.Thread(target=speak)
    speaker.start()
    follow(process, folder / FILE_NAME, lambda event: None, hang_minutes=3 / 60)
    speaker.join()
    kill_group(process)
    assert process.returncode == 0


def test_a_timer_that_ticks_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a percent of a core over ten minutes: some library's thread wakes, nothing else."""
    clock = [1000.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(watch, "LIFE_SECONDS", 1.0)
    monkeypatch.setattr(watch, "process_ticks", lambda pid: int(clock[0] / 10))
    monkeypatch.setattr(watch, "group_ticks", lambda pid: int(clock[0] / 10))
    monkeypatch.setattr(watch, "moved_bytes", lambda pid: 0)
    life = Life(os.getpid(), 10)
    with pytest.raises(HungError):
        for _ in range(700):
            clock[0] += 1
            life.look()
    assert 600 <= life.silent_seconds < 605


def test_whoever_was_stopped_himself_did_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-Z and an hour the run is not called hung, though it was stopped too."""
    clock = [1000.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    life = Life(os.getpid(), 10)
    monkeypatch.setattr(Life, "shows_work", lambda self: False)
    clock[0] += 3600
    life.look()
    assert life.silent_seconds < 1


def test_long_steps_give_more_time() -> None:
    life = Life(os.getpid(), 10)
    assert life.longest_silence() == 600
    step: dict[str, Any] = {"epoch": 1, "loss": 1.0, "learning_rate": 1.0, "digest": ""}
    step |= {"trained_tokens": 1, "tokens": 1, "padded_tokens": 1}
    for number, seconds in enumerate((60.0, 50.0, 900.0), start=1):
        life.hear(Step(step=number, seconds=seconds, **step))
    assert life.longest_silence() == 20 * 60.0
    assert "after step 3" in life.describe()


def test_zero_minutes_wait_for_ever(folder: Path) -> None:
    process = begin("import time; time.sleep(1.6)")
    follow(process, folder / FILE_NAME, lambda event: None, hang_minutes=0)
    kill_group(process)
    assert process.returncode == 0


def test_grandchildren_end_with_their_process(folder: Path) -> None:
    process = begin(LEAVES_A_CHILD)
    assert process.stdout
    child = int(process.stdout.readline())
    follow(process, folder / FILE_NAME, lambda event: None)
    assert is_running(child), "it outlives the process itself"
    kill_group(process)
    assert wait_until(lambda: not is_running(child))
    assert process.returncode == 0, "how the process itself ended is still known"


def test_children_in_groups_of_their_own_work_for_their_parent() -> None:
    """As processes that train together do: their parent only waits."""
    code = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORKS!r}], start_new_session=True)"
    )
    process = begin(code)
    before = watch.group_ticks(process.pid)
    assert before is not None
    assert wait_until(lambda: (watch.group_ticks(process.pid) or 0) > before + 30)
    assert (watch.process_ticks(process.pid) or 0) < before + 30
    process.wait()


def test_the_end_is_noticed_when_it_comes() -> None:
    process = begin("import sys; sys.stdin.read()")
    end = End(process)
    assert not end.wait(0.01)
    assert process.stdin
    process.stdin.close()
    assert end.wait(250)
    assert process.returncode is None or process.returncode == 0
    end.close()
    kill_group(process)


class Doomed(ProcessRunner):
    """Real processes that do what a test says instead of training; the inputs are scripted."""

    def __init__(self, does: dict[str, str]) -> None:
        super().__init__()
        self.does = does
        self.scripted = ScriptedRunner()

    def prepare(self, job: InputJob) -> InputManifest:
        return self.scripted.prepare(job)

    def _process_for(self, job: RunJob) -> subprocess.Popen[bytes]:
        (Path(job.folder) / processes.LOG_FILE).write_text("")
        if code := self.does.get(job.run):
            process = begin(code)
            if code is LEAVES_A_CHILD:
                assert process.stdout
                self.grandchild = int(process.stdout.readline())
            return process
        (Path(job.folder) / FILE_NAME).unlink()
        write_scripted_run(
            Path(job.folder), job.spec.method, job.spec.round, comparison=job.comparison, spec=job.spec
        )
        return begin("")


def test_the_rest_of_a_comparison_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kills_itself = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    runner = Doomed({"full-r1": kills_itself, "lora-r1": SLEEPS, "full-r2": LEAVES_A_CHILD})
    spec = CompareSpec(
        rounds=2, model=ModelSpec(model="tiny"), training=TrainingSpec(seed=1, hang_minutes=1 / 60)
    )
    result = compare(spec, tmp_path / "out", runner, Listener(), "d")
    assert result.complete
    failures = {failure.run: failure for method in result.methods for failure in method.failures}
    assert {run: failure.reason for run, failure in failures.items()} == {
        "full-r1": "killed", "lora-r1": "hung", "full-r2": "left",
    }  # fmt: skip
    assert failures["full-r1"].message.startswith("ended by SIGKILL")
    assert failures["lora-r1"].message.endswith("; its processes were ended")
    assert [method.status for method in result.methods] == ["failed", "partly_failed"]
    assert wait_until(lambda: not is_running(runner.grandchild))
    again = compare(spec, tmp_path / "out", Doomed({}), Listener(), "d")
    failures = {failure.run: failure.reason for method in again.methods for failure in method.failures}
    assert failures == {"full-r2": "left"}, "what was ended from outside was tried once more"
    assert (tmp_path / "out" / "runs" / "full-r1.interrupted-1").is_dir()


def test_a_record_that_disappears_ends_the_run(folder: Path) -> None:
    process = begin(SLEEPS)
    threading.Timer(0.3, (folder / FILE_NAME).unlink).start()
    with (
        pytest.raises(UserError) as error,
        processes.ended_on_error(process),
    ):
        follow(process, folder / FILE_NAME, lambda event: None)
    assert str(error.value) == f"{folder}: deleted while its run went on; the run was ended"
    assert process.returncode is not None


def test_a_preparation_that_dies_or_hangs_is_one_line(tmp_path: Path) -> None:
    (tmp_path / processes.LOG_FILE).write_text("--model m: no such folder\n")
    assert tell_preparation(tmp_path, 2) == "--model m: no such folder"
    killed = tell_preparation(tmp_path, -9)
    assert killed.endswith("could not be prepared: ended by SIGKILL; often the system is out of memory")
    process = begin(SLEEPS)
    with pytest.raises(UserError, match=r"could not be prepared: no event .*, so it was ended$"):
        processes.await_manifest(process, tmp_path / "facts.json", hang_minutes=1 / 60)
    assert process.returncode == -signal.SIGKILL


def test_watching_costs_next_to_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own intervals, beside a process that works: less than one percent of a core, by far."""
    monkeypatch.setattr(watch, "LIFE_SECONDS", 1.0)
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.25)
    process = begin(WORKS)
    began, used = time.monotonic(), time.thread_time()
    life = follow(process, folder / FILE_NAME, lambda event: None, hang_minutes=10)
    share = (time.thread_time() - used) / (time.monotonic() - began)
    kill_group(process)
    assert share < 0.01
    assert life.peak_bytes > 1 << 20


def test_a_real_run_that_is_killed_leaves_its_row(tmp_path: Path) -> None:
    """The whole path: a process of `laptime.training.run`, killed from outside as soon as it is there."""
    job = RunJob(
        run="lora-r1", spec=RunSpec(method="lora"), folder=str(tmp_path), inputs=str(tmp_path / "none")
    )
    killed: list[int] = []
    original = processes.follow

    def kill_first(process: subprocess.Popen[bytes], *arguments: Any) -> Life:
        os.kill(process.pid, signal.SIGKILL)
        killed.append(process.pid)
        return original(process, *arguments)

    processes.follow, heard = kill_first, []  # type: ignore[assignment]
    try:
        ProcessRunner().run(job, heard.append)
    finally:
        processes.follow = original  # type: ignore[assignment]
    failed = read_record(tmp_path).failed
    assert killed and failed and failed.reason == "killed"
    assert heard[-1] == failed
