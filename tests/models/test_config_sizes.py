"""Sizes that no model can have are told with their file and key, before anything is loaded."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from laptime.errors import UserError
from laptime.models.config_sizes import FROM_ONE
from laptime.models.loading import build_empty_model
from laptime.models.source import locate_model
from laptime.spec import ModelSpec
from tests.tiny import make_tiny_model, write_model_files


def refusal(folder: Path, **changes: Any) -> str:
    """Return the line that a changed config.json is refused with, without its path."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    spec = ModelSpec(model=str(folder), random_weights=True)
    with pytest.raises(UserError) as error:
        locate_model(spec)
        build_empty_model(spec, folder)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("value", [0, -5, 2.5, True, "12", [4, 0]])
@pytest.mark.parametrize("key", sorted(FROM_ONE))
def test_a_size_is_a_whole_number_from_one(tmp_path: Path, key: str, value: Any) -> None:
    shown = {"12": "'12'", "[4, 0]": "0"}.get(str(value), str(value))
    folder = write_model_files(tmp_path / "model")
    assert refusal(folder, **{key: value}) == f"{key} is {shown}; expected a whole number from 1"
    nested = {"text_config": {key: value}, key: 7}
    expected = f"text_config.{key} is {shown}; expected a whole number from 1"
    assert refusal(folder, **nested) == expected


def test_what_may_be_absent_or_none_is_not_asked_for(tmp_path: Path) -> None:
    folder = write_model_files(tmp_path / "model")
    sizes = {"n_inner": None, "num_experts": 0, "vision_config": {"hidden_size": 0}, "num_layers": [3, 4]}
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"} | sizes))
    locate_model(ModelSpec(model=str(folder)))
    assert refusal(folder, num_experts=-1) == "num_experts is -1; expected a whole number from 0"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_key_value_heads": 3}, "num_key_value_heads is 3; expected a divisor of its 4 num_attention_h"),
        ({"hidden_size": 33}, "The hidden size (33) is not a multiple of the number of attention heads (4)"),
        ({"num_hidden_layers": None}, "Field 'num_hidden_layers' expected int, got NoneType (value: None)"),
        ({"pad_token_id": 9999}, "no causal language model can be built from it (Padding_idx must be"),
        ({"rope_parameters": {"rope_type": "x"}}, "no causal language model can be built from it ('x')"),
        ({"dtype": "float99"}, "no attribute 'float99'"),
    ],
)
def test_sizes_that_do_not_go_together_are_one_line(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    assert said in refusal(make_tiny_model(tmp_path / "model"), **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attention_dropout": 2.0}, "attention_dropout is 2.0; expected a probability from 0 to 1"),
        ({"resid_pdrop": -0.5}, "resid_pdrop is -0.5; expected a probability from 0 to 1"),
        ({"hidden_dropout_prob": "0.1"}, "hidden_dropout_prob is '0.1'; expected a probability from 0 to 1"),
        ({"rope_theta": 0}, "rope_theta is 0; expected a number above 0"),
        (
            {"rope_parameters": {"rope_type": "default", "rope_theta": -1}},
            "rope_parameters.rope_theta is -1; expected a number above 0",
        ),
        (
            {"rope_parameters": {"full_attention": {"rope_theta": 0.0}}},
            "rope_parameters.full_attention.rope_theta is 0.0; expected a number above 0",
        ),
        (
            {"rope_scaling": {"type": "linear", "factor": 0}},
            "rope_scaling.factor is 0; expected a number above 0",
        ),
        ({"partial_rotary_factor": 2.0}, "partial_rotary_factor is 2.0; expected a share above 0, up to 1"),
        ({"rms_norm_eps": -0.5}, "rms_norm_eps is -0.5; expected a number from 0"),
        ({"layer_norm_epsilon": math.nan}, "layer_norm_epsilon is nan; expected a number from 0"),
        ({"initializer_range": -0.02}, "initializer_range is -0.02; expected a number from 0"),
        ({"sliding_window": 0}, "sliding_window is 0; expected a whole number from 1"),
        ({"logits_scaling": 0}, "logits_scaling is 0; expected a number above 0"),
        (
            {"text_config": {"attention_dropout": 1.5}},
            "text_config.attention_dropout is 1.5; expected a probability from 0 to 1",
        ),
    ],
)
def test_a_number_no_model_computes_with_is_told(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    assert refusal(write_model_files(tmp_path / "model"), **changes) == said


def test_a_number_at_the_edge_of_its_range_is_taken(tmp_path: Path) -> None:
    folder = write_model_files(tmp_path / "model")
    edges = {
        "attention_dropout": 1, "resid_pdrop": 0, "rms_norm_eps": 0, "rotary_pct": 1.0, "rope_theta": 1e-9,
        "sliding_window": None, "final_logit_softcapping": None, "factor": 0, "rope_scaling": None,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"} | edges))
    locate_model(ModelSpec(model=str(folder)))
    unused = {"sliding_window": 0, "use_sliding_window": False}
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2"} | unused))
    locate_model(ModelSpec(model=str(folder)))
