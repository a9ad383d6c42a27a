"""The products of LoRA's adapters in C, in bfloat16 with float32 sums.

They are narrow: libraries that are made for large products run them at a third of their speed, and make a
kernel anew for every number of tokens. Adapters are read as they are, in float32, and so are their gradients.

Shapes: T tokens, K inputs, N outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch.autograd import Function

from laptime.decoder.linear_layers import AnyLinear, Linear
from laptime.kernels import library
from laptime.speedups import fused_projections
from laptime.speedups.compiled import need_bfloat16_products
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class CompiledAdapters(Speedup):
    """Two thirds of the time of an adapter's products is spent around them."""

    name: ClassVar[str] = "compiled_adapters"
    summary: ClassVar[str] = "multiplies adapters in C code built for this CPU, without casts"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_projections",)

    def apply(self, setup: Setup) -> str:
        """Replace the projections of groups whose every layer has an adapter that trains."""
        need_bfloat16_products(setup)
        linears = [linear for layer in setup.decoder.layers for linear in layer.linears]
        known = [linear for linear in linears if is_known(linear)]
        if not known:
            raise NoEffect("no layer has a float32 adapter that trains beside a frozen weight")
        setup.decoder.project = project
        return f"adapters of {len(known)} layers"


def is_known(one: AnyLinear) -> bool:
    """Tell whether a layer is frozen but for an adapter of the kind that the C code multiplies."""
    if not isinstance(one, Linear) or one.a_rK is None or one.b_Nr is None:
        return False
    if one.weight_NK.requires_grad or (one.bias_N is not None and one.bias_N.requires_grad):
        return False
    trains = one.a_rK.requires_grad and one.b_Nr.requires_grad
    is_even = not any(size % 2 for size in one.weight_NK.shape)
    return trains and is_even and one.a_rK.dtype == one.b_Nr.dtype == torch.float32


def project(x_TK: torch.Tensor, parts: Sequence[AnyLinear]) -> list[torch.Tensor]:
    """Apply layers that share their input; returns one TxN for each."""
    linears = [one for one in parts if isinstance(one, Linear)]
    if x_TK.dtype != torch.bfloat16 or not all(map(is_known, parts)):
        return fused_projections.project(x_TK, parts)
    tensors = [t for one in linears for t in (one.a_rK, one.b_Nr)]
    return list(CompiledProjection.apply(x_TK, linears, *tensors))


class CompiledProjection(Function):
    """y_i = x W_i^T + bias_i + scale_i (x A_i^T) B_i^T for every layer i of a group."""

    @staticmethod
    def forward(ctx: Any, x_TK: torch.Tensor, linears: Sequence[Linear], *tensors: torch.Tensor) -> Any:
        """Save x and x A^T."""
        x_TK = x_TK.contiguous()
        outputs = [one.weight.forward(x_TK) for one in linears]
        for one, y_TN in zip(linears, outputs, strict=True):
            if one.bias_N is not None:
                y_TN += one.bias_N
        ctx.linears = linears
        ctx.adapters = [
            library.AdapterWeights(a_rK, b_Nr, one.scale)
            for one, a_rK, b_Nr in zip(linears, tensors[::2], tensors[1::2], strict=True)
        ]
        ctx.save_for_backward(x_TK, library.add_adapters(x_TK, ctx.adapters, outputs))
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads_TN: torch.Tensor) -> Any:
        """Return the gradients of x and of every adapter."""
        x_TK, down_TR = ctx.saved_tensors
        grads_TN = tuple(grad_TN.contiguous() for grad_TN in grads_TN)
        grad_TK: torch.Tensor | None = None
        if ctx.needs_input_grad[0]:
            for one, grad_TN in zip(ctx.linears, grads_TN, strict=True):
                grad_TK = one.weight.backward(grad_TN, grad_TK)
        grads = library.adapter_gradients(x_TK, down_TR, ctx.adapters, grads_TN, grad_TK)
        return grad_TK, None, *(gradient for pair in grads for gradient in pair)
