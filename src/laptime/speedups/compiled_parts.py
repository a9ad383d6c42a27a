"""Norm and gate in C, each in one pass over memory.

Shapes: T tokens of all examples, D width, F width between gate and up.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
from torch.autograd import Function

from laptime.kernels import library
from laptime.speedups.compiled import reason_against_c
from laptime.speedups.fused_blocks import fused_gate, fused_norm, gate_anew, remade
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class CompiledParts(Speedup):
    """Between the products lies work on single numbers, whose time is reading and writing them."""

    name: ClassVar[str] = "compiled_parts"
    summary: ClassVar[str] = "runs norm and gate as C code built for this CPU, in one pass each"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_blocks",)

    def apply(self, setup: Setup) -> str:
        """Replace the decoder's norm and gate."""
        if setup.device.type != "cpu":
            raise NoEffect("for CPUs only")
        if reason := reason_against_c():
            raise NoEffect(reason)
        decoder = setup.decoder
        decoder.norm, decoder.gate = compiled_norm, compiled_gate
        if decoder.keep_gated is remade:
            decoder.keep_gated = compiled_remade
        return f"norm and gate of {len(decoder.layers)} layers"


def compiled_norm(x_TD: torch.Tensor, weight_D: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Normalize as `fused_norm` does, which gets what the C code does not know."""
    if x_TD.dtype not in library.NAMES:
        return fused_norm(x_TD, weight_D, epsilon)
    return CompiledNorm.apply(x_TD, weight_D, epsilon)


class CompiledNorm(Function):
    """y = weight * x / sqrt(mean(x^2) + epsilon)."""

    @staticmethod
    def forward(ctx: Any, x_TD: torch.Tensor, weight_D: torch.Tensor, epsilon: float) -> torch.Tensor:
        """Save x and the scale of each row."""
        x_TD, wide_D = x_TD.contiguous(), weight_D.float()
        y_TD, scale_T = library.norm_forward(x_TD, wide_D, epsilon)
        ctx.weight_dtype = weight_D.dtype
        ctx.save_for_backward(x_TD, wide_D, scale_T)
        return y_TD

    @staticmethod
    def backward(ctx: Any, *grads_TD: torch.Tensor) -> Any:
        """See norm_backward in parts.h."""
        x_TD, wide_D, scale_T = ctx.saved_tensors
        grad_TD, grad_D = library.norm_backward(
            grads_TD[0].contiguous(), x_TD, wide_D, scale_T, *ctx.needs_input_grad[:2]
        )
        return grad_TD, None if grad_D is None else grad_D.to(ctx.weight_dtype), None


def compiled_gate(gate_TF: torch.Tensor, up_TF: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) * up as `fused_gate` does, which gets what the C code does not know."""
    if gate_TF.dtype not in library.NAMES:
        return fused_gate(gate_TF, up_TF)
    return CompiledGate.apply(gate_TF, up_TF)


class CompiledGate(Function):
    """y = silu(gate) * up."""

    @staticmethod
    def forward(ctx: Any, gate_TF: torch.Tensor, up_TF: torch.Tensor) -> torch.Tensor:
        """Save both inputs."""
        gate_TF, up_TF = gate_TF.contiguous(), up_TF.contiguous()
        ctx.save_for_backward(gate_TF, up_TF)
        return library.gate_forward(gate_TF, up_TF)

    @staticmethod
    def backward(ctx: Any, *grads_TF: torch.Tensor) -> Any:
        """See gate_backward in parts.h."""
        return library.gate_backward(grads_TF[0].contiguous(), *ctx.saved_tensors)


def compiled_remade(
    gated_TF: torch.Tensor, gate_TF: torch.Tensor, up_TF: torch.Tensor
) -> AbstractContextManager[Any]:
    """Return a block in which autograd does not keep `gated_TF`, as `remade` does."""
    known = gated_TF.dtype in library.NAMES
    return remade(gated_TF, gate_TF, up_TF, library.gate_forward if known else gate_anew)
