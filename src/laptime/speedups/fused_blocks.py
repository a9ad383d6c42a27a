"""The layers written out over flat tokens, with fused element-wise parts.

Shapes: T tokens of all examples, t of one example, D width, H heads of queries, G heads of keys and values,
E width of a head, F width between gate and up.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch.autograd import Function
from torch.autograd.graph import saved_tensors_hooks

from laptime.decoder.decoder import Decoder, reason_against
from laptime.decoder.plain_parts import sdpa_attend
from laptime.decoder.prefix import Prefix
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class FusedBlocks(Speedup):
    """Replaces the model's own forward pass while training; the model stays as it is."""

    name: ClassVar[str] = "fused_blocks"
    summary: ClassVar[str] = "runs norm, rotation, gate and residual in few passes over memory"
    claims: ClassVar[Claim] = "rounding"

    def apply(self, setup: Setup) -> str:
        """Give the forward pass a decoder of the model's family."""
        if reason := reason_against(setup.model, setup.longest):
            raise NoEffect(reason)
        decoder = Decoder(setup.model)
        decoder.norm, decoder.rotate, decoder.gate = fused_norm, fused_rotate, fused_gate
        if setup.expands_heads:
            decoder.attend = expanded_attend
        decoder.recomputes = setup.recomputes
        if not setup.recomputes:  # there, nothing of a layer is to be held on to
            decoder.keep_gated = remade
        setup.forward.decoder = decoder
        if lowest := decoder.num_frozen_layers():
            setup.forward.prefix = Prefix(decoder, lowest)
        return f"{len(decoder.layers)} layers of {setup.model.config.model_type}"


def fused_norm(x_TD: torch.Tensor, weight_D: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Normalize with one saved tensor and one scale a row, and a backward pass of its own."""
    return Norm.apply(x_TD, weight_D, epsilon)


class Norm(Function):
    """y = weight * x / sqrt(mean(x^2) + epsilon)."""

    @staticmethod
    def forward(ctx: Any, x_TD: torch.Tensor, weight_D: torch.Tensor, epsilon: float) -> torch.Tensor:
        """Save x and the scale of each row."""
        wide_TD = x_TD.float()
        length_T1 = torch.linalg.vector_norm(wide_TD, dim=-1, keepdim=True)
        scale_T1 = length_T1.square_().div_(x_TD.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x_TD, weight_D, scale_T1)
        return (wide_TD * scale_T1).to(x_TD.dtype).mul_(weight_D)

    @staticmethod
    def backward(ctx: Any, *grads_TD: torch.Tensor) -> Any:
        """dx = scale (w g - x scale^2 mean(w g x)); dw = sum over rows of g x scale."""
        x_TD, weight_D, scale_T1 = ctx.saved_tensors
        wide_TD = x_TD.float()
        grad_D = None
        if ctx.needs_input_grad[1]:
            grad_D = (wide_TD * scale_T1).mul_(grads_TD[0]).flatten(0, -2).sum(0).to(weight_D.dtype)
        if not ctx.needs_input_grad[0]:
            return None, grad_D, None
        grad_TD = (grads_TD[0] * weight_D).float()
        pull_T1 = (grad_TD * wide_TD).sum(-1, keepdim=True).mul_(scale_T1.square()).div_(x_TD.shape[-1])
        grad_TD = grad_TD.addcmul_(wide_TD, pull_T1, value=-1).mul_(scale_T1)
        return grad_TD.to(x_TD.dtype), grad_D, None


def fused_rotate(x_THE: torch.Tensor, cos_TE: torch.Tensor, sin_TE: torch.Tensor) -> torch.Tensor:
    """Rotate without copies of the halves; nothing but the angles is saved."""
    return Rotation.apply(x_THE, cos_TE, sin_TE)


class Rotation(Function):
    """y = x cos + turned(x) sin, whose backward pass turns the other way."""

    @staticmethod
    def forward(ctx: Any, x_THE: torch.Tensor, cos_TE: torch.Tensor, sin_TE: torch.Tensor) -> torch.Tensor:
        """Save the angles."""
        ctx.save_for_backward(cos_TE, sin_TE)
        return turn(x_THE, cos_TE, sin_TE, 1.0)

    @staticmethod
    def backward(ctx: Any, *grads_THE: torch.Tensor) -> Any:
        """Turn the gradient back."""
        cos_TE, sin_TE = ctx.saved_tensors
        return turn(grads_THE[0], cos_TE, sin_TE, -1.0), None, None


def turn(x_THE: torch.Tensor, cos_TE: torch.Tensor, sin_TE: torch.Tensor, way: float) -> torch.Tensor:
    """Turn every pair (x_i, x_{i + E/2}) by its angle, forth (way 1) or back (way -1)."""
    half = x_THE.shape[-1] // 2
    cos_T1E, sin_T1E = cos_TE[:, None], sin_TE[:, None]
    y_THE = x_THE * cos_T1E
    y_THE[..., :half].addcmul_(x_THE[..., half:], sin_T1E[..., :half], value=-way)
    y_THE[..., half:].addcmul_(x_THE[..., :half], sin_T1E[..., half:], value=way)
    return y_THE


def expanded_attend(
    query_tHE: torch.Tensor, key_tGE: torch.Tensor, value_tGE: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attend as `sdpa_attend` with every key and value head copied for each of its query heads."""
    groups = query_tHE.shape[1] // key_tGE.shape[1]
    key_tHE, value_tHE = (x.repeat_interleave(groups, dim=1) for x in (key_tGE, value_tGE))
    return sdpa_attend(query_tHE, key_tHE, value_tHE, scale)


def fused_gate(gate_TF: torch.Tensor, up_TF: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) * up; silu(gate) is made again in the backward pass instead of being kept."""
    return Gate.apply(gate_TF, up_TF)


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


def gate_anew(gate_TF: torch.Tensor, up_TF: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) * up, of which autograd knows nothing."""
    return F.silu(gate_TF).mul_(up_TF)


View = tuple[torch.Size, tuple[int, ...]]  # of the same numbers: its sizes and strides


def remade(
    gated_TF: torch.Tensor,
    gate_TF: torch.Tensor,
    up_TF: torch.Tensor,
    make: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = gate_anew,
) -> AbstractContextManager[Any]:
    """Return a block in which autograd does not keep `gated_TF`: its inputs, kept anyway, make it again."""
    gate_TF, up_TF = gate_TF.detach(), up_TF.detach()
    place, size = gated_TF.data_ptr(), gated_TF.numel()

    def pack(kept: torch.Tensor) -> torch.Tensor | View:
        is_it = (kept.data_ptr(), kept.numel(), kept.dtype) == (place, size, gate_TF.dtype)
        return (kept.shape, kept.stride()) if is_it else kept

    def unpack(kept: torch.Tensor | View) -> torch.Tensor:
        return kept if isinstance(kept, torch.Tensor) else make(gate_TF, up_TF).as_strided(*kept)

    return saved_tensors_hooks(pack, unpack)
