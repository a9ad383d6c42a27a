"""Which layers are taken apart, and which are not."""

from __future__ import annotations

from typing import Any

import pytest
from peft import IA3Config, LoraConfig, PeftConfig, VeraConfig, get_peft_model
from torch import nn

from laptime.decoder.adapted_layers import take_apart
from tests.speedups.kernels import Two

LEFT = {"target_modules": ["left"]}


def test_an_adapter_with_biases_of_its_own_is_not_taken_apart() -> None:
    model: Any = get_peft_model(Two(), LoraConfig(r=2, lora_bias=True, **LEFT))
    assert take_apart(model.base_model.model.left) is None


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(r=2, **LEFT),
        LoraConfig(r=2, use_dora=True, **LEFT),
        VeraConfig(r=2, **LEFT),
        IA3Config(feedforward_modules=[], **LEFT),
    ],
    ids=lambda config: f"{config.peft_type}",
)
def test_what_was_merged_is_not_taken_apart(config: PeftConfig) -> None:
    model: Any = get_peft_model(Two(), config)
    assert take_apart(model.base_model.model.left) is not None
    model.base_model.model.left.merge()
    assert take_apart(model.base_model.model.left) is None


def test_what_is_no_plain_linear_layer_is_left_alone() -> None:
    class Special(nn.Linear):
        """Computes who knows what."""

    assert take_apart(Special(3, 3)) is None
    model = get_peft_model(Two(), LoraConfig(r=2, **LEFT))
    model.base_model.model.left.base_layer = Special(5, 4)
    assert take_apart(model.base_model.model.left) is None
