"""A run whose command was killed: it dies or saves, and nobody writes beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.runs import lock
from laptime.runs.folder import locked
from laptime.runs.record import FILE_NAME, read_record
from laptime.runs.record_lines import decode_events
from tests.commands import run_command
from tests.faults.test_children import is_running, wait_until

COMMAND = [sys.executable, "-m", "laptime"]
DIES = """
import os, signal, subprocess, sys
from pathlib import Path
from laptime.runs.folder import locked
from laptime.runs.lock import descriptors_to_hand_on
with locked(Path(sys.argv[1])):
    (Path(sys.argv[1]) / "record.jsonl").write_text("begun")
    child = subprocess.Popen(["sleep", "600"], pass_fds=descriptors_to_hand_on())
    print(child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def orphan(tmp_path: Path) -> int:
    """A process that was started under the lock of tmp_path/out by one that is dead."""
    process = subprocess.Popen([sys.executable, "-c", DIES, str(tmp_path / "out")], stdout=subprocess.PIPE)
    assert process.stdout
    pid = int(process.stdout.readline())
    process.wait()
    return pid


def test_who_comes_after_waits_for_an_orphan(
    tmp_path: Path, orphan: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lock, "SILENT_SECONDS", 0.0)
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill {orphan}"])
    with locked(tmp_path / "out"):
        assert not is_running(orphan)
    killer.wait()
    assert "waiting: a run whose command (pid " in capfd.readouterr().err


def test_an_orphan_that_never_ends_is_named_at_last(
    tmp_path: Path, orphan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.2)
    with (
        pytest.raises(UserError, match=r"a process of an earlier command still works there; end it first$"),
        locked(tmp_path / "out"),
    ):
        pass
    assert (tmp_path / "out" / "record.jsonl").read_text() == "begun"
    os.kill(orphan, signal.SIGKILL)


def test_a_process_whose_parent_is_gone_says_nothing(tmp_path: Path) -> None:
    """Its parent died before it could ask to be told."""
    module = ["-m", "laptime.startup.start", "laptime.training.run"]
    done = subprocess.run([sys.executable, *module, str(tmp_path / "job.json"), "1"], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, b"", b"")


def words(tmp_path: Path) -> list[str]:
    job = ["compare", "--rounds", "1", "--epochs", "2", "--max-questions", "0", "--skip-self-checks"]
    return [*job, "--threads", "1", "--out", str(tmp_path / "out")]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.1, 1.5])
def test_the_same_command_at_once_doubles_nothing(tmp_path: Path, seconds: float) -> None:
    """Its parent is killed soon after the run's job is there: while the run imports, or when it trains."""
    with (tmp_path / "output.txt").open("ab") as output:
        first = subprocess.Popen([*COMMAND, *words(tmp_path)], stdout=output, stderr=output)
    jobs = tmp_path / "out" / "runs"
    assert wait_until(lambda: bool(list(jobs.glob("*-r1/job.json"))), 120)
    time.sleep(seconds)
    first.kill()
    first.wait()
    done = run_command(words(tmp_path), None, os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    for method in ("full", "lora"):
        record = read_record(jobs / f"{method}-r1")
        events = decode_events((jobs / f"{method}-r1" / FILE_NAME).read_bytes())
        assert [step.step for step in record.steps] == list(range(1, 21))
        assert sum(type(event).__name__ == "Finished" for event in events) == 1
