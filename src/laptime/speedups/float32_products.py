"""Half-precision weights are multiplied in float32 where the CPU has nothing else."""

from __future__ import annotations

from typing import ClassVar

import torch

from laptime.decoder.matmul import weight_for
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class Float32Products(Speedup):
    """A CPU without bfloat16 arithmetic emulates it at a fraction of its float32 speed."""

    name: ClassVar[str] = "float32_products"
    summary: ClassVar[str] = "multiplies half-precision weights in float32 where the CPU would emulate them"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_projections",)

    def apply(self, setup: Setup) -> str:
        """Run the decoder on float32 activations; weights are widened block by block."""
        dtype = str(setup.model.dtype).removeprefix("torch.")
        if setup.device.type != "cpu":
            raise NoEffect("for CPUs only")
        if dtype in setup.native_formats:
            raise NoEffect(f"{dtype} is native here")
        decoder = setup.decoder
        decoder.dtype = torch.float32
        for layer in decoder.layers:
            for linear in layer.linears:
                linear.weight = weight_for(linear.weight_NK, torch.float32)
        return f"{dtype} weights, float32 activations and products"
