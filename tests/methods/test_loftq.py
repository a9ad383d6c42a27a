"""LoftQ's beginning, against the singular values themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from laptime.errors import UserError
from laptime.methods.loftq import split
from laptime.methods.method import find_lacking, make_method
from laptime.methods.qlora import widen_weight
from laptime.models.module_shape import measure_shape
from tests.methods.families import FAMILIES

NAMED = {family.name: family for family in FAMILIES}
needs_bitsandbytes = pytest.mark.skipif(bool(find_lacking("loftq")), reason="bitsandbytes is not installed")


@pytest.mark.parametrize("size", [(20, 12), (12, 20), (16, 16)])
def test_a_split_is_the_best_of_its_rank(size: tuple[int, int]) -> None:
    matrix = torch.randn(size, generator=torch.Generator().manual_seed(0))
    a_rK, b_Nr = split(matrix, 5)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    torch.testing.assert_close(b_Nr @ a_rK, left[:, :5] * values[:5] @ right[:5], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(b_Nr.norm(dim=0), a_rK.norm(dim=1), rtol=1e-4, atol=1e-5)
    a_rK, b_Nr = split(torch.zeros(size), 5)
    assert float((b_Nr @ a_rK).abs().max()) == 0.0, "nothing was lost"


@needs_bitsandbytes
@pytest.mark.parametrize("name", ["llama", "qwen2"])
def test_adapters_begin_with_what_rounding_took_away(name: str) -> None:
    base, rank = NAMED[name].make_model(), 6
    method = make_method("loftq", {"lora_rank": rank, "lora_alpha": 15.0})
    adapted: Any = method.attach(NAMED[name].make_model())
    layers = [one for one in adapted.modules() if hasattr(one, "lora_A")]
    assert len(layers) == 21
    for module_name, module in adapted.base_model.model.named_modules():
        if hasattr(module, "lora_A"):
            lost = base.get_submodule(module_name).weight.detach() - widen_weight(module.base_layer)
            _, values, _ = torch.linalg.svd(lost)
            left = (lost - module.get_delta_weight("default")).detach()
            assert float(left.norm()) == pytest.approx(float(values[rank:].norm()), rel=1e-3), module_name


def test_a_rank_that_no_layer_has_is_refused() -> None:
    shape = measure_shape(NAMED["llama"].make_model())
    with pytest.raises(UserError, match="--lora-rank 17: loftq can take 16 at most here, the smallest side"):
        make_method("loftq", {"lora_rank": 17}).cost(shape, 4)
