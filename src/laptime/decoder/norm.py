"""Root-mean-square normalization (Zhang and Sennrich 2019, arXiv:1910.07467). Shapes: T tokens, D width."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import Function


def plain_norm(x_TD: torch.Tensor, weight_D: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Normalize as transformers writes it: in float32, rounded before the weight."""
    wide_TD = x_TD.float()
    wide_TD = wide_TD * torch.rsqrt(wide_TD.pow(2).mean(-1, keepdim=True) + epsilon)
    return weight_D * wide_TD.to(x_TD.dtype)


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
