"""Linear layers taken apart into what is frozen and what trains.

LoRA (Hu et al. 2021, arXiv:2106.09685) adds scale (x A^T) B^T to x W^T.

Shapes: T tokens, K inputs, N outputs of a layer, r rank of its adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from msgspec import Struct
from torch import nn

from laptime.methods.qlora import widen_weight


class Weight:
    """A weight as its parameter holds it."""

    def __init__(self, weight_NK: torch.Tensor) -> None:
        self.weight_NK = weight_NK

    @property
    def shape(self) -> torch.Size:
        """Return N and K."""
        return self.weight_NK.shape

    @property
    def dtype(self) -> torch.dtype:
        """Return in what it is multiplied."""
        return self.weight_NK.dtype

    def make_wide(self) -> torch.Tensor:
        """Return what it is multiplied as, NxK."""
        return self.weight_NK

    def forward(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Return x W^T, TxN."""
        return x_TK.mm(self.make_wide().t())

    def backward(self, grad_TN: torch.Tensor, into_TK: torch.Tensor | None = None) -> torch.Tensor:
        """Return g W, TxK, added to `into_TK` where there is one."""
        return add_product(into_TK, grad_TN, self.make_wide())

    def gradient(
        self, grad_TN: torch.Tensor, x_TK: torch.Tensor, into_NK: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return g^T x, NxK, the weight's own gradient, added to `into_NK` where there is one."""
        return add_product(into_NK, grad_TN.t(), x_TK)


class QuantisedWeight(Weight):
    """A frozen weight in 4 bits (bitsandbytes), made wide whenever it is multiplied."""

    def __init__(self, layer: Any, dtype: torch.dtype | None = None) -> None:
        super().__init__(layer.weight)
        self.layer = layer
        self._dtype: torch.dtype = dtype or layer.compute_dtype

    @property
    def shape(self) -> torch.Size:
        """Return N and K."""
        return torch.Size(self.weight_NK.quant_state.shape)  # type: ignore[attr-defined]

    @property
    def dtype(self) -> torch.dtype:
        """Return in what it is multiplied."""
        return self._dtype

    def make_wide(self) -> torch.Tensor:
        """Return what it is multiplied as, NxK."""
        return widen_weight(self.layer).to(self._dtype)


def add_product(
    into_MN: torch.Tensor | None, a_MK: torch.Tensor, b_KN: torch.Tensor, alpha: float = 1.0
) -> torch.Tensor:
    """Return `into` + alpha a b, MxN, written into `into_MN` where there is one."""
    if into_MN is not None:
        return into_MN.addmm_(a_MK, b_KN, alpha=alpha)
    made_MN = torch.mm(a_MK, b_KN)
    return made_MN if alpha == 1.0 else made_MN.mul_(alpha)


class Linear(Struct):
    """A linear layer taken apart: what is frozen, what trains; adapters of other kinds derive from it.

    What they make of its input and output lies in `begin` and `finish`, around what all layers are
    multiplied with.
    """

    module: nn.Module  # what stands in the model: nn.Linear or PEFT's wrapper of one
    weight: Weight
    bias_N: torch.Tensor | None = None
    a_rK: torch.Tensor | None = None
    b_Nr: torch.Tensor | None = None
    scale: float = 1.0
    dropout: float = 0.0

    def begin(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Return what is multiplied, TxK, from the layer's input."""
        return x_TK

    def make_a(self) -> torch.Tensor | None:
        """Return A, rxK, as a pass multiplies with it."""
        return self.a_rK

    def make_b(self) -> torch.Tensor | None:
        """Return B, Nxr, as a pass multiplies with it."""
        return self.b_Nr

    def tensors(self) -> tuple[torch.Tensor | None, ...]:
        """Return weight, bias, A and B as a pass multiplies with them."""
        return self.weight.weight_NK, self.bias_N, self.make_a(), self.make_b()

    def finish(self, y_TN: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, TxN, from the product."""
        return y_TN


def call_modules(x_TK: torch.Tensor, parts: Sequence[Linear]) -> list[torch.Tensor]:
    """Apply the layers one by one as they stand in the model."""
    return [one.module(x_TK[None])[0] for one in parts]


Multiply = Callable[[torch.Tensor, Sequence[Linear]], Sequence[torch.Tensor]]


def run_together(x_TK: torch.Tensor, linears: Sequence[Linear], multiply: Multiply) -> list[torch.Tensor]:
    """Apply layers that share their input, TxN each; those that change it first are multiplied alone."""
    inputs = [one.begin(x_TK) for one in linears]
    if all(one_TK is x_TK for one_TK in inputs):
        outputs = multiply(x_TK, linears)
    else:
        outputs = [multiply(one_TK, [one])[0] for one_TK, one in zip(inputs, linears, strict=True)]
    return [one.finish(y_TN) for one, y_TN in zip(linears, outputs, strict=True)]
