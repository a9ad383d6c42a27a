"""What the trainers' files tell their trainers: all of the same work, or nothing of it as it comes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from laptime.trainers.trainer import find_trainer
from laptime.training.other_trainer import START

JOB: dict[str, Any] = {
    "method": "lora", "model": "MODEL", "trust_remote_code": False, "precision": "bf16", "device": "cpu",
    "batch_size": 3, "gradient_accumulation": 2, "rates": [0.25, 0.125], "weight_decay": 0.0625,
    "adam_beta1": 0.5, "adam_beta2": 0.75, "adam_epsilon": 1e-3, "max_grad_norm": 7.0, "seed": 11,
    "gradient_checkpointing": False, "epochs": 4, "max_steps": None, "num_steps": 2, "longest": 21,
    "lora": {"rank": 5, "alpha": 9.0, "dropout": 0.25, "targets": ["q_proj"], "all_linear": False},
}  # fmt: skip


def load_file(file: Path) -> ModuleType:
    """Return a module by its file."""
    spec = importlib.util.spec_from_file_location(f"loaded_{file.stem}", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_run(folder: Path, **job: Any) -> Any:
    """Return a run inside a trainer, with two examples."""
    examples = [{"input_ids": [1, 2, 3], "labels": [-100, 2, 3]}, {"input_ids": [4], "labels": [4]}]
    (folder / "records.jsonl").write_text("".join(json.dumps(one) + "\n" for one in examples), "utf-8")
    paths = {"scratch": str(folder), "out": str(folder / "out"), "records": str(folder / "records.jsonl")}
    events = {"events": str(folder / "events.jsonl"), "spawned": 0.0}
    return load_file(START.with_name("peer_run.py")).PeerRun(JOB | paths | events | job)


def say_all(name: str, run: Any) -> dict[str, Any]:
    """Return all that a trainer is told, by its own names."""
    file = load_file(find_trainer(name).file)
    told: dict[str, Any] = dict(file.settings(run))
    for more in ("loading", "adapters"):
        told |= getattr(file, more)(run) if hasattr(file, more) else {}
    return told


VALUES = (3, 2, 0.25, 0.0625, 0.5, 0.75, 1e-3, 7.0, 11)


@pytest.mark.parametrize("name", ["axolotl", "trl", "unsloth"])
def test_told_the_same_work_a_trainer_hears_every_number(tmp_path: Path, name: str) -> None:
    told = say_all(name, make_run(tmp_path, as_it_comes=False))
    said = [value for value in told.values() if isinstance(value, (int, float))]
    assert [value for value in VALUES if value not in said] == []
    assert told["bf16"] is True and told["gradient_checkpointing"] is False
    assert not told.get("packing") and not told.get("sample_packing")


@pytest.mark.parametrize("name", ["axolotl", "trl", "unsloth"])
def test_as_it_comes_a_trainer_hears_nothing_of_the_work(tmp_path: Path, name: str) -> None:
    told = say_all(name, make_run(tmp_path, as_it_comes=True))
    assert not set(VALUES) & {value for value in told.values() if type(value) in (int, float)}
    assert told["num_epochs" if name == "axolotl" else "num_train_epochs"] == 4
    assert not {"weight_decay", "gradient_accumulation_steps", "max_grad_norm", "seed"} & told.keys()


def test_adapters_are_told_by_the_names_that_axolotl_and_unsloth_have(tmp_path: Path) -> None:
    run = make_run(tmp_path, as_it_comes=False)
    axolotl, unsloth = say_all("axolotl", run), say_all("unsloth", run)
    assert [axolotl[key] for key in ("lora_r", "lora_alpha", "lora_dropout")] == [5, 9.0, 0.25]
    assert axolotl["lora_target_modules"] == unsloth["target_modules"] == ["q_proj"]
    assert [unsloth[key] for key in ("r", "lora_alpha", "lora_dropout")] == [5, 9.0, 0.25]
    assert unsloth["load_in_4bit"] is False and unsloth["full_finetuning"] is False
    whole = make_run(tmp_path, as_it_comes=False, method="full", lora=None)
    assert say_all("axolotl", whole)["adapter"] is None and "lora_r" not in say_all("axolotl", whole)
    assert load_file(find_trainer("unsloth").file).loading(whole)["full_finetuning"] is True


def test_axolotl_knows_token_ids_by_their_masks(tmp_path: Path) -> None:
    run = make_run(tmp_path, as_it_comes=False)
    file = load_file(find_trainer("axolotl").file).write_examples(run)
    examples = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [example["attention_mask"] for example in examples] == [[1, 1, 1], [1]]
    assert [example["labels"] for example in examples] == [[-100, 2, 3], [4]]
