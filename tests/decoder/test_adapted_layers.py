"""Adapters of every known kind on the fast path: losses and gradients are those of transformers and PEFT."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from peft import AdaLoraConfig, IA3Config, LoraConfig, OFTConfig, PeftConfig, VeraConfig, get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM

from laptime.data.batches import Batch, make_batch
from laptime.data.encoded import EncodedExample
from laptime.decoder.adapted_layers import Scaling, take_apart
from laptime.decoder.decoder import Decoder, reason_against
from laptime.decoder.linear_layers import Linear, QuantisedWeight
from laptime.kernels import library
from laptime.speedups import compiled_projections, fused_projections
from laptime.speedups.float32_products import widen
from laptime.speedups.forward import Forward
from laptime.speedups.fused_blocks import fused_gate, fused_norm, fused_rotate, remade
from tests.tiny import make_tiny_model

ALL = {"target_modules": "all-linear", "task_type": "CAUSAL_LM"}
NAMES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CONFIGS: dict[str, PeftConfig] = {
    "lora": LoraConfig(r=4, **ALL),
    "dora on one": LoraConfig(r=4, use_dora=True, target_modules=["q_proj"], task_type="CAUSAL_LM"),
    "dora": LoraConfig(r=4, use_dora=True, **ALL),
    "adalora": AdaLoraConfig(init_r=4, target_r=2, total_step=10, **ALL),
    "vera": VeraConfig(r=6, target_modules=NAMES, task_type="CAUSAL_LM"),
    "ia3": IA3Config(target_modules=NAMES, feedforward_modules=["down_proj"], task_type="CAUSAL_LM"),
    "oft": OFTConfig(r=0, oft_block_size=8, target_modules=NAMES, task_type="CAUSAL_LM"),
}
PATHS = {"fused": fused_projections.project, "compiled": compiled_projections.project}


@pytest.fixture(scope="module", params=[False, True], ids=["no_biases", "biases"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama."""
    place = tmp_path_factory.mktemp("models") / "tiny"
    return make_tiny_model(place, attention_bias=request.param, mlp_bias=request.param)


def make_base(folder: Path) -> Any:
    """Load the Llama; biases, which begin at zero, are drawn."""
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.manual_seed(0)
    for name, parameter in base.named_parameters():
        if name.endswith(".bias"):
            nn.init.normal_(parameter, std=0.1)
    return base


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS)
def model(request: pytest.FixtureRequest, folder: Path) -> Any:
    """The Llama with adapters; whatever of them begins at zero or one is drawn."""
    adapted = get_peft_model(make_base(folder), copy.deepcopy(request.param))
    for name, parameter in adapted.named_parameters():
        if ".ranknum." in name:
            parameter.requires_grad_(False)
        elif parameter.requires_grad:
            with torch.no_grad():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return adapted


def batch(packed: bool) -> Batch:
    """Return three examples."""
    texts = [[3, 5, 7, 9, 11, 13], [4, 6, 8], [2, 30, 40, 50, 60]]
    examples = [EncodedExample(ids, [False, *[True] * (len(ids) - 1)], "") for ids in texts]
    return make_batch(examples, packed=packed)


def gradients(model: Any, forward: Forward, packed: bool) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the loss and every gradient of a pass."""
    model.zero_grad()
    loss = forward.sum_loss(batch(packed))
    loss.backward()
    yield "loss", loss.detach()
    yield from (
        (name, parameter.grad.clone())
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    )


def fast(model: Any, path: str = "fused") -> Forward:
    """Return the forward pass with all of the decoder's parts."""
    forward = Forward(model)
    forward.decoder = Decoder(model)
    decoder = forward.decoder
    decoder.norm, decoder.rotate, decoder.gate = fused_norm, fused_rotate, fused_gate
    decoder.keep_gated, decoder.project = remade, PATHS[path]
    return forward


def require(path: str) -> None:
    """Skip where this machine has no C products of float32."""
    if path == "compiled" and not library.has_products(torch.float32):
        pytest.skip("no C products here")


@pytest.mark.parametrize("path", PATHS)
def test_losses_and_gradients_are_those_of_the_model(model: Any, path: str) -> None:
    require(path)
    assert reason_against(model, longest=6) is None
    plain = dict(gradients(model, Forward(model), packed=False))
    quick = dict(gradients(model, fast(model, path), packed=True))
    assert plain.keys() == quick.keys() and len(plain) > 1
    for name, value in plain.items():
        torch.testing.assert_close(quick[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("path", PATHS)
def test_a_step_changes_what_the_next_pass_computes(model: Any, path: str) -> None:
    """Nothing that trains is kept from the pass before."""
    require(path)
    quick = fast(model, path)
    quick.sum_loss(batch(True)).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    plain = Forward(model).sum_loss(batch(False))
    torch.testing.assert_close(quick.sum_loss(batch(True)), plain, rtol=1e-4, atol=1e-4)


def test_half_weights_on_float32_activations_give_about_the_same(model: Any) -> None:
    half = copy.deepcopy(model).to(torch.bfloat16)
    forward = fast(half)
    assert forward.decoder
    forward.decoder.dtype = torch.float32
    for layer in forward.decoder.layers:
        for linear in layer.linears:
            linear.weight = widen(linear.weight)
    loss, plain = (next(gradients(half, one, True))[1] for one in (forward, fast(half)))
    torch.testing.assert_close(loss, plain.float(), rtol=2e-2, atol=0.5)


def test_an_adapter_that_looks_at_other_tokens_is_refused_with_its_kind(folder: Path) -> None:
    settings: dict[str, Any] = {"r": 4, "task_type": "CAUSAL_LM", "target_modules": ["q_proj"]}
    adapted: Any = get_peft_model(make_base(folder), LoraConfig(**settings, alora_invocation_tokens=[3]))
    assert take_apart(adapted.get_decoder().layers[0].self_attn.q_proj) is None
    reason = reason_against(adapted, longest=6)
    assert reason == (
        "a layer is not as expected (q_proj is a peft.tuners.lora.layer.Linear of an unknown kind)"
    )


def test_scales_pass_gradcheck() -> None:
    y_TN, scales_N = (torch.randn(size, dtype=torch.float64, requires_grad=True) for size in ((4, 3), (3,)))
    assert torch.autograd.gradcheck(Scaling.apply, (y_TN, scales_N))


class Linear4bit(nn.Module):
    """What is called so in bitsandbytes, as far as it is asked: a weight and how it is made wide."""

    def __init__(self, weight_NK: torch.Tensor) -> None:
        super().__init__()
        self.weight: Any = nn.Parameter((weight_NK.flatten()[:, None] * 64).to(torch.int8), False)
        self.weight.quant_state = SimpleNamespace(shape=weight_NK.shape)
        self.bias, self.compute_dtype = None, torch.float32


@pytest.mark.parametrize("path", PATHS)
def test_a_weight_in_four_bits_is_made_wide_for_each_product(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(path)
    library_: Any = ModuleType("bitsandbytes")
    calls: list[int] = []

    def dequantize_4bit(data: torch.Tensor, state: Any) -> torch.Tensor:
        calls.append(1)
        return data.float().reshape(state.shape) / 64

    library_.functional = SimpleNamespace(dequantize_4bit=dequantize_4bit)
    monkeypatch.setitem(sys.modules, "bitsandbytes", library_)
    layer = Linear4bit(torch.randn(6, 4))
    wide_NK = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    a_rK, b_Nr, x_TK = (torch.randn(size, requires_grad=True) for size in ((2, 4), (6, 2), (5, 4)))
    one = Linear(nn.Identity(), QuantisedWeight(layer), None, a_rK, b_Nr, 0.5)
    calls.clear()
    (y_TN,) = PATHS[path](x_TK, [one])
    expected_TN = x_TK @ wide_NK.t() + 0.5 * (x_TK @ a_rK.t()) @ b_Nr.t()
    torch.testing.assert_close(y_TN, expected_TN)
    pull_TN = torch.randn_like(y_TN)
    found = torch.autograd.grad(y_TN, (x_TK, a_rK, b_Nr), pull_TN)
    torch.testing.assert_close(found, torch.autograd.grad(expected_TN, (x_TK, a_rK, b_Nr), pull_TN))
    assert len(calls) == 2, "forward and back: no wide copy is kept"
    one.weight = QuantisedWeight(layer, torch.bfloat16)
    assert one.weight.make_wide().dtype == torch.bfloat16 and widen(one.weight).dtype == torch.float32
