"""Frozen weights are kept a second time in the order in which the CPU's kernels read them.

The copies take the memory that `answer_head` left free and no more, so that a run's peak stays below that
of the plain path; whoever asks for them by name gives them half of the weights' memory again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from msgspec import structs

from laptime.decoder.decoder import FAMILIES
from laptime.decoder.matmul import PackedWeight, Weight
from laptime.decoder.projection import Linear
from laptime.inputs.shape import Shape, layer_of
from laptime.methods.method import Method
from laptime.spec import TrainingSpec
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup
from laptime.startup.wanted import is_wanted

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
        training, num_words = setup.training, setup.model.get_output_embeddings().out_features
        room = find_room(
            sum(one.weight_NK.nbytes for layer in frozen for one in layer),
            setup.batch_tokens * num_words,
            asked=self.name in training.speedups,
        )
        # What lies below the lowest trained layer runs once for each record: packing would not pay.
        first = setup.forward.prefix.num_layers if setup.forward.prefix else 0
        used = [one for layer in frozen[first:] for one in layer]
        packed = pack_largest(used, room)
        if not packed:
            raise NoEffect("the memory that full logits would take holds no copy of a weight")
        return f"{packed} of {len(used)} layers"


def find_room(frozen_bytes: int, num_logits: int, asked: bool) -> float:
    """Return the bytes that the copies may take; `asked` for by name they may take more."""
    most = SHARE * frozen_bytes
    return most if asked else min(most, LOGIT_BYTES * num_logits)


def choose_largest(sizes: Sequence[int], room_bytes: float) -> list[int]:
    """Return the places of the largest `sizes` that fit `room_bytes` together."""
    chosen = []
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        if sizes[place] <= room_bytes:
            room_bytes -= sizes[place]
            chosen.append(place)
    return chosen


def pack_largest(linears: list[Linear], room_bytes: float) -> int:
    """Pack the largest weights that fit `room_bytes` together; returns how many."""
    chosen = choose_largest([one.weight_NK.nbytes for one in linears], room_bytes)
    for place in chosen:
        linears[place].weight = PackedWeight(linears[place].weight_NK)
    return len(chosen)


def will_pack(shape: Shape, method: Method, training: TrainingSpec) -> bool:
    """Foresee whether frozen weights of a native format get copies on a CPU, from shapes and options."""
    settings = structs.asdict(training)
    wanted = (PrepackedWeights.name, *PrepackedWeights.needs, "fused_blocks")
    dropout = getattr(method.options, "lora_dropout", 0.0)
    can = shape.model_type in FAMILIES and not dropout
    return can and all(is_wanted(name, settings) for name in wanted)


def foresee_bytes(shape: Shape, method: Method, element_bytes: int, num_tokens: int, asked: bool) -> int:
    """Foresee the bytes of all copies, for batches of up to `num_tokens` tokens."""
    sizes = {n: one * other * element_bytes for n, (one, other) in shape.linears.items() if n != shape.head}
    lowest = method.lowest_layer(shape)
    used = [size for name, size in sizes.items() if layer_of(name) >= lowest]
    room = find_room(sum(sizes.values()), num_tokens * shape.vocabulary_size, asked)
    return sum(used[place] for place in choose_largest(used, room))
