"""A race that is interrupted while another trainer is at work: nothing stays behind, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from laptime.comparison.result import read_result
from laptime.runs.record import FILE_NAME
from tests.commands import laptime
from tests.trainers.scripted_python import HANGS

WORDS = [
    "compare", "--trainers", "trl", "--methods", "full", "--epochs", "1", "--rounds", "1",
    "--max-questions", "0", "--precision", "fp32", "--out", "race",
]  # fmt: skip


def find_processes(folder: Path, word: str = "race/runs") -> list[int]:
    """Return the processes that work in `folder` and whose command line holds `word`."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            here = process.name.isdigit() and (process / "cwd").resolve() == folder
            if here and word in (process / "cmdline").read_text():
                found.append(int(process.name))
        except OSError:  # it has just ended
            continue
    return found


def wait_for(condition: object, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def begin_and_hang(folder: Path) -> subprocess.Popen[bytes]:
    """Begin a race whose trainer hangs in its third step, and wait for it."""
    command = [sys.executable, "-m", "laptime", *WORDS, "--weight-decay", f"{HANGS:g}"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = folder / "race" / "runs" / "trl-r1" / FILE_NAME
    wait_for(lambda: record.exists() and record.read_bytes().count(b'"event":"step"') == 3)
    return process


def test_an_interrupted_race_leaves_no_trainer_at_work(tmp_path: Path, scripted_trl: None) -> None:
    process = begin_and_hang(tmp_path)
    assert find_processes(tmp_path)
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    wait_for(lambda: not find_processes(tmp_path), 10)
    assert not (tmp_path / "race" / "runs" / "trl-r1" / "scratch").exists()
    printed = laptime(tmp_path, "show", "race")
    assert "INCOMPLETE" in printed


def test_a_killed_watcher_takes_the_trainer_along(tmp_path: Path, scripted_trl: None) -> None:
    process = begin_and_hang(tmp_path)
    (watcher,) = find_processes(tmp_path, "laptime.training.other_trainer")
    assert len(find_processes(tmp_path)) == 2
    os.kill(watcher, signal.SIGKILL)
    process.wait(60)
    wait_for(lambda: not find_processes(tmp_path), 10)
    (failure,) = read_result(tmp_path / "race").methods[0].failures
    assert failure.reason == "killed"
