"""Which layers are taken apart, and which are left alone."""

from __future__ import annotations

from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from torch import nn

from laptime.decoder.linear_layers import take_apart
from tests.speedups.kernels import Two


@pytest.mark.parametrize("settings", [{"use_dora": True}, {"lora_bias": True}], ids=str)
def test_relatives_of_lora_are_left_to_peft(settings: dict[str, Any]) -> None:
    model = get_peft_model(Two(), LoraConfig(r=2, target_modules=["left"], **settings))
    assert take_apart(model.base_model.model.left) is None


def test_what_is_no_plain_linear_layer_is_left_alone() -> None:
    class Special(nn.Linear):
        """Computes who knows what."""

    assert take_apart(Special(3, 3)) is None
    model = get_peft_model(Two(), LoraConfig(r=2, target_modules=["left"]))
    model.base_model.model.left.merge()
    assert take_apart(model.base_model.model.left) is None
