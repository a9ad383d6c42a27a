"""The gate of the feed-forward part, SwiGLU (Shazeer 2020, arXiv:2002.05202). Shapes: T tokens, F width."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd import Function
from torch.autograd.graph import saved_tensors_hooks


def plain_gate(gate_TF: torch.Tensor, up_TF: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) * up, as transformers writes it."""
    return F.silu(gate_TF) * up_TF


def fused_gate(gate_TF: torch.Tensor, up_TF: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) * up; silu(gate) is made again in the backward pass instead of being kept."""
    return Gate.apply(gate_TF, up_TF)


def remade(gated_TF: torch.Tensor, gate_TF: torch.Tensor, up_TF: torch.Tensor) -> AbstractContextManager[Any]:
    """Return a block in which autograd does not keep `gated_TF`: its inputs, kept anyway, make it again."""
    gate_TF, up_TF = gate_TF.detach(), up_TF.detach()
    place, size = gated_TF.data_ptr(), gated_TF.numel()

    def pack(kept: torch.Tensor) -> torch.Tensor | None:
        return None if (kept.data_ptr(), kept.numel()) == (place, size) else kept

    def unpack(kept: torch.Tensor | None) -> torch.Tensor:
        return F.silu(gate_TF).mul_(up_TF) if kept is None else kept

    return saved_tensors_hooks(pack, unpack)


class Gate(Function):
    """y = silu(gate) * up."""

    @staticmethod
    def forward(ctx: Any, gate_TF: torch.Tensor, up_TF: torch.Tensor) -> torch.Tensor:
        """Save both inputs."""
        ctx.save_for_backward(gate_TF, up_TF)
        return F.silu(gate_TF).mul_(up_TF)

    @staticmethod
    def backward(ctx: Any, *grads_TF: torch.Tensor) -> Any:
        """d gate = g up silu'(gate); d up = g silu(gate)."""
        gate_TF, up_TF = ctx.saved_tensors
        grad_up_TF = F.silu(gate_TF).mul_(grads_TF[0])
        return torch.ops.aten.silu_backward(grads_TF[0] * up_TF, gate_TF), grad_up_TF
