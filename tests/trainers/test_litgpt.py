"""What LitGPT's file does without LitGPT: shapes, adapters and batches in another's terms and back."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from laptime.data.batches import plan_steps
from laptime.spec import TrainingSpec
from laptime.trainers.trainer import find_trainer
from laptime.training.other_trainer import START

TOY = Path(__file__).parents[2] / "src/laptime/builtin/model/config.json"


def load_file(file: Path) -> ModuleType:
    """Return a module by its file."""
    spec = importlib.util.spec_from_file_location(f"loaded_{file.stem}", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def checkpoints() -> ModuleType:
    return load_file(START.with_name("litgpt_checkpoint.py"))


@pytest.fixture
def config() -> dict[str, Any]:
    """The toy's."""
    found: dict[str, Any] = json.loads(TOY.read_text(encoding="utf-8"))
    return found


def make_run(targets: list[str] | str, alpha: float = 4.0, **others: Any) -> SimpleNamespace:
    """Return a run of adapters on `targets`."""
    settings = {"r": 2, "lora_alpha": alpha, "lora_dropout": 0.0, "target_modules": targets}
    told = {"is_adapter": True, "as_it_comes": False} | others
    return SimpleNamespace(lora_settings=lambda: settings, **told)


def test_a_shape_keeps_its_heads_and_its_vocabulary(checkpoints: ModuleType, config: dict[str, Any]) -> None:
    shape = checkpoints.describe_shape(config)
    assert (shape["n_head"], shape["n_query_groups"], shape["head_size"]) == (4, 2, 32)
    assert shape["padded_vocab_size"] == shape["vocab_size"] == 4096  # none is added
    assert shape["rope_base"] == 10000 and shape["rope_adjustments"] is None


@pytest.mark.parametrize("key", ["rope_parameters", "rope_scaling"])  # as transformers 5 and 4 write it
def test_the_positions_of_llama_3_are_scaled(
    checkpoints: ModuleType, config: dict[str, Any], key: str
) -> None:
    scaling = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    config.pop("rope_parameters")
    config |= {"rope_theta": 5e5, key: scaling | {"original_max_position_embeddings": 8192}}
    shape = checkpoints.describe_shape(config)
    scaling.pop("rope_type")
    assert shape["rope_adjustments"] == scaling | {"original_max_seq_len": 8192}
    assert shape["rope_base"] == 5e5


@pytest.mark.parametrize(
    "other",
    [
        {"architectures": ["GPT2LMHeadModel"]},
        {"hidden_act": "gelu"},
        {"attention_bias": True},
        {"rope_parameters": {"rope_type": "yarn"}},
        {"rope_scaling": {"type": "linear", "factor": 2.0}},
    ],
)
def test_a_model_that_it_would_train_otherwise_is_refused(
    checkpoints: ModuleType, config: dict[str, Any], other: dict[str, Any]
) -> None:
    with pytest.raises(SystemExit, match=r"through it race plain Llama, Qwen2, Qwen3$"):
        checkpoints.describe_shape(config | other)


def test_its_adapters_are_on_the_layers_that_were_told(checkpoints: ModuleType) -> None:
    options = checkpoints.adapter_options(make_run(["q_proj", "v_proj"]))
    assert {name for name, on in options.items() if on is True} == {"lora_query", "lora_value"}
    assert all(on is True for name, on in checkpoints.adapter_options(make_run("all-linear")).items()
               if name not in ("lora_r", "lora_alpha", "lora_dropout"))  # fmt: skip
    assert checkpoints.adapter_options(make_run([], as_it_comes=True)) == {}


def test_its_alpha_is_a_whole_number(checkpoints: ModuleType) -> None:
    assert repr(checkpoints.adapter_options(make_run("all-linear"))["lora_alpha"]) == "4"
    with pytest.raises(SystemExit, match="--lora-alpha"):
        checkpoints.adapter_options(make_run("all-linear", alpha=2.5))


@pytest.mark.parametrize("targets", [["down_proj"], ["q_proj", "lm_head"]])
def test_layers_that_it_cannot_take_apart_are_refused(checkpoints: ModuleType, targets: list[str]) -> None:
    with pytest.raises(SystemExit, match="--lora-targets"):
        checkpoints.adapter_options(make_run(targets))


def test_its_adapters_come_back_by_their_names_and_rows(
    checkpoints: ModuleType, config: dict[str, Any]
) -> None:
    shape = checkpoints.describe_shape(config)
    options = {switch: True for switch, _ in checkpoints.LAYERS.values()} | {"lora_r": 2, "lora_key": False}
    down, up = torch.randn(4, 128), torch.randn(4 * 32 + 2 * 32, 2)
    left = {"transformer.h.3.attn.qkv.lora_A": down, "transformer.h.3.attn.qkv.lora_B": up}
    left |= {f"transformer.h.3.mlp.fc_2.lora_{part}": torch.ones(2, 2) for part in "AB"}
    renamed = checkpoints.rename_adapters(left, options, shape)
    block = "base_model.model.model.layers.3"
    assert torch.equal(renamed[f"{block}.self_attn.q_proj.lora_A.weight"], down[:2])
    assert torch.equal(renamed[f"{block}.self_attn.v_proj.lora_A.weight"], down[2:])
    assert torch.equal(renamed[f"{block}.self_attn.q_proj.lora_B.weight"], up[:128])
    assert torch.equal(renamed[f"{block}.self_attn.v_proj.lora_B.weight"], up[128:])
    assert f"{block}.mlp.up_proj.lora_A.weight" in renamed and len(renamed) == 6


@pytest.mark.parametrize("number", [5, 7, 8])
def test_its_micro_batches_are_ours_and_what_the_last_step_lacks_is_empty(number: int) -> None:
    training = TrainingSpec(epochs=2, batch_size=2, gradient_accumulation=2)
    plans = plan_steps(number, training, seed=0)
    file = load_file(find_trainer("litgpt").file)
    told = SimpleNamespace(batch_size=2, gradient_accumulation=2, records_per_epoch=number)
    laid_out = file.lay_out(told, 2 * number)
    steps = [laid_out[i : i + 2] for i in range(0, len(laid_out), 2)]
    expected = [[len(batch) for batch in plan.micro_batches] for plan in plans]
    assert [[len(batch) for batch in step if batch] for step in steps] == expected
    assert [place for batch in laid_out for place in batch] == list(range(2 * number))
