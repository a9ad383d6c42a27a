"""Examples of a batch stand one after another, so that no token is padding.

The work stands in `data/batches.py`, which makes the batches of training and evaluation, packed or padded;
the decoder tells examples apart by their lengths either way.
"""

from __future__ import annotations

from typing import ClassVar

from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class NoPadding(Speedup):
    """Packs the examples of a batch into one row; each attends to itself alone."""

    name: ClassVar[str] = "no_padding"
    summary: ClassVar[str] = "packs the examples of a batch without padding, each attending to itself alone"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_blocks",)

    def apply(self, setup: Setup) -> str:
        """Have batches packed."""
        if not setup.is_ragged:
            raise NoEffect("no batch holds examples of different lengths")
        if any(one.dropout for layer in setup.decoder.layers for one in layer.linears):
            raise NoEffect("LoRA dropout draws one number for each place of a padded batch")
        setup.packs_examples = True
        return "batches are packed"
