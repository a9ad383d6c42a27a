"""Frozen weights are kept a second time in the order in which the CPU's kernels read them."""

from __future__ import annotations

from typing import ClassVar

import torch

from laptime.decoder.matmul import PackedWeight, Weight
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

SHARE = 0.5  # of the bytes of the frozen linear layers: what the copies may take at most


class PrepackedWeights(Speedup):
    """Every product with a weight packs it anew; a frozen one can be packed once."""

    name: ClassVar[str] = "prepacked_weights"
    summary: ClassVar[str] = (
        "keeps frozen weights packed for the CPU's kernels, within half their memory again"
    )
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_projections",)

    def apply(self, setup: Setup) -> str:
        """Pack the largest layers first, as many as the share of memory allows."""
        if setup.device.type != "cpu":
            raise NoEffect("only CPU kernels read packed weights")
        if not torch.backends.mkldnn.is_available():
            raise NoEffect("this torch has no oneDNN")
        if str(setup.model.dtype).removeprefix("torch.") not in setup.native_formats:
            raise NoEffect(f"{setup.model.dtype} is not native here")
        decoder = setup.decoder
        frozen = [
            one
            for layer in decoder.layers
            for one in layer.linears
            if not one.weight_NK.requires_grad and type(one.weight) is Weight
        ]
        if not frozen:
            raise NoEffect("no weight is both frozen and multiplied as it is stored")
        left = SHARE * sum(one.weight_NK.nbytes for one in frozen)
        packed = 0
        for one in sorted(frozen, key=lambda one: -one.weight_NK.numel()):
            if one.weight_NK.nbytes <= left:
                one.weight = PackedWeight(one.weight_NK)
                left -= one.weight_NK.nbytes
                packed += 1
        return f"{packed} of {len(frozen)} layers"
