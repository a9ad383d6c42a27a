"""The layers written out over flat tokens, with fused element-wise parts."""

from __future__ import annotations

from typing import ClassVar

from laptime.decoder.attention import expanded_attend
from laptime.decoder.decoder import Decoder, reason_against
from laptime.decoder.gate import fused_gate
from laptime.decoder.norm import fused_norm
from laptime.decoder.prefix import Prefix
from laptime.decoder.rotary import fused_rotate
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class FusedBlocks(Speedup):
    """Replaces the model's own forward pass while training; the model stays as it is."""

    name: ClassVar[str] = "fused_blocks"
    summary: ClassVar[str] = "runs norm, rotation, gate and residual in few passes over memory"
    claims: ClassVar[Claim] = "rounding"

    def apply(self, setup: Setup) -> str:
        """Give the forward pass a decoder of the model's family."""
        if reason := reason_against(setup.model, setup.longest):
            raise NoEffect(reason)
        decoder = Decoder(setup.model)
        decoder.norm, decoder.rotate, decoder.gate = fused_norm, fused_rotate, fused_gate
        if setup.expands_heads:
            decoder.attend = expanded_attend
        decoder.recomputes = setup.recomputes
        setup.forward.decoder = decoder
        if lowest := decoder.num_frozen_layers():
            setup.forward.prefix = Prefix(decoder, lowest)
        return f"{len(decoder.layers)} layers of {setup.model.config.model_type}"
