"""Layers that share an input, run together: against the formula, against PEFT."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model

from laptime.decoder.adapted_layers import take_apart
from laptime.decoder.linear_layers import Linear, call_modules
from laptime.speedups.fused_projections import project
from tests.speedups.kernels import Two, draw, make_linears

pytestmark = pytest.mark.usefixtures("seeded")


def apply_plainly(x_TK: torch.Tensor, linears: list[Linear]) -> list[torch.Tensor]:
    outputs = []
    for one in linears:
        y_TN = F.linear(x_TK, one.weight.weight_NK, one.bias_N)
        if one.a_rK is not None and one.b_Nr is not None:
            y_TN = y_TN + one.scale * (x_TK @ one.a_rK.t()) @ one.b_Nr.t()
        outputs.append(y_TN)
    return outputs


@pytest.mark.parametrize("trains", [True, False], ids=["trained", "frozen"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize("adapters", [(0,), (2,), (2, 0, 3), (0, 0)], ids=str)
@pytest.mark.parametrize("input_trains", [True, False], ids=["inner", "lowest"])
def test_projection(adapters: tuple[int, ...], bias: bool, trains: bool, input_trains: bool) -> None:
    linears = make_linears(trains, adapters, bias)
    x_TK = draw(4, 5, trains=input_trains)
    inputs = [x_TK, *(p for one in linears for p in (one.weight.weight_NK, one.bias_N, one.a_rK, one.b_Nr))]
    leaves = [x for x in inputs if x is not None and x.requires_grad]
    for found, expected in zip(project(x_TK, linears), apply_plainly(x_TK, linears), strict=True):
        torch.testing.assert_close(found, expected)
    if leaves:
        found = torch.autograd.grad(sum(y.pow(3).sum() for y in project(x_TK, linears)), leaves)
        expected = torch.autograd.grad(sum(y.pow(3).sum() for y in apply_plainly(x_TK, linears)), leaves)
        torch.testing.assert_close(found, expected)


def test_projection_passes_gradcheck() -> None:
    linears = make_linears(True, (2, 3), bias=True)
    tensors = [t for one in linears for t in (one.weight.weight_NK, one.bias_N, one.a_rK, one.b_Nr)]
    assert torch.autograd.gradcheck(lambda x, *_: tuple(project(x, linears)), (draw(3, 5), *tensors))


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"lora_alpha": 3}], ids=str)
def test_layers_of_peft_are_taken_apart_and_compute_the_same(settings: dict[str, Any]) -> None:
    model = get_peft_model(Two(), LoraConfig(r=2, target_modules=["left"], **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    layers = [take_apart(model.base_model.model.left), take_apart(model.base_model.model.right)]
    linears = [layer for layer in layers if layer is not None]
    assert len(linears) == 2 and linears[0].a_rK is not None and linears[1].a_rK is None
    x_TK = torch.randn(6, 5)
    for fused, called in zip(project(x_TK, linears), call_modules(x_TK, linears), strict=True):
        torch.testing.assert_close(fused, called)
