"""Rotation and causal attention in C, in bfloat16 with float32 sums.

Shapes: T tokens of all examples, H heads of queries, G heads of keys and values, E width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch.autograd import Function

from laptime.kernels import library
from laptime.speedups.compiled import is_asked_instead, reason_against_c_products
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

LONGEST = 2048  # tokens: the scores of a block of queries, 24 times as many numbers, stay in a core's cache


class CompiledAttention(Speedup):
    """Half of all scores are masked, and between two products lie five passes over the rest."""

    name: ClassVar[str] = "compiled_attention"
    summary: ClassVar[str] = "rotates and attends in C code built for this CPU, without masked products"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_blocks",)

    def apply(self, setup: Setup) -> str:
        """Replace the decoder's rotation and attention."""
        if setup.device.type != "cpu":
            raise NoEffect("for CPUs only")
        if reason := reason_against_c_products(setup):
            raise NoEffect(reason)
        if setup.compute != "bfloat16":
            raise NoEffect(f"for bfloat16 only, not {setup.compute}")
        if is_asked_instead("short_attention", self.name, setup):
            raise NoEffect("short_attention was asked for by name")
        decoder = setup.decoder
        if setup.longest > LONGEST:
            raise NoEffect(f"examples of up to {setup.longest} tokens; made for {LONGEST}")
        if any(layer.head_width % 32 for layer in decoder.layers):
            raise NoEffect("the width of a head is no multiple of 32")
        decoder.mix = compiled_mix
        return f"examples of up to {setup.longest} tokens"


def compiled_mix(
    query_THE: torch.Tensor,
    key_TGE: torch.Tensor,
    value_TGE: torch.Tensor,
    angles: tuple[torch.Tensor, torch.Tensor],
    lengths: Sequence[int],
    scale: float,
) -> torch.Tensor:
    """Rotate queries and keys and attend within each of the examples whose `lengths` add up to T; THE."""
    return CompiledMix.apply(query_THE, key_TGE, value_TGE, *angles, lengths, scale)


class CompiledMix(Function):
    """softmax(scale turn(q) turn(k)^T + causal) v."""

    @staticmethod
    def forward(
        ctx: Any,
        query_THE: torch.Tensor,
        key_TGE: torch.Tensor,
        value_TGE: torch.Tensor,
        cos_TE: torch.Tensor,
        sin_TE: torch.Tensor,
        lengths: Sequence[int],
        scale: float,
    ) -> torch.Tensor:
        """Save what is rotated, and one number for each query and head."""
        query_THE, key_TGE, value_TGE, cos_TE, sin_TE = (
            x.contiguous() for x in (query_THE, key_TGE, value_TGE, cos_TE, sin_TE)
        )
        ctx.shape = library.describe_attention(query_THE, key_TGE.shape[1], lengths, scale)
        out_THE, *kept = library.attention_forward(ctx.shape, query_THE, key_TGE, value_TGE, cos_TE, sin_TE)
        ctx.save_for_backward(value_TGE, cos_TE, sin_TE, *kept)
        return out_THE

    @staticmethod
    def backward(ctx: Any, *grads_THE: torch.Tensor) -> Any:
        """See attention_backward in attention.c."""
        value_TGE, cos_TE, sin_TE, turned_THE, turned_TGE, lse_HT = ctx.saved_tensors
        grads = library.attention_backward(
            ctx.shape, turned_THE, turned_TGE, value_TGE, cos_TE, sin_TE, lse_HT, grads_THE[0].contiguous()
        )
        return *grads, None, None, None, None
