"""What LLaMA-Factory is told, and how its model is loaded in our precision."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from laptime.trainers import llamafactory
from tests.trainers.conftest import MakeRun


def test_it_is_told_the_same_work(make_run: MakeRun) -> None:
    run = make_run(batch_size=3, gradient_checkpointing=True)
    told = llamafactory.settings(run, "tokenized")
    same = run.training_arguments()
    assert same.pop("gradient_checkpointing") and not told["disable_gradient_checkpointing"]
    assert same.items() <= told.items() and told["per_device_train_batch_size"] == 3
    assert not told["packing"]
    assert told["lora_target"] == "k_proj,q_proj" and told["lora_rank"] == 4
    assert told["lora_alpha"] == 16.0 and told["lora_dropout"] == 0.25


def test_a_whole_model_gets_no_adapters(make_run: MakeRun) -> None:
    told = llamafactory.settings(make_run(method="full", lora=None), "tokenized")
    assert told["finetuning_type"] == "full" and not [name for name in told if name.startswith("lora")]


@pytest.fixture
def its_loading() -> Iterator[tuple[Any, Any]]:
    """The two modules of LLaMA-Factory that load a model of bf16."""
    loader, workflow = ModuleType("loader"), ModuleType("workflow")
    loader.load_config = lambda _: SimpleNamespace(dtype=torch.bfloat16)  # type: ignore[attr-defined]
    workflow.load_model = lambda *_: loader.load_config(None)  # type: ignore[attr-defined]
    packages = {
        "llamafactory": ModuleType("llamafactory"),
        "llamafactory.model": SimpleNamespace(loader=loader),
        "llamafactory.train": ModuleType("train"),
        "llamafactory.train.sft": SimpleNamespace(workflow=workflow),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, package in packages.items():
            patch.setitem(sys.modules, name, package)
        yield loader, workflow


@pytest.mark.parametrize(
    ("job", "dtype"),
    [
        ({"precision": "fp32"}, torch.float32),
        ({"precision": "fp16"}, torch.float16),
        ({"precision": "bf16", "method": "full"}, torch.float32),
        ({"precision": "fp32", "as_it_comes": True}, torch.bfloat16),
    ],
)
def test_its_model_is_loaded_in_our_precision(
    make_run: MakeRun, its_loading: tuple[Any, Any], job: dict[str, Any], dtype: torch.dtype
) -> None:
    run = make_run(**job)
    llamafactory.watch_loading(run)
    assert its_loading[1].load_model("tokenizer").dtype == dtype
    assert '"name": "load"' in Path(run.events).read_text(encoding="utf-8")
