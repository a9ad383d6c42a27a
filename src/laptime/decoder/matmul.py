"""Matrix products with a weight as its parameter holds it; a speedup may store it in another way.

Shapes: T tokens, K inputs, N outputs of a linear layer, whose weight is weight_NK.
"""

from __future__ import annotations

import torch


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
