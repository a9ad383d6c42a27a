"""The shape that config.json tells is the one that the model has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from laptime.models.config_shape import find_family, foresee_shape
from laptime.models.loading import build_empty_model
from laptime.models.module_shape import measure_shape
from laptime.models.shape import FAMILIES
from laptime.spec import ModelSpec
from tests.methods.families import FAMILIES as ALL_FAMILIES

SIZES: dict[str, Any] = {
    "vocab_size": 260, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
}  # fmt: skip
CHANGES: list[dict[str, Any]] = [
    {},
    {"tie_word_embeddings": True},
    {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True},
    {"head_dim": None},
    {"head_dim": "absent"},
    {"num_key_value_heads": 4, "vocab_size": 1000},
    {"num_key_value_heads": None},
    {"hidden_size": "absent"},
]


def measure(folder: Path, config: dict[str, Any]) -> Any:
    (folder / "config.json").write_text(json.dumps(config))
    return measure_shape(build_empty_model(ModelSpec(model=str(folder), random_weights=True), folder))


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_it_is_what_is_measured_or_none(tmp_path: Path, family: str, changes: dict[str, Any]) -> None:
    config = {name: value for name, value in (SIZES | changes).items() if value != "absent"}
    config["model_type"] = family
    foreseen = foresee_shape(config)
    if foreseen is not None:
        assert foreseen == measure(tmp_path, config)
    by_class = {"head_dim": family.startswith("qwen"), "num_key_value_heads": True, "hidden_size": True}
    unsaid = [name for name in by_class if changes.get(name, 0) in (None, "absent") and by_class[name]]
    if family == "qwen2" and changes.get("head_dim") == "absent":
        unsaid = []
    assert (foreseen is None) == bool(unsaid)


@pytest.mark.parametrize("family", [one.name for one in ALL_FAMILIES if one.name not in FAMILIES])
def test_of_other_families_nothing_is_said(family: str) -> None:
    assert foresee_shape(SIZES | {"model_type": family}) is None


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "llama", "auto_map": {"AutoModelForCausalLM": "own.Model"}},
        {"model_type": "mistral", "layer_types": ["full_attention"] * 3},  # transformers: a Ministral
        {"model_type": "llama", "text_config": {"model_type": "llama"}},
        {},
    ],
)
def test_nor_where_the_class_may_be_another(config: dict[str, Any]) -> None:
    assert find_family(SIZES | config) == ""
    assert foresee_shape(SIZES | config) is None
