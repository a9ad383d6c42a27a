"""What is planned to be held, and when activations are recomputed."""

from __future__ import annotations

import torch

from laptime.inputs.shape import Shape
from laptime.training.memory import (
    activation_bytes,
    available_bytes,
    fixed_bytes,
    plan_memory,
    read_kilobytes,
)

SHAPE = Shape(
    architecture="LlamaForCausalLM",
    hidden_size=4,
    num_layers=1,
    vocabulary_size=8,
    num_parameters=0,
    linears={"model.layers.0.mlp.up_proj": (4, 6), "lm_head": (4, 8)},
    head="lm_head",
)


def half_trained() -> torch.nn.Module:
    """Ten frozen numbers in bfloat16, ten trained ones."""
    model = torch.nn.Module()
    model.frozen = torch.nn.Parameter(torch.zeros(10, dtype=torch.bfloat16), requires_grad=False)
    model.trained = torch.nn.Parameter(torch.zeros(10, dtype=torch.bfloat16))
    return model


def test_what_trains_costs_gradient_master_and_moments() -> None:
    assert fixed_bytes(half_trained()) == 20 + (20 + 20 + 40 + 80)
    assert fixed_bytes(half_trained().float()) == 40 + (40 + 40 + 80)


def test_the_head_keeps_no_activations() -> None:
    assert activation_bytes(SHAPE, num_tokens=3, element_bytes=2) == 3 * (4 + 6) * 2


def test_activations_are_recomputed_only_where_they_do_not_fit() -> None:
    model = half_trained()
    needed = fixed_bytes(model) + activation_bytes(SHAPE, 1000, 2)
    roomy = plan_memory(model, SHAPE, 1000, None, available_bytes=int(needed / 0.9) + 2)
    tight = plan_memory(model, SHAPE, 1000, None, available_bytes=int(needed / 0.9) - 2)
    assert not roomy.recomputes and roomy.reason == ""
    assert tight.recomputes and "do not fit" in tight.reason


def test_the_users_word_stands_whatever_the_memory_is() -> None:
    assert plan_memory(half_trained(), SHAPE, 1000, True, available_bytes=10**12).recomputes
    assert not plan_memory(half_trained(), SHAPE, 1000, False, available_bytes=1).recomputes
    assert not plan_memory(half_trained(), SHAPE, 1000, None, available_bytes=None).recomputes


def test_memory_of_this_machine_is_read() -> None:
    assert read_kilobytes(["MemTotal: 9 kB", "MemAvailable:   7 kB"], "MemAvailable:") == 7 * 1024
    assert read_kilobytes([], "MemAvailable:") == 0
    found = available_bytes(torch.device("cpu"))
    assert found is None or 10**8 < found < 10**14
