"""A weight in the order in which the CPU's kernels read it."""

from __future__ import annotations

import pytest
import torch

from laptime.decoder.linear_layers import Weight
from laptime.speedups.prepacked_weights import PackedWeight

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_a_packed_weight_multiplies_as_it_was() -> None:
    weight_NK, x_TK, grad_TN = torch.randn(48, 32), torch.randn(6, 32), torch.randn(6, 48)
    packed, plain = PackedWeight(weight_NK), Weight(weight_NK)
    torch.testing.assert_close(packed.forward(x_TK), plain.forward(x_TK))
    torch.testing.assert_close(packed.backward(grad_TN), plain.backward(grad_TN))
