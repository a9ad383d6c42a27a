"""Attention by whole products against torch's own."""

from __future__ import annotations

import pytest
import torch

from laptime.decoder.plain_parts import sdpa_attend
from laptime.speedups.short_attention import short_attend
from tests.speedups.kernels import draw

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.parametrize(("heads", "key_heads"), [(4, 2), (3, 3), (4, 1)])
@pytest.mark.parametrize("num_tokens", [1, 5])
def test_short_attention(heads: int, key_heads: int, num_tokens: int) -> None:
    inputs = (draw(num_tokens, heads, 4), draw(num_tokens, key_heads, 4), draw(num_tokens, key_heads, 3))
    assert torch.autograd.gradcheck(lambda *x: short_attend(*x, 0.5), inputs)
    torch.testing.assert_close(short_attend(*inputs, 0.5), sdpa_attend(*inputs, 0.5))
