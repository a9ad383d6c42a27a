"""Attention of short records on a CPU by whole matrix products."""

from __future__ import annotations

from typing import ClassVar

from laptime.decoder.attention import short_attend
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

LONGEST = 512  # tokens; beyond, the products that the causal mask throws away cost more than the kernel does


class ShortAttention(Speedup):
    """The CPU's flash kernel is made for long sequences; short ones are two products and a softmax."""

    name: ClassVar[str] = "short_attention"
    summary: ClassVar[str] = "attends by two matrix products and a softmax where records are short (CPU)"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_blocks",)

    def apply(self, setup: Setup) -> str:
        """Replace the decoder's attention."""
        if setup.device.type != "cpu":
            raise NoEffect("a GPU's attention kernels are faster")
        if setup.longest > LONGEST:
            raise NoEffect(f"records of up to {setup.longest} tokens; short means {LONGEST}")
        setup.decoder.attend = short_attend
        return f"records of up to {setup.longest} tokens"
