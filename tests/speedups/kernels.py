"""What the tests of kernels share: numbers, layers, and the formulas that autograd differentiates."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from laptime.decoder.linear_layers import Linear, Weight


def draw(*shape: int, dtype: torch.dtype = torch.float64, trains: bool = True) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype).requires_grad_(trains)


def same_gradients(
    ours: Callable[..., torch.Tensor],
    theirs: Callable[..., torch.Tensor],
    inputs: list[torch.Tensor],
    tolerance: float,
) -> None:
    """Hold values and gradients of a float32 function against those of a formula in float64."""
    wide = [x.detach().double().requires_grad_(x.requires_grad) for x in inputs]
    found, expected = ours(*inputs), theirs(*wide)
    pull = torch.randn_like(expected)
    found.backward(pull.to(found.dtype))
    expected.backward(pull)
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
    for mine, theirs_ in zip(inputs, wide, strict=True):
        if mine.requires_grad:
            torch.testing.assert_close(mine.grad.double(), theirs_.grad, rtol=tolerance, atol=tolerance)


def make_linears(trains: bool, adapters: tuple[int, ...], bias: bool) -> list[Linear]:
    """Make layers that share five inputs; `adapters` are ranks, 0 for none."""
    linears = []
    for number, rank in enumerate(adapters):
        outputs = 3 + number
        weight = nn.Parameter(draw(outputs, 5), requires_grad=trains)
        bias_N = nn.Parameter(draw(outputs), requires_grad=trains) if bias else None
        linear = Linear(nn.Identity(), Weight(weight), bias_N)
        if rank:
            linear.a_rK, linear.b_Nr = nn.Parameter(draw(rank, 5)), nn.Parameter(draw(outputs, rank))
            linear.scale = 0.5 + number
        linears.append(linear)
    return linears


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(5, 3), nn.Linear(5, 4, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.left(x), self.right(x)], -1)
