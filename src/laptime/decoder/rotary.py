"""Rotary position embedding (Su et al. 2021, arXiv:2104.09864) in the half-and-half layout.

Shapes: T tokens, H heads, E width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import Function


def plain_rotate(x_THE: torch.Tensor, cos_TE: torch.Tensor, sin_TE: torch.Tensor) -> torch.Tensor:
    """Rotate as transformers writes it."""
    left, right = x_THE.chunk(2, dim=-1)
    turned_THE = torch.cat((-right, left), dim=-1)
    return x_THE * cos_TE[:, None] + turned_THE * sin_TE[:, None]


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
