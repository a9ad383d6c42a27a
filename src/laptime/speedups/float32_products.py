"""Half-precision weights are multiplied in float32 where the CPU has nothing else.

Shapes: T tokens, K inputs, N outputs of a linear layer, R of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch

from laptime.decoder.linear_layers import QuantisedWeight, Weight
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

BLOCK_ELEMENTS = 1 << 22  # 16 MiB in float32: a block of weights is still in the cache when it is used


class Float32Products(Speedup):
    """A CPU without bfloat16 arithmetic emulates it at a fraction of its float32 speed."""

    name: ClassVar[str] = "float32_products"
    summary: ClassVar[str] = "multiplies half-precision weights in float32 where the CPU would emulate them"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_projections",)
    keeps_weights: ClassVar[bool] = True

    def apply(self, setup: Setup) -> str:
        """Run the decoder on float32 activations; weights are widened block by block."""
        if setup.device.type != "cpu":
            raise NoEffect("for CPUs only")
        if (dtype := setup.compute) in setup.native_formats:
            raise NoEffect(f"{dtype} is native here")
        decoder = setup.decoder
        decoder.dtype = torch.float32
        for layer in decoder.layers:
            for linear in layer.linears:
                linear.weight = widen(linear.weight)
        return f"{dtype} weights, float32 activations and products"


def weight_for(weight_NK: torch.Tensor, dtype: torch.dtype) -> Weight:
    """Return the weight as it is multiplied with activations of `dtype`."""
    return Weight(weight_NK) if weight_NK.dtype == dtype else WidenedWeight(weight_NK)


def widen(weight: Weight) -> Weight:
    """Return a layer's weight as it is multiplied with float32 activations."""
    if isinstance(weight, QuantisedWeight):
        return QuantisedWeight(weight.layer, torch.float32)
    return weight_for(weight.weight_NK, torch.float32)


class WidenedWeight(Weight):
    """A half-precision weight multiplied with float32 activations, a block of rows at a time."""

    def forward(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Return x W^T, TxN, in float32."""
        y_TN = x_TK.new_empty(x_TK.shape[0], self.weight_NK.shape[0])
        for begin, block_RK in self._blocks():
            torch.mm(x_TK, block_RK.t(), out=y_TN[:, begin : begin + len(block_RK)])
        return y_TN

    def backward(self, grad_TN: torch.Tensor, into_TK: torch.Tensor | None = None) -> torch.Tensor:
        """Return g W, TxK, in float32, added to `into_TK` where there is one."""
        if into_TK is None:
            into_TK = grad_TN.new_zeros(grad_TN.shape[0], self.weight_NK.shape[1])
        for begin, block_RK in self._blocks():
            into_TK.addmm_(grad_TN[:, begin : begin + len(block_RK)], block_RK)
        return into_TK

    def _blocks(self) -> Iterator[tuple[int, torch.Tensor]]:
        """Give the rows block by block in float32; a block is overwritten by the next."""
        num_rows, width = self.weight_NK.shape
        size = min(num_rows, max(1, BLOCK_ELEMENTS // width))
        buffer = torch.empty(size, width)
        for begin in range(0, num_rows, size):
            rows = self.weight_NK[begin : begin + size]
            yield begin, buffer[: len(rows)].copy_(rows)
