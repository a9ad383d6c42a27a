"""Matrix products; the one place that knows how a weight is stored and in which format it is multiplied.

Shapes: T tokens, K inputs, N outputs of a linear layer, whose weight is weight_NK.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

BLOCK_ELEMENTS = 1 << 22  # 16 MiB in float32: a block of weights is still in the cache when it is used


class Weight:
    """A weight as its parameter holds it."""

    def __init__(self, weight_NK: torch.Tensor) -> None:
        self.weight_NK = weight_NK

    def forward(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Return x W^T, TxN."""
        return x_TK.mm(self.weight_NK.t())

    def backward(self, grad_TN: torch.Tensor, into_TK: torch.Tensor | None = None) -> torch.Tensor:
        """Return g W, TxK, added to `into_TK` where there is one."""
        return add_product(into_TK, grad_TN, self.weight_NK)


class PackedWeight(Weight):
    """A frozen weight with a copy in the order in which oneDNN's kernels read it; the copy serves x W^T."""

    def __init__(self, weight_NK: torch.Tensor) -> None:
        super().__init__(weight_NK)
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight_NK.detach())

    def forward(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Return x W^T, TxN."""
        return torch.ops.mkldnn._linear_pointwise(x_TK, self.packed, None, "none", [], "")


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


def product(a_MK: torch.Tensor, b_KN: torch.Tensor) -> torch.Tensor:
    """Return a b, MxN or a batch of them."""
    return torch.matmul(a_MK, b_KN)


def add_product(
    into_MN: torch.Tensor | None, a_MK: torch.Tensor, b_KN: torch.Tensor, alpha: float = 1.0
) -> torch.Tensor:
    """Return `into` + alpha a b, MxN, written into `into_MN` where there is one."""
    if into_MN is not None:
        return into_MN.addmm_(a_MK, b_KN, alpha=alpha)
    made_MN = torch.mm(a_MK, b_KN)
    return made_MN if alpha == 1.0 else made_MN.mul_(alpha)


def weight_for(weight_NK: torch.Tensor, dtype: torch.dtype) -> Weight:
    """Return the weight as it is multiplied with activations of `dtype`."""
    return Weight(weight_NK) if weight_NK.dtype == dtype else WidenedWeight(weight_NK)
