"""Jobs over the same examples, done one after another by a few processes that are started once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file

from laptime.data.input_manifest import InputJob
from laptime.runs.job import RunJob
from laptime.runs.record import RunRecord, read_record
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, RunSpec, TrainingSpec
from laptime.training.preprocess import prepare
from tests.conftest import REPOSITORY
from tests.training.rank_program import MEMORY_FILE

RATES = {"lora": 1e-3, "full": 2e-4}  # ordinary ones


class Race:
    """Jobs over the same examples, each by some processes."""

    def __init__(self, home: Path, model: str) -> None:
        self.home, self.model, self.num_jobs = home, model, 0
        for folder in ("jobs", "made"):
            (home / folder).mkdir(parents=True)
        prepare(
            InputJob(
                model=ModelSpec(model=model), data=DataSpec(), answers=AnswerSpec(max_questions=0),
                training=TrainingSpec(), folder=str(home / "inputs"),
            )
        )  # fmt: skip

    def add(
        self, name: str, method: str, num_ranks: int, options: dict[str, Any] | None = None, **training: Any
    ) -> None:
        """Plan a job."""
        settings = {
            "device": "cpu",
            "precision": "fp32",
            "threads": num_ranks,
            "learning_rate": RATES[method],
        }
        spec = RunSpec(
            method=method, model=ModelSpec(model=self.model), method_options=options or {},
            training=TrainingSpec(**settings | training), answers=AnswerSpec(skip_self_checks=True),
        )  # fmt: skip
        devices = ["cpu"] * num_ranks if num_ranks > 1 else []
        job = RunJob(
            run=f"{method}-r1", spec=spec, folder=str(self.home / name), inputs=str(self.home / "inputs"),
            devices=devices,
        )  # fmt: skip
        self.plan(job)

    def limit(self, name: str, available_bytes: int) -> None:
        """Have a job find no more memory than so much."""
        (self.home / name).mkdir()
        (self.home / name / MEMORY_FILE).write_text(str(available_bytes))

    def plan(self, job: RunJob) -> None:
        """Have a job done after those before it."""
        self.num_jobs += 1
        (self.home / "jobs" / f"{self.num_jobs:03}").write_bytes(msgspec.json.encode(job))

    def run(self, num_ranks: int) -> None:
        """Do all of it."""
        environment = os.environ | {
            "MASTER_ADDR": "127.0.0.1",
            "WORLD_SIZE": str(num_ranks),
            "GLOO_SOCKET_IFNAME": "lo",
        }
        logs = [self.home / f"log-{rank}.txt" for rank in range(num_ranks)]
        ranks = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.training.rank_program", str(self.home)],
                cwd=REPOSITORY, env=environment | {"RANK": str(rank)}, stderr=log.open("w"),
            )
            for rank, log in enumerate(logs)
        ]  # fmt: skip
        deadline = time.monotonic() + 240
        while any(rank.poll() is None for rank in ranks) and not any(rank.poll() for rank in ranks):
            time.sleep(0.05)
            if time.monotonic() > deadline:
                break
        codes = [rank.poll() for rank in ranks]
        for rank in ranks:  # the others of one that has failed
            rank.kill()
            rank.wait()
        assert codes == [0] * num_ranks, "\n".join(log.read_text()[-2000:] for log in logs)

    def record(self, name: str) -> RunRecord:
        """Return what a job has left."""
        return read_record(self.home / name)

    def saved(self, name: str) -> dict[str, torch.Tensor]:
        """Return the weights that it has saved."""
        (file,) = (self.home / name / "saved").glob("*model.safetensors")
        return load_file(file)


def assert_same_losses(one: RunRecord, other: RunRecord, tolerance: float = 1e-5) -> None:
    """Assert that two runs made the same steps."""
    assert [step.digest for step in one.steps] == [step.digest for step in other.steps]
    differences = [abs(a.loss - b.loss) for a, b in zip(one.steps, other.steps, strict=True)]
    assert max(differences) < tolerance, differences
