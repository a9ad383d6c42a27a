"""Frozen weights are kept a second time in the order in which the CPU's kernels read them.

The copies take the memory that `answer_head` left free and no more, so that a run's peak stays below that
of the plain path; whoever asks for them by name gives them half of the weights' memory again.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from laptime.decoder.matmul import PackedWeight, Weight
from laptime.decoder.projection import Linear
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

SHARE = 0.5  # of the bytes of all frozen linear layers: what the copies may take at most
LOGIT_BYTES = 8  # of one float32 logit and its gradient, which the plain path keeps


class PrepackedWeights(Speedup):
    """Every product with a weight packs it anew; a frozen one can be packed once."""

    name: ClassVar[str] = "prepacked_weights"
    summary: ClassVar[str] = (
        "keeps frozen weights packed for the CPU's kernels, in the memory that full logits would take"
    )
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("answer_head", "fused_projections")

    def apply(self, setup: Setup) -> str:
        """Pack the largest weights first, as many as the share of memory allows."""
        if setup.device.type != "cpu":
            raise NoEffect("only CPU kernels read packed weights")
        if not torch.backends.mkldnn.is_available():
            raise NoEffect("this torch has no oneDNN")
        if str(setup.model.dtype).removeprefix("torch.") not in setup.native_formats:
            raise NoEffect(f"{setup.model.dtype} is not native here")
        decoder = setup.decoder
        frozen = [
            [one for one in layer.linears if not one.weight_NK.requires_grad and type(one.weight) is Weight]
            for layer in decoder.layers
        ]
        if not any(frozen):
            raise NoEffect("no weight is both frozen and multiplied as it is stored")
        room = find_room(setup, sum(one.weight_NK.nbytes for layer in frozen for one in layer))
        # What lies below the lowest trained layer runs once for each record: packing would not pay.
        first = setup.forward.prefix.num_layers if setup.forward.prefix else 0
        used = [one for layer in frozen[first:] for one in layer]
        packed = pack_largest(used, room)
        if not packed:
            raise NoEffect("the memory that full logits would take holds no copy of a weight")
        return f"{packed} of {len(used)} layers"


def find_room(setup: Setup, frozen_bytes: int) -> float:
    """Return the bytes that the copies may take."""
    most = SHARE * frozen_bytes
    if PrepackedWeights.name in setup.training.speedups:
        return most
    num_logits = setup.training.batch_size * setup.longest * setup.model.get_output_embeddings().out_features
    return min(most, LOGIT_BYTES * num_logits)


def pack_largest(linears: list[Linear], room_bytes: float) -> int:
    """Pack the largest weights that fit `room_bytes` together; returns how many."""
    packed = 0
    for one in sorted(linears, key=lambda one: -one.weight_NK.numel()):
        if one.weight_NK.nbytes <= room_bytes:
            one.weight = PackedWeight(one.weight_NK)
            room_bytes -= one.weight_NK.nbytes
            packed += 1
    return packed
