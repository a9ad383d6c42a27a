"""Attention of short examples on a CPU by whole matrix products.

Shapes: t tokens of one example, H heads of queries, G heads of keys and values, E width of a head.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch.autograd import Function

from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

LONGEST = 512  # tokens; beyond, the products that the causal mask throws away cost more than the kernel does


class ShortAttention(Speedup):
    """The CPU's flash kernel is made for long sequences; short ones are two products and a softmax."""

    name: ClassVar[str] = "short_attention"
    summary: ClassVar[str] = "attends by two matrix products and a softmax where examples are short (CPU)"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_blocks",)

    def apply(self, setup: Setup) -> str:
        """Replace the decoder's attention."""
        if setup.device.type != "cpu":
            raise NoEffect("a GPU's attention kernels are faster")
        if setup.decoder.mix is not None:
            raise NoEffect("compiled_attention attends")
        if setup.longest > LONGEST:
            raise NoEffect(f"examples of up to {setup.longest} tokens; short means {LONGEST}")
        setup.decoder.attend = short_attend
        return f"examples of up to {setup.longest} tokens"


def short_attend(
    query_tHE: torch.Tensor, key_tGE: torch.Tensor, value_tGE: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attend by whole matrix products, all query heads of a key head in one; for examples of few tokens."""
    return MatrixAttention.apply(query_tHE, key_tGE, value_tGE, scale)


class MatrixAttention(Function):
    """softmax(scale q k^T + causal) v, its probabilities kept for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, query_tHE: torch.Tensor, key_tGE: torch.Tensor, value_tGE: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Save the inputs and the probabilities."""
        query_GmE, key_GtE, value_GtE = stack_heads(query_tHE, key_tGE, value_tGE)
        scores_Gmt = torch.matmul(query_GmE * scale, key_GtE.transpose(1, 2))
        num_tokens = key_GtE.shape[1]
        mask_tt = torch.full((num_tokens, num_tokens), float("-inf"), device=scores_Gmt.device).triu_(1)
        scores_Gmt.view(key_GtE.shape[0], -1, num_tokens, num_tokens).add_(mask_tt)
        weights_Gmt = torch.softmax(scores_Gmt, -1)
        ctx.scale = scale
        ctx.save_for_backward(query_GmE, key_GtE, value_GtE, weights_Gmt)
        return unstack_heads(torch.matmul(weights_Gmt, value_GtE), num_tokens)

    @staticmethod
    def backward(ctx: Any, *grads_tHE: torch.Tensor) -> Any:
        """The gradients of softmax attention; the products sum over the query heads of a key head."""
        query_GmE, key_GtE, value_GtE, weights_Gmt = ctx.saved_tensors
        num_tokens = key_GtE.shape[1]
        grad_GmE = stack_queries(grads_tHE[0], key_GtE.shape[0])
        grad_value_GtE = torch.matmul(weights_Gmt.transpose(1, 2), grad_GmE)
        grad_Gmt = torch.matmul(grad_GmE, value_GtE.transpose(1, 2))
        grad_Gmt = torch._softmax_backward_data(grad_Gmt, weights_Gmt, -1, weights_Gmt.dtype)
        grad_query_GmE = torch.matmul(grad_Gmt, key_GtE).mul_(ctx.scale)
        grad_key_GtE = torch.matmul(grad_Gmt.transpose(1, 2), query_GmE).mul_(ctx.scale)
        return (
            unstack_heads(grad_query_GmE, num_tokens),
            grad_key_GtE.transpose(0, 1),
            grad_value_GtE.transpose(0, 1),
            None,
        )


def stack_heads(
    query_tHE: torch.Tensor, key_tGE: torch.Tensor, value_tGE: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Put the query heads of each key head below one another: m = H / G * t rows for each of G."""
    return (
        stack_queries(query_tHE, key_tGE.shape[1]),
        key_tGE.transpose(0, 1).contiguous(),
        value_tGE.transpose(0, 1).contiguous(),
    )


def stack_queries(query_tHE: torch.Tensor, num_key_heads: int) -> torch.Tensor:
    """Return GmE from tHE."""
    return query_tHE.transpose(0, 1).reshape(num_key_heads, -1, query_tHE.shape[-1])


def unstack_heads(stacked_GmE: torch.Tensor, num_tokens: int) -> torch.Tensor:
    """Return tHE from GmE."""
    return stacked_GmE.reshape(-1, num_tokens, stacked_GmE.shape[-1]).transpose(0, 1)
