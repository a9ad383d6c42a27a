"""Linear layers that share an input, with their adapters, in C: float32 or bfloat16, with float32 sums.

What is added (an adapter's part, the gradients of x from several layers) is added before it is rounded. A
weight is used as it lies in memory, and no kernel is made anew for another number of tokens. Adapters are
read as they are, in float32, and so are their gradients.

Shapes: T tokens, K inputs, N outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch.autograd import Function

from laptime.decoder.linear_layers import Linear, Weight, run_together
from laptime.kernels import library
from laptime.speedups import fused_projections
from laptime.speedups.compiled import is_asked_instead, reason_against_c_products, reason_of_trial
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class CompiledProjections(Speedup):
    """An adapter's products cost little of their own, but much around them."""

    name: ClassVar[str] = "compiled_projections"
    summary: ClassVar[str] = "multiplies weights and adapters together in C code built for this CPU"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_projections",)

    def apply(self, setup: Setup) -> str:
        """Replace the projections of groups that the C code knows."""
        if setup.device.type != "cpu":
            raise NoEffect("for CPUs only")
        if reason := reason_against_c_products(setup):
            raise NoEffect(reason)
        if is_asked_instead("prepacked_weights", self.name, setup):
            raise NoEffect("prepacked_weights was asked for by name")
        if slower := reason_of_trial(setup, self.name):
            raise NoEffect(slower)
        linears = [linear for layer in setup.decoder.layers for linear in layer.linears]
        known = sum(map(is_known, linears))
        if not known:
            raise NoEffect("no layer has weights of even sizes, with or without a float32 adapter")
        setup.decoder.project = project
        return f"{known} layers"


def is_known(one: Linear) -> bool:
    """Tell whether the C code can multiply a layer as it is."""
    if any(size % 2 for size in one.weight.shape) or one.weight.dtype not in library.NAMES:
        return False
    if not one.weight.weight_NK.is_contiguous():
        return False
    if one.a_rK is None or one.b_Nr is None:
        return True
    return one.a_rK.dtype == one.b_Nr.dtype == torch.float32


def project(x_TK: torch.Tensor, linears: Sequence[Linear]) -> list[torch.Tensor]:
    """Apply layers that share their input; returns one TxN for each."""
    return run_together(x_TK, linears, multiply)


def multiply(x_TK: torch.Tensor, linears: Sequence[Linear]) -> Sequence[torch.Tensor]:
    """Multiply in C what it knows, else as `fused_projections` does."""
    if not all(is_known(one) and one.weight.dtype == x_TK.dtype for one in linears):
        return fused_projections.multiply(x_TK, linears)
    tensors = [tensor for one in linears for tensor in one.tensors()]
    return CompiledProjection.apply(x_TK, linears, *tensors)  # type: ignore[no-any-return]


class CompiledProjection(Function):
    """y_i = x W_i^T + bias_i + scale_i (x A_i^T) B_i^T for every layer i of a group."""

    @staticmethod
    def forward(ctx: Any, x_TK: torch.Tensor, linears: Sequence[Linear], *tensors: torch.Tensor) -> Any:
        """Save x and x A^T; what is made of weights and adapters to be multiplied is made anew."""
        x_TK = x_TK.contiguous()
        outputs, down_TR = library.project_forward(x_TK, list_weights(linears, tensors))
        for y_TN, bias_N in zip(outputs, tensors[1::4], strict=True):
            if bias_N is not None:
                y_TN += bias_N
        ctx.linears = linears
        needs_x = fused_projections.needs_input(ctx, tensors)
        ctx.save_for_backward(x_TK if needs_x else None, down_TR)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads_TN: torch.Tensor) -> Any:
        """Return the gradients of x and of what trains."""
        x_TK, down_TR = ctx.saved_tensors
        grads_TN, needs = tuple(grad_TN.contiguous() for grad_TN in grads_TN), ctx.needs_input_grad
        layers = list_weights(ctx.linears, [tensor for one in ctx.linears for tensor in one.tensors()])
        grad_TK, found = library.project_backward(x_TK, down_TR, layers, grads_TN, needs[0], needs[2::4])
        biases = [
            grad_TN.sum(0) if wants else None for grad_TN, wants in zip(grads_TN, needs[3::4], strict=True)
        ]
        own = [(one.weight_NK, bias, one.a_rK, one.b_Nr) for one, bias in zip(found, biases, strict=True)]
        return grad_TK, None, *(gradient for parts in own for gradient in parts)


def list_weights(
    linears: Sequence[Linear], tensors: Sequence[torch.Tensor | None]
) -> list[library.LayerWeights]:
    """Return what the C code multiplies with; `tensors` are the four of each layer."""
    return [
        library.LayerWeights(one.weight.make_wide(), a_rK, b_Nr, one.scale)
        for one, a_rK, b_Nr in zip(linears, tensors[2::4], tensors[3::4], strict=True)
    ]


class CompiledWeight(Weight):
    """A weight that the C code multiplies by itself: that of the head."""

    def forward(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Return x W^T, TxN."""
        (y_TN,), _ = library.project_forward(x_TK.contiguous(), [library.LayerWeights(self.weight_NK)])
        return y_TN

    def backward(self, grad_TN: torch.Tensor, into_TK: torch.Tensor | None = None) -> torch.Tensor:
        """Return g W, TxK, added to `into_TK` where there is one."""
        grad_TK, _ = library.project_backward(None, None, [library.LayerWeights(self.weight_NK)], [grad_TN])
        assert grad_TK is not None
        return grad_TK if into_TK is None else into_TK.add_(grad_TK)

    def gradient(
        self, grad_TN: torch.Tensor, x_TK: torch.Tensor, into_NK: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return g^T x, NxK, added to `into_NK` where there is one."""
        layers = [library.LayerWeights(self.weight_NK)]
        _, (found,) = library.project_backward(x_TK.contiguous(), None, layers, [grad_TN], False, [True])
        assert found.weight_NK is not None
        return found.weight_NK if into_NK is None else into_NK.add_(found.weight_NK)
