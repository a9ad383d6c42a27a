"""AdamW in one pass over memory.

The kernel is torch's; how its gradients are scaled and left out where they are not finite stands in
`training/optimizer.py`, whose masters, clipping and loss scaling are the same for both kernels.
"""

from __future__ import annotations

from typing import ClassVar

from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class FusedOptimizer(Speedup):
    """One kernel reads and writes weight and moments once instead of once an operation."""

    name: ClassVar[str] = "fused_optimizer"
    summary: ClassVar[str] = "updates weights and moments in one pass over memory"
    claims: ClassVar[Claim] = "rounding"

    def apply(self, setup: Setup) -> str:
        """Ask for torch's fused kernel."""
        if setup.training.optimizer != "adamw":
            raise NoEffect("torch's fused kernel is AdamW's with moments of 32 bits")
        setup.fuses_optimizer = True
        return "torch's fused AdamW"
