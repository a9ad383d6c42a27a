"""Frozen weights are kept a second time in the order in which the CPU's kernels read them.

The copies take the memory that `answer_head` left free and no more, so that a run's peak stays below that
of the plain path; whoever asks for them by name gives them half of the weights' memory again.

Shapes: T tokens, K inputs, N outputs of a linear layer.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from laptime.decoder.linear_layers import Linear, Weight
from laptime.memory_estimate import PACKING, choose_largest, find_room
from laptime.speedups.fused_projections import project
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class PrepackedWeights(Speedup):
    """Every product with a weight packs it anew; a frozen one can be packed once."""

    name: ClassVar[str] = PACKING
    summary: ClassVar[str] = (
        "keeps frozen weights packed for the CPU's kernels, in the memory that full logits would take"
    )
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("answer_head", "fused_projections")
    keeps_weights: ClassVar[bool] = True

    def apply(self, setup: Setup) -> str:
        """Pack the largest weights first, as many as the share of memory allows."""
        if setup.device.type != "cpu":
            raise NoEffect("only CPU kernels read packed weights")
        if not torch.backends.mkldnn.is_available():
            raise NoEffect("this torch has no oneDNN")
        if setup.compute not in setup.native_formats:
            raise NoEffect(f"{setup.compute} is not native here")
        decoder = setup.decoder
        if decoder.project is not project:
            raise NoEffect("compiled_projections reads weights as they are")
        frozen = [
            [
                one
                for one in layer.linears
                if not one.weight.weight_NK.requires_grad and type(one.weight) is Weight
            ]
            for layer in decoder.layers
        ]
        if not any(frozen):
            raise NoEffect("no weight is both frozen and multiplied as it is stored")
        training, num_words = setup.training, setup.model.get_output_embeddings().out_features
        room = find_room(
            sum(one.weight.weight_NK.nbytes for layer in frozen for one in layer),
            setup.batch_tokens * num_words,
            asked=self.name in training.speedups,
        )
        # What lies below the lowest trained layer runs once for each example: packing would not pay.
        first = setup.forward.prefix.num_layers if setup.forward.prefix else 0
        used = [one for layer in frozen[first:] for one in layer]
        packed = pack_largest(used, room)
        if not packed:
            raise NoEffect("the memory that full logits would take holds no copy of a weight")
        return f"{packed} of {len(used)} layers"


def pack_largest(linears: list[Linear], room_bytes: float) -> int:
    """Pack the largest weights that fit `room_bytes` together; returns how many."""
    chosen = choose_largest([one.weight.weight_NK.nbytes for one in linears], room_bytes)
    for place in chosen:
        linears[place].weight = PackedWeight(linears[place].weight.weight_NK)
    return len(chosen)


class PackedWeight(Weight):
    """A frozen weight with a copy in the order in which oneDNN's kernels read it; the copy serves x W^T."""

    def __init__(self, weight_NK: torch.Tensor) -> None:
        super().__init__(weight_NK)
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight_NK.detach())

    def forward(self, x_TK: torch.Tensor) -> torch.Tensor:
        """Return x W^T, TxN."""
        return torch.ops.mkldnn._linear_pointwise(x_TK, self.packed, None, "none", [], "")
