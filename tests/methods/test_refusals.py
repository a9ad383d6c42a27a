"""What methods cannot train is said in one line, by arithmetic, before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.methods.method import find_lacking, make_method
from laptime.models.config_shape import foresee_shape
from laptime.models.module_shape import list_biases, measure_shape
from tests.methods.families import FAMILIES

NAMED = {family.name: family for family in FAMILIES}
REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "llama",
        "bitfit",
        {},
        "bitfit: LlamaForCausalLM has no biases, so that nothing would train; use lora, or ia3 for as few "
        "numbers",
    ),
    ("mixtral", "bitfit", {}, "bitfit: MixtralForCausalLM has no biases, so that nothing would train; use"),
    ("gpt2", "oft", {}, "oft: PEFT rotates no layers that store their weights the other way round, as those"),
    ("mixtral", "oft", {}, "oft: not for model.layers.*.mlp.experts.gate_up_proj, a weight of several exp"),
    (
        "llama",
        "oft",
        {"oft_block_size": 32},
        "--oft-block-size 32: does not divide the 48 inputs of a layer; use 16",
    ),
    ("mixtral", "adalora", {}, "adalora: not for model.layers.*.mlp.experts.gate_up_proj, a weight of sev"),
    (
        "llama",
        "adalora",
        {"lora_rank": 8, "adalora_start_rank": 8},
        "--adalora-start-rank 8: not above --lora-rank 8, to which AdaLoRA comes down; use more, or lora",
    ),
    ("mixtral", "loftq", {}, "loftq: not for model.layers.*.mlp.experts.gate_up_proj, a weight of several"),
]


@pytest.mark.parametrize(("family", "method", "options", "said"), REFUSED)
def test_a_model_that_a_method_cannot_train_is_refused(
    family: str, method: str, options: dict[str, Any], said: str
) -> None:
    """By its shape, and else when the method is attached."""
    model = NAMED[family].make_model()
    made = make_method(method, options)
    refusing: list[Callable[[], Any]] = [lambda: made.cost(measure_shape(model), 4)]
    if not find_lacking(method):
        refusing.append(lambda: made.attach(model))
    for refuse in refusing:
        with pytest.raises(UserError) as error:
            refuse()
        assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_inputs_without_a_common_divisor_are_not_rotated() -> None:
    shape = measure_shape(NAMED["llama"].make_model())
    odd = {name: (size[0] + (name.endswith("down_proj")), size[1]) for name, size in shape.linears.items()}
    with pytest.raises(UserError, match=r"^oft: the inputs of the layers have no common divisor; use lora$"):
        make_method("oft", {}).cost(replace(shape, linears=odd), 4)
    method: Any = make_method("oft", {})
    assert method.find_size({"a": (1, 64, 5), "b": (1, 172, 5)}) == 4
    assert method.find_size({"a": (1, 2048, 5), "b": (1, 8192, 5)}) == 32


@pytest.mark.parametrize("name", ["qwen2", "gpt2", "gptj", "phi", "gpt_oss", "opt"])
def test_bitfit_trains_every_bias_and_each_gets_a_gradient(name: str) -> None:
    model = make_method("bitfit", {}).attach(NAMED[name].make_model().requires_grad_(False))
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert trained.keys() == list_biases(model).keys()
    assert trained.keys() == {n for n, _ in model.named_parameters() if "bias" in n}
    model(input_ids=torch.tensor([[256, 10, 20, 30, 40]]), use_cache=False).logits.sum().backward()
    assert all(parameter.grad is not None for parameter in trained.values())


def test_biases_are_counted_by_the_configuration_alone() -> None:
    model = NAMED["qwen2"].make_model()
    foreseen = foresee_shape(model.config.to_dict() | {"head_dim": 8})
    assert foreseen and foreseen.num_biases == measure_shape(model).num_biases > 0


def test_adalora_takes_ranks_away_and_survives_a_single_step() -> None:
    """At its only step PEFT would have nothing to go by."""
    for steps, left in ((1, None), (4, 21 * 4)):
        method: Any = make_method("adalora", {"lora_rank": 4})
        torch.manual_seed(0)
        model = method.attach(NAMED["llama"].make_model().requires_grad_(False))
        method.prepare(model, range(steps))
        for step in range(1, steps + 1):
            logits = model(input_ids=torch.tensor([[256, 10, 20, 30, 40]])).logits
            (logits.square().mean() + method.penalty(model)).backward()
            method.before_update(model, torch.ones(()))
            with torch.no_grad():
                for parameter in method.gradients:
                    parameter.sub_(parameter.grad, alpha=0.1)
            method.after_step(model, step)
        values = [p for name, p in model.named_parameters() if ".lora_E." in name]
        assert all(len(one) == 6 for one in values), "in memory the first rank"
        number = sum(int((one != 0).sum()) for one in values)
        assert number == left if left else number > 21 * 4
