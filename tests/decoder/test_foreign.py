"""A layer that the fast path does not know runs as it stands, and costs the others nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from laptime.data.batches import Batch, make_batch
from laptime.data.encoded import EncodedExample
from laptime.decoder.decoder import Decoder, reason_against
from laptime.decoder.linear_layers import Foreign, take_apart
from laptime.speedups.float32_products import weight_for
from laptime.speedups.forward import Forward
from laptime.speedups.fused_blocks import fused_gate, fused_norm, fused_rotate, remade
from laptime.speedups.fused_projections import project
from tests.tiny import make_tiny_model

ADAPTERS = {
    "dora on one": {"use_dora": True, "target_modules": ["q_proj"]},
    "dora on all": {"use_dora": True, "target_modules": "all-linear"},
    "biases": {"lora_bias": True, "target_modules": ["v_proj", "down_proj"]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(params=ADAPTERS.values(), ids=ADAPTERS)
def model(request: pytest.FixtureRequest, folder: Path) -> Any:
    """The Llama with adapters that are no plain LoRA; what begins at zero is drawn."""
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    adapted = get_peft_model(base, LoraConfig(r=4, task_type="CAUSAL_LM", **request.param))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
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


def fast(model: Any) -> Forward:
    """Return the forward pass with all of the decoder's parts."""
    forward = Forward(model)
    forward.decoder = Decoder(model)
    decoder = forward.decoder
    decoder.norm, decoder.rotate, decoder.gate = fused_norm, fused_rotate, fused_gate
    decoder.keep_gated, decoder.project = remade, project
    return forward


def test_losses_and_gradients_are_those_of_the_model(model: Any) -> None:
    assert reason_against(model, longest=6) is None
    plain = dict(gradients(model, Forward(model), packed=False))
    quick = dict(gradients(model, fast(model), packed=True))
    assert plain.keys() == quick.keys()
    for name, value in plain.items():
        torch.testing.assert_close(quick[name], value, rtol=1e-4, atol=1e-5)


def test_only_the_layers_with_such_adapters_run_as_they_stand(model: Any) -> None:
    decoder = Decoder(model)
    for layer in decoder.layers:
        foreign = [one for one in layer.parts if isinstance(one, Foreign)]
        wrapped = [one for one in layer.parts if hasattr(one.module, "base_layer")]
        assert foreign == wrapped and len(layer.linears) == 7 - len(foreign)


def test_float32_products_leave_a_layer_its_own_precision(model: Any) -> None:
    half = copy.deepcopy(model).to(torch.bfloat16)
    forward = fast(half)
    assert forward.decoder
    forward.decoder.dtype = torch.float32
    for layer in forward.decoder.layers:
        for linear in layer.linears:
            linear.weight = weight_for(linear.weight_NK, torch.float32)
    loss, plain = (next(gradients(half, one, True))[1] for one in (forward, fast(half)))
    torch.testing.assert_close(loss, plain.float(), rtol=2e-2, atol=0.5)


def test_an_adapter_that_looks_at_other_tokens_is_refused_with_its_kind(folder: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    settings = {"r": 4, "task_type": "CAUSAL_LM", "target_modules": ["q_proj"]}
    adapted = get_peft_model(base, LoraConfig(**settings, alora_invocation_tokens=[3]))
    assert take_apart(adapted.get_decoder().layers[0].self_attn.q_proj) is None
    reason = reason_against(adapted, longest=6)
    assert reason == (
        "a layer is not as expected (q_proj is a peft.tuners.lora.layer.Linear of an unknown kind)"
    )
