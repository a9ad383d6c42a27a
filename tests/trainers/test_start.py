"""How a trainer's process begins and ends: what it sees, and what becomes the reason where it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from laptime.runs.events import Started
from laptime.runs.job import LOG_FILE
from laptime.runs.record import RecordWriter
from laptime.training.other_trainer import START, EndedError, find_failure
from laptime.training.peer_work import SCRATCH_FOLDER, make_environment

FAILS = """
import atexit, sys

def train(run):
    atexit.register(lambda: print("88%|####", file=sys.stderr))
    raise ValueError("no such model")
"""


def test_the_last_line_of_a_trainer_that_fails_is_the_reason(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(FAILS, encoding="utf-8")
    job = {
        "trainer_file": str(tmp_path / "fails.py"),
        "events": str(tmp_path / "events.jsonl"),
        "parent": os.getpid(),
        "spawned": 0.0,
    }
    (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(START), str(tmp_path / "job.json")], capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "ValueError: no such model"


@pytest.mark.parametrize(
    ("device", "visible", "seen"),
    [("cuda", None, "0"), ("cuda", "2,3", "2"), ("cuda", "GPU-5c,GPU-6d", "GPU-5c"), ("cpu", "2,3", "")],
)
def test_it_sees_the_device_that_ours_trains_on_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, visible: str | None, seen: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    (tmp_path / SCRATCH_FOLDER).mkdir()
    around: Any = SimpleNamespace(
        scratch=tmp_path / SCRATCH_FOLDER,
        device=torch.device(device),
        trainer=SimpleNamespace(environment={"ITS_OWN": "1"}),
    )
    environment = make_environment(around, 3, str(tmp_path))
    assert environment["CUDA_VISIBLE_DEVICES"] == seen and environment["ITS_OWN"] == "1"
    assert environment["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "out_of_memory"),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", "out_of_memory"),
        ("ValueError: no such model", "error"),
    ],
)
def test_memory_that_its_python_could_not_have_is_the_reason(tmp_path: Path, said: str, reason: str) -> None:
    (tmp_path / LOG_FILE).write_text(f"Traceback (most recent call last):\n{said}\n", encoding="utf-8")
    record = RecordWriter(tmp_path)
    record.write(Started(laptime="0", run="trl-r1", method="lora", round=1, spec={}))
    job: Any = SimpleNamespace(folder=str(tmp_path), spec=SimpleNamespace(trainer="trl"))
    failure = find_failure(EndedError(1), job, record, None)
    record.close()
    assert failure.reason == reason and failure.message == f"trl: ended with code 1: {said}"
