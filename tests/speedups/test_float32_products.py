"""A half-precision weight, widened block by block."""

from __future__ import annotations

import pytest
import torch

from laptime.decoder.linear_layers import Weight
from laptime.speedups import float32_products
from laptime.speedups.float32_products import WidenedWeight, weight_for

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.parametrize("block_elements", [1, 20, 1 << 22])
def test_a_widened_weight_multiplies_as_if_it_were_float32(
    monkeypatch: pytest.MonkeyPatch, block_elements: int
) -> None:
    monkeypatch.setattr(float32_products, "BLOCK_ELEMENTS", block_elements)
    weight_NK = torch.randn(7, 5).bfloat16()
    widened, plain = weight_for(weight_NK, torch.float32), Weight(weight_NK.float())
    assert type(widened) is WidenedWeight
    assert type(weight_for(weight_NK, torch.bfloat16)) is Weight
    x_TK, grad_TN, into_TK = torch.randn(3, 5), torch.randn(3, 7), torch.randn(3, 5)
    torch.testing.assert_close(widened.forward(x_TK), plain.forward(x_TK))
    torch.testing.assert_close(widened.backward(grad_TN), plain.backward(grad_TN))
    torch.testing.assert_close(
        widened.backward(grad_TN, into_TK.clone()), into_TK + grad_TN @ weight_NK.float()
    )
