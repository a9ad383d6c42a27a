"""Linear layers that share an input, with their LoRA adapters, as one step of autograd.

LoRA (Hu et al. 2021, arXiv:2106.09685) adds scale (x A^T) B^T to x W^T. Layers that share x share one
product with all their A; B adds into the result; nothing is cast but the adapters, which are small:
float32 masters, of which each pass makes half-precision shadows.

Shapes: T tokens, K inputs, N outputs, r rank, R the ranks of all layers of a group together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch.autograd import Function

from laptime.decoder.linear_layers import Linear, add_product, run_together
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class FusedProjections(Speedup):
    """Runs query, key and value together, gate and up together, each with its adapter."""

    name: ClassVar[str] = "fused_projections"
    summary: ClassVar[str] = "runs layers that share an input together, adapters included, without casts"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_blocks",)

    def apply(self, setup: Setup) -> str:
        """Replace the calls of the modules."""
        decoder = setup.decoder
        linears = [linear for layer in decoder.layers for linear in layer.linears]
        if any(linear.dropout for linear in linears):
            raise NoEffect("LoRA dropout is drawn anew for every layer")
        decoder.project = project
        return f"{len(linears)} layers in {4 * len(decoder.layers)} groups"


def project(x_TK: torch.Tensor, linears: Sequence[Linear]) -> list[torch.Tensor]:
    """Apply layers that share their input; returns one TxN for each."""
    return run_together(x_TK, linears, multiply)


def multiply(x_TK: torch.Tensor, linears: Sequence[Linear]) -> Sequence[torch.Tensor]:
    """Multiply in one step of autograd."""
    tensors = [tensor for one in linears for tensor in one.tensors()]
    outputs = Projection.apply(x_TK, linears, *tensors)
    return [outputs] if isinstance(outputs, torch.Tensor) else outputs


class Projection(Function):
    """y_i = x W_i^T + bias_i + scale_i (x A_i^T) B_i^T for every layer i of a group."""

    @staticmethod
    def forward(ctx: Any, x_TK: torch.Tensor, linears: Sequence[Linear], *tensors: torch.Tensor) -> Any:
        """Save x, x A^T and all A; the layers' parts stand in `tensors` so that autograd knows them."""
        downs = [a_rK for a_rK in tensors[2::4] if a_rK is not None]
        a_RK = torch.cat(downs).to(x_TK.dtype) if downs else None
        down_TR = torch.matmul(x_TK, a_RK.t()) if a_RK is not None else None
        outputs, begin = [], 0
        for one, bias_N, b_Nr in zip(linears, tensors[1::4], tensors[3::4], strict=True):
            y_TN = one.weight.forward(x_TK)
            if bias_N is not None:
                y_TN += bias_N
            if b_Nr is not None and down_TR is not None:
                rank = b_Nr.shape[1]
                shadow_Nr = b_Nr.to(x_TK.dtype)
                add_product(y_TN, down_TR[:, begin : begin + rank], shadow_Nr.t(), one.scale)
                begin += rank
            outputs.append(y_TN)
        ctx.linears = linears
        ctx.save_for_backward(x_TK if needs_input(ctx, tensors) else None, down_TR, a_RK)
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    @staticmethod
    def backward(ctx: Any, *grads_TN: torch.Tensor) -> Any:
        """Return the gradients of x and of what trains."""
        x_TK, down_TR, a_RK = ctx.saved_tensors
        grad_TK: torch.Tensor | None = None
        downs_TR: list[torch.Tensor] = []  # gradients of x A^T, layer by layer
        found: list[list[torch.Tensor | None]] = []
        begin = 0
        for index, (one, grad_TN) in enumerate(zip(ctx.linears, grads_TN, strict=True)):
            needs = ctx.needs_input_grad[2 + 4 * index : 6 + 4 * index]
            if ctx.needs_input_grad[0]:
                grad_TK = one.weight.backward(grad_TN, grad_TK)
            own: list[torch.Tensor | None] = [None] * 4
            if needs[0]:
                own[0] = torch.matmul(grad_TN.t(), x_TK).to(one.weight.weight_NK.dtype)
            if needs[1]:
                own[1] = grad_TN.sum(0)
            b_Nr = one.make_b()
            if b_Nr is not None:
                rank = b_Nr.shape[1]
                downs_TR.append(add_product(None, grad_TN, b_Nr.to(grad_TN.dtype), one.scale))
                if needs[3]:
                    own[3] = add_product(None, grad_TN.t(), down_TR[:, begin : begin + rank], one.scale)
                begin += rank
            found.append(own)
        if downs_TR:
            grad_TK = _finish_adapters(ctx, x_TK, a_RK, downs_TR, grad_TK, found)
        return grad_TK, None, *(gradient for own in found for gradient in own)


def needs_input(ctx: Any, tensors: Sequence[torch.Tensor | None]) -> bool:
    """Tell whether a gradient is made of x: a weight's, or an adapter's."""
    return any(ctx.needs_input_grad[2::4]) or any(a_rK is not None for a_rK in tensors[2::4])


def _finish_adapters(
    ctx: Any,
    x_TK: torch.Tensor,
    a_RK: torch.Tensor,
    downs_TR: list[torch.Tensor],
    grad_TK: torch.Tensor | None,
    found: list[list[torch.Tensor | None]],
) -> torch.Tensor | None:
    """Fill in the gradients of every A, and add the adapters' part to the gradient of x."""
    grad_down_TR = torch.cat(downs_TR, dim=1)
    grads_RK = torch.matmul(grad_down_TR.t(), x_TK)
    begin = 0
    for one, own in zip(ctx.linears, found, strict=True):
        if one.a_rK is not None:
            own[2] = grads_RK[begin : begin + len(one.a_rK)].to(one.a_rK.dtype)
            own[3] = None if own[3] is None else own[3].to(one.b_Nr.dtype)
            begin += len(one.a_rK)
    return add_product(grad_TK, grad_down_TR, a_RK) if ctx.needs_input_grad[0] else None
