"""Linear layers: taken apart into what is frozen and what trains, or left whole.

LoRA (Hu et al. 2021, arXiv:2106.09685) adds scale (x A^T) B^T to x W^T.

Shapes: T tokens, K inputs, N outputs of a layer, r rank of its adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from msgspec import Struct
from torch import nn


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

    def gradient(
        self, grad_TN: torch.Tensor, x_TK: torch.Tensor, into_NK: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return g^T x, NxK, the weight's own gradient, added to `into_NK` where there is one."""
        return add_product(into_NK, grad_TN.t(), x_TK)


def add_product(
    into_MN: torch.Tensor | None, a_MK: torch.Tensor, b_KN: torch.Tensor, alpha: float = 1.0
) -> torch.Tensor:
    """Return `into` + alpha a b, MxN, written into `into_MN` where there is one."""
    if into_MN is not None:
        return into_MN.addmm_(a_MK, b_KN, alpha=alpha)
    made_MN = torch.mm(a_MK, b_KN)
    return made_MN if alpha == 1.0 else made_MN.mul_(alpha)


class Linear(Struct):
    """A linear layer taken apart: what is frozen, what trains."""

    module: nn.Module  # what stands in the model: nn.Linear or PEFT's wrapper of one
    weight: Weight
    weight_NK: torch.Tensor
    bias_N: torch.Tensor | None = None
    a_rK: torch.Tensor | None = None
    b_Nr: torch.Tensor | None = None
    scale: float = 1.0
    dropout: float = 0.0


class Foreign(Struct):
    """A linear layer that is not taken apart: it runs as it stands in the model, beside those that are."""

    module: nn.Module
    dtype: torch.dtype  # of its weight
    dropout: float = 0.0

    def run(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Return what the module makes of x, TxN."""
        y_TN: torch.Tensor = self.module(x_TK.to(self.dtype)[None])[0]
        return y_TN.to(x_TK.dtype)


AnyLinear: TypeAlias = Linear | Foreign

# Variants of LoRA that see each token by itself, as a linear layer does; others depend on its neighbours.
TOKEN_BY_TOKEN = {"DoraLinearVariant"}


def take_apart(module: Any) -> Linear | None:
    """Return the parts of a linear layer with at most one plain LoRA adapter; None for anything else."""
    if type(module) is nn.Linear:
        return Linear(module, Weight(module.weight), module.weight, module.bias)
    if type(getattr(module, "base_layer", None)) is not nn.Linear or len(module.active_adapters) != 1:
        return None
    base, name = module.base_layer, module.active_adapters[0]
    if module.merged or name not in getattr(module, "lora_A", {}) or _is_special(module, name):
        return None
    chance = getattr(module.lora_dropout[name], "p", 0.0)
    return Linear(
        module, Weight(base.weight), base.weight, base.bias,
        module.lora_A[name].weight, module.lora_B[name].weight, float(module.scaling[name]), chance,
    )  # fmt: skip


def leave_whole(module: Any) -> Foreign | None:
    """Return a layer that `take_apart` does not know but that may run as it stands; None for anything else.

    Known for that are PEFT's adapters of one linear layer with biases of their own, DoRA's and AdaLoRA's.
    """
    if type(getattr(module, "base_layer", None)) is not nn.Linear or len(module.active_adapters) != 1:
        return None
    name = module.active_adapters[0]
    variant = getattr(module, "lora_variant", {}).get(name)
    if module.merged or name not in getattr(module, "lora_A", {}):
        return None
    if variant is not None and type(variant).__name__ not in TOKEN_BY_TOKEN:
        return None
    chance = getattr(module.lora_dropout[name], "p", 0.0)
    return Foreign(module, module.base_layer.weight.dtype, chance)


def _is_special(module: Any, name: str) -> bool:
    """Tell whether an adapter is a variant of LoRA (DoRA, AdaLoRA), which computes something else."""
    if not isinstance(module.lora_A[name], nn.Linear):  # AdaLoRA's
        return True
    biases = (module.lora_A[name].bias, module.lora_B[name].bias)
    return name in getattr(module, "lora_variant", {}) or any(bias is not None for bias in biases)


def call_modules(x_TK: torch.Tensor, parts: Sequence[AnyLinear]) -> list[torch.Tensor]:
    """Apply the layers one by one as they stand in the model."""
    return [one.module(x_TK[None])[0] for one in parts]
