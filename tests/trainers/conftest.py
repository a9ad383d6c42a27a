"""A scripted Python in the place of TRL's, and runs such as a trainer's file is given."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from laptime.trainers.environments import name_environment
from laptime.trainers.peer_job import LoraJob, PeerJob
from laptime.trainers.trainer import find_trainer
from laptime.training.other_trainer import START
from tests.caches import make_cache

MakeRun = Callable[..., Any]

SCRIPT = Path(__file__).parent / "scripted_python.py"


def write_python(folder: Path) -> Path:
    """Return a program in `folder` that behaves as scripted_python.py says."""
    file = folder / "python"
    file.write_text(f"#!{sys.executable}\n{SCRIPT.read_text(encoding='utf-8')}", encoding="utf-8")
    file.chmod(0o755)
    return file


@pytest.fixture(scope="module")
def scripted_trl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """TRL, installed in a cache of this module's own, as far as Laptime can tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(make_cache(tmp_path_factory.mktemp("cache-with-trl"))))
        name_environment(find_trainer("trl"), str(write_python(tmp_path_factory.mktemp("bin"))))
        yield


@pytest.fixture(scope="session")
def peer_run() -> ModuleType:
    """The module that runs in the other Python."""
    spec = importlib.util.spec_from_file_location("peer_run", START.with_name("peer_run.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make_run(peer_run: ModuleType, tmp_path: Path) -> MakeRun:
    """Make the run of a job, LoRA in fp32 where nothing else is said, without its inputs."""
    lora = LoraJob(rank=4, alpha=16.0, dropout=0.25, targets=["k_proj", "q_proj"], all_linear=True)
    paths = {name: str(tmp_path / name) for name in ("model", "records", "events", "out", "scratch")}
    job = PeerJob(
        **paths, trainer_file="", trust_remote_code=False, method="lora", lora=lora, precision="fp32",
        device="cpu", threads=None, batch_size=2, gradient_accumulation=1, num_steps=4,
        records_per_epoch=3, epochs=2, max_steps=None, rates=[1e-3, 2e-3, 1e-3, 0.0], weight_decay=0.1,
        adam_beta1=0.8, adam_beta2=0.9, adam_epsilon=1e-7, max_grad_norm=0.5, gradient_checkpointing=False,
        seed=3, longest=9, as_it_comes=False, parent=os.getpid(), spawned=0.0,
    )  # fmt: skip
    return lambda **changes: peer_run.PeerRun(msgspec.to_builtins(job) | changes)
