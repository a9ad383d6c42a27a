"""A lean load gives exactly the model of from_pretrained, and maps no more than it must."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, modeling_utils

from laptime.errors import UserError
from laptime.models.loading import load_model
from laptime.models.weight_files import WeightFile, read_spans
from laptime.spec import ModelSpec

SMALL: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
DECODER: dict[str, Any] = SMALL | {"intermediate_size": 48, "num_key_value_heads": 2}
SCALED = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 64}  # fmt: skip
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "tied": ("llama", DECODER | {"tie_word_embeddings": True}),
    "untied, scaled rotary": ("llama", DECODER | {"tie_word_embeddings": False, "rope_parameters": SCALED}),
    "biases": ("qwen2", DECODER),
    "window": ("mistral", DECODER | {"sliding_window": 8}),
    "attention buffers, old names": ("gpt2", {"vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4}),
    "experts, converted": (
        "mixtral", DECODER | {"num_local_experts": 2, "num_experts_per_tok": 1},
    ),
    "layer norms": ("gpt_neox", SMALL | {"intermediate_size": 48}),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_model_as_from_pretrained(tmp_path: Path, kind: str, dtype: torch.dtype) -> None:
    model_type, settings = KINDS[kind]
    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **settings)
    AutoModelForCausalLM.from_config(config).to(torch.bfloat16).save_pretrained(
        tmp_path, max_shard_size="20KB" if kind == "tied" else "50GB"
    )
    expected = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=dtype)
    found = load_model(ModelSpec(model=str(tmp_path)), tmp_path, dtype)
    assert_same(dict(found.named_parameters()), dict(expected.named_parameters()))
    assert_same(dict(found.named_buffers()), dict(expected.named_buffers()))
    assert found.generation_config.to_dict() == expected.generation_config.to_dict()
    head, expected_head = found.get_output_embeddings().weight, expected.get_output_embeddings().weight
    embeddings, other = found.get_input_embeddings().weight, expected.get_input_embeddings().weight
    assert (head is embeddings) == (expected_head is other), "tied alike"
    tokens_BT = torch.tensor([[1, 5, 9, 70]])
    with torch.no_grad():
        assert torch.equal(found.eval()(tokens_BT).logits, expected.eval()(tokens_BT).logits)


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(expected)
    for name, tensor in found.items():
        assert tensor.dtype == expected[name].dtype and tensor.requires_grad == expected[name].requires_grad
        assert torch.equal(tensor, expected[name]), name


def test_transformers_is_left_as_it_was(tmp_path: Path) -> None:
    opened, draw = modeling_utils.safe_open, torch.nn.init.normal_
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(ModelSpec(model=str(tmp_path)), tmp_path, torch.float32)
    assert modeling_utils.safe_open is opened and torch.nn.init.normal_ is draw


def test_a_tensor_takes_its_mapping_along(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    tensors = {"a": torch.randn(70_001), "b": torch.randn(3, 5).half(), "none": torch.empty(0, 4)}
    save_file(tensors, file)
    with WeightFile(file, framework="pt", device="cpu", backend="mmap") as opened:
        for name, tensor in tensors.items():
            stored = opened.get_slice(name)
            assert stored.get_shape() == list(tensor.shape)
            assert torch.equal(stored[...], tensor)
        before = count_mappings(file)
        held = opened.get_slice("a")[...]
        assert count_mappings(file) == before + 1
        held.add_(1)
        del held
        assert count_mappings(file) == before
        assert torch.equal(opened.get_slice("a")[10:20], tensors["a"][10:20])
    assert torch.equal(WeightFile(file, framework="pt").get_slice("a")[...], tensors["a"]), "file unchanged"
    assert read_spans(file)["b"][1] - read_spans(file)["b"][0] == 30


def count_mappings(file: Path) -> int:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs Linux")
    return sum(line.endswith(file.name) and str(file) in line for line in maps.read_text().splitlines())
