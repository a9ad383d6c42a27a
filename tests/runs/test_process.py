"""Processes that die, hang or speak in halves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from laptime.runs import process as processes
from laptime.runs.events import Phase, Started
from laptime.runs.job import RunJob
from laptime.runs.process import (
    end,
    find_silent_death,
    follow,
    measured_environment,
    write_first_line,
)
from laptime.runs.record import FILE_NAME, RecordWriter, read_record
from laptime.spec import RunSpec
from tests.records import make_line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log.txt").write_text("loading\nsomething broke\n\n")
    RecordWriter(tmp_path).write(Started(laptime="0", run="lora-r1", method="lora", round=1, spec={}))
    return tmp_path


def test_a_killed_run_becomes_a_failure_with_a_hint(folder: Path) -> None:
    failure = find_silent_death(folder, -9)
    assert failure
    assert (failure.reason, failure.message) == (
        "killed",
        "ended by SIGKILL; often the system is out of memory",
    )
    assert read_record(folder).status == "failed"
    assert find_silent_death(folder, -9) is None, "it is said once"


def test_a_run_that_dies_before_its_first_figure_is_still_known(tmp_path: Path) -> None:
    write_first_line(
        RunJob(run="lora-r1", spec=RunSpec(method="lora"), folder=str(tmp_path), inputs="inputs")
    )
    find_silent_death(tmp_path, -9)
    record = read_record(tmp_path)
    assert (record.started.method, record.status) == ("lora", "failed")
    assert record.failed and record.failed.reason == "killed"


def test_a_run_that_ends_without_a_word_shows_its_log(folder: Path) -> None:
    failure = find_silent_death(folder, 3)
    assert failure and failure.reason == "left"
    assert failure.message == "left with code 3 before the end: something broke"


def test_events_are_followed_line_by_line(folder: Path) -> None:
    line = make_line({"event": "phase", "name": "load", "seconds": 1.0})
    script = (
        "import sys, time\n"
        "file = open(sys.argv[1], 'ab', buffering=0)\n"
        f"file.write({line[:20]!r})\n"
        "time.sleep(0.3)\n"
        f"file.write({line[20:]!r})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(folder / FILE_NAME)])
    heard: list[object] = []
    follow(process, folder / FILE_NAME, heard.append)
    assert [type(event) for event in heard] == [Started, Phase]


def test_a_deaf_process_is_ended_with_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.3)
    script = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    child = int(process.stdout.readline())
    end(process)  # type: ignore[arg-type]
    assert process.returncode == -9
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        if "Z" in Path(f"/proc/{child}/stat").read_text().split(")")[1][:4]:
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{child}").exists()


def test_runs_see_no_secret_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    monkeypatch.setenv("WANDB_API_KEY", "wandb_canary")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    environment = measured_environment()
    assert "canary" not in " ".join(environment.values())
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["OMP_NUM_THREADS"] == "2"
    assert os.environ["HF_TOKEN"] == "hf_canary", "the user's own environment is left alone"
