"""QLoRA's base: the library's bits however it is rounded, one weight after the other as it is read."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from laptime.kernels.library import round_to_codes
from laptime.methods.method import find_lacking, make_method
from laptime.methods.qlora import narrow
from laptime.models.loading import load_model
from laptime.models.stored_weights import find_stored_dtype
from laptime.spec import ModelSpec
from laptime.speedups.compiled import reason_against_c
from tests.methods.families import FAMILIES

NAMED = {family.name: family for family in FAMILIES}
CPU = torch.device("cpu")
FORMATS = [torch.float32, torch.bfloat16]
pytestmark = pytest.mark.skipif(bool(find_lacking("qlora")), reason="bitsandbytes is not installed")
needs_c = pytest.mark.skipif(bool(reason_against_c()), reason="no parts in C")


def held(model: Any) -> dict[str, list[torch.Tensor]]:
    """Return all that layers of 4 bits hold, and every other parameter."""
    found: dict[str, list[torch.Tensor]] = {}
    for name, parameter in model.named_parameters():
        state = getattr(parameter, "quant_state", None)
        found[name] = [parameter.data]
        if state is not None:
            found[name] += [state.absmax, state.code, state.offset, state.state2.absmax, state.state2.code]
    return found


def assert_same(one: Any, other: Any) -> None:
    first, second = held(one), held(other)
    assert first.keys() == second.keys() and sum(len(tensors) > 1 for tensors in first.values()) == 21
    for name, tensors in first.items():
        for ours, theirs in zip(tensors, second[name], strict=True):
            assert ours.dtype == theirs.dtype and torch.equal(ours, theirs), name


@needs_c
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("size", [(64, 64), (48, 160), (1, 64), (3, 50)])
def test_c_rounds_as_the_library_does(dtype: torch.dtype, size: tuple[int, int]) -> None:
    layer = nn.Linear(size[1], size[0], bias=False)
    with torch.no_grad():
        layer.weight.normal_(std=0.02, generator=torch.Generator().manual_seed(0))
        layer.weight[0, :32] *= 1e-30
        layer.weight.view(-1)[: layer.weight.numel() // 2 // 64 * 64 : 7] = 0.0
    theirs, ours = (narrow(layer, CPU, dtype, rounding) for rounding in (None, round_to_codes))
    assert torch.equal(ours.weight.data, theirs.weight.data)
    for name in ("absmax", "offset", "code"):
        assert torch.equal(getattr(ours.weight.quant_state, name), getattr(theirs.weight.quant_state, name))
    assert torch.equal(ours.weight.quant_state.state2.absmax, theirs.weight.quant_state.state2.absmax)
    x_TK = torch.randn(5, size[1]).to(dtype)
    assert torch.equal(ours(x_TK), theirs(x_TK))


@needs_c
@pytest.mark.parametrize("stored", FORMATS)
@pytest.mark.parametrize("dtype", FORMATS)
def test_a_base_read_as_it_is_stored_is_the_same(
    tmp_path: Path, stored: torch.dtype, dtype: torch.dtype
) -> None:
    NAMED["llama"].make_model().to(stored).save_pretrained(tmp_path)
    assert find_stored_dtype(tmp_path) == stored
    spec, method = ModelSpec(model=str(tmp_path)), make_method("qlora", {})
    whole = method.hold_base(load_model(spec, tmp_path, dtype))
    as_stored = method.hold_base(load_model(spec, tmp_path, stored), CPU, dtype, round_to_codes)
    assert as_stored.dtype == as_stored.config.dtype == dtype
    assert_same(as_stored, whole)
    assert method.hold_base(as_stored) is as_stored, "once is enough"


def test_one_weight_after_the_other_is_let_go() -> None:
    model: Any = NAMED["llama"].make_model()
    head = model.get_output_embeddings()
    layers = [weakref.ref(one) for one in model.modules() if type(one) is nn.Linear and one is not head]
    alive: list[int] = []

    def look(weight_NK: torch.Tensor, bounds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        alive.append(sum(layer() is not None for layer in layers))
        num_blocks = weight_NK.numel() // 64
        return torch.zeros(num_blocks * 32, 1, dtype=torch.uint8), torch.ones(num_blocks)

    make_method("qlora", {}).hold_base(model, CPU, torch.float32, look)
    assert len(alive) == len(layers)
    most_of_a_part = 5  # of attention or feed-forward, whose layers are listed together, and the last one
    assert all(left <= len(layers) - gone + most_of_a_part for gone, left in enumerate(alive)), alive
    assert alive[-1] <= most_of_a_part


def test_formats_that_differ_have_no_name(tmp_path: Path) -> None:
    model: Any = NAMED["llama"].make_model()
    model.model.norm.bfloat16()
    model.save_pretrained(tmp_path)
    assert find_stored_dtype(tmp_path) is None
    assert find_stored_dtype(tmp_path / "none") is None
