"""Linear layers that share an input, with their LoRA adapters, in one step without casts."""

from __future__ import annotations

from typing import ClassVar

from laptime.decoder.projection import project
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
        parts = [part for layer in decoder.layers for part in layer.parts]
        if any(part.dropout for part in parts):
            raise NoEffect("LoRA dropout is drawn anew for every layer")
        linears = [linear for layer in decoder.layers for linear in layer.linears]
        if not linears:
            raise NoEffect("no layer is a plain linear one, with or without a plain adapter")
        decoder.project = project
        left = f"; {len(parts) - len(linears)} run as they stand" if len(linears) < len(parts) else ""
        return f"{len(linears)} layers in {4 * len(decoder.layers)} groups{left}"
