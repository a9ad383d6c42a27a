"""What a job will hold in memory, from shapes alone, and which changes would make it fit.

An estimate for advice: what trains is exact, activations are counted by the linear layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.inputs.shape import Shape
from laptime.methods.method import Method, find_methods, make_method
from laptime.speedups import prepacked_weights
from laptime.training.memory import MASTER_BYTES, OPTIMIZER_BYTES, SPARE

FLOAT32_BYTES = 4
HALF_BYTES = 2
CPU_BASE_BYTES = 900_000_000  # Python, torch and the libraries, buffers of the kernels
CUDA_BASE_BYTES = 600_000_000  # workspaces; the context is no longer free when it is asked
LOGITS_KEPT = 3  # without answer_head: logits, their float32 copy, its gradient
SHORTEST = 64  # tokens: to cut records to less is no advice
MOST_REMEDIES = 4


class Demand(Struct, frozen=True, kw_only=True):
    """A job as far as memory depends on it; `advice` names how it differs from what was asked.

    `recomputes` is None where activations are recomputed only if they would not fit; `half` is the half
    precision that this machine has.
    """

    shape: Shape
    method: Method
    element_bytes: int  # of a weight in compute
    batch_size: int
    accumulation: int = 1
    longest: int  # tokens of the longest record
    recomputes: bool | None = None
    packs: bool = False  # keeps packed copies of frozen weights, where there are some
    packs_half: bool = True  # so it would in half precision
    asks_to_pack: bool = False  # with --speedups prepacked_weights
    plain: bool = False
    on_cuda: bool = False
    half: str | None = "bf16"
    advice: tuple[str, ...] = ()

    @property
    def fixed_bytes(self) -> int:
        """Weights, gradients, masters and moments: what is held whatever the batch."""
        weights = self.shape.num_parameters * self.element_bytes
        trained = self.method.cost(self.shape, self.element_bytes).trainable_parameters
        if self.method.saved_kind == "adapter":  # float32, and beside the weights
            return weights + trained * (2 * FLOAT32_BYTES + OPTIMIZER_BYTES)
        master = MASTER_BYTES if self.element_bytes < FLOAT32_BYTES else 0
        return weights + trained * (self.element_bytes + master + OPTIMIZER_BYTES)

    @property
    def packed_bytes(self) -> int:
        """Copies of frozen weights in the order in which the kernels read them."""
        if not self.packs or self.method.saved_kind == "model":
            return 0
        num_tokens = self.batch_size * self.longest
        return prepacked_weights.foresee_bytes(
            self.shape, self.method, self.element_bytes, num_tokens, self.asks_to_pack
        )

    def activation_bytes(self, recomputes: bool) -> int:
        """What the backward pass needs: all layers' values, or their inputs and one layer's values."""
        kept = self.shape.values_per_token
        copied = self.method.cost(self.shape, self.element_bytes).copied_weights
        if recomputes:
            layers = max(1, self.shape.num_layers)
            kept, copied = kept // layers + layers * self.shape.hidden_size, copied // layers
        logits = LOGITS_KEPT * FLOAT32_BYTES * self.shape.vocabulary_size if self.plain else 0
        num_tokens = self.batch_size * self.longest
        return num_tokens * (kept * self.element_bytes + logits) + copied * self.element_bytes

    def needed_bytes(self, available_bytes: int) -> int:
        """All together where so much is there; it decides whether activations are recomputed."""
        base = CUDA_BASE_BYTES if self.on_cuda else CPU_BASE_BYTES
        held = base + self.fixed_bytes + self.packed_bytes
        kept = held + self.activation_bytes(False)
        recomputes = kept > SPARE * available_bytes if self.recomputes is None else self.recomputes
        return held + self.activation_bytes(True) if recomputes else kept


def find_remedies(demand: Demand, available_bytes: int) -> list[str]:
    """Return the changes after which a job would fit, each with its estimate: "--batch-size 1 (3.4 GB)".

    Single changes, those first that leave the result the same; where none is enough, several together.
    Empty where nothing would fit.
    """
    # It is asked for a job that did not fit, whatever its estimate is: nothing near that is advice.
    room = Room(available_bytes, min(available_bytes, demand.needed_bytes(available_bytes)))
    found = [fit for family in FAMILIES if (fit := room.first_fitting(family(demand)))]
    found = found or add_up_changes(demand, room)
    return [
        f"{' + '.join(one.advice)} ({one.needed_bytes(available_bytes) / 1e9:.1f} GB)"
        for one in found[:MOST_REMEDIES]
    ]


class Room(NamedTuple):
    """The memory that is there, and what of it a job may need."""

    available_bytes: int
    limit_bytes: int

    def first_fitting(self, demands: Sequence[Demand]) -> Demand | None:
        """Return the first job that fits with something to spare."""
        most = SPARE * self.limit_bytes
        return next((one for one in demands if one.needed_bytes(self.available_bytes) <= most), None)


def add_up_changes(demand: Demand, room: Room) -> list[Demand]:
    """Return the job with change upon change until it fits: by its own method, else by another."""
    for now in (demand, *other_methods(demand)):
        for family in FAMILIES[:-1]:
            changes = family(now)
            if fit := room.first_fitting(changes):
                return [fit]
            now = changes[-1] if changes else now
    return []


def changed(demand: Demand, advice: str, **fields: Any) -> Demand:
    """Return the job with `fields` changed; `advice` is how a user does that."""
    return replace(demand, advice=(*demand.advice, advice), **fields)


def without_packing(demand: Demand) -> list[Demand]:
    """Keep no second copy of frozen weights."""
    return [changed(demand, "--without prepacked_weights", packs=False)] if demand.packed_bytes else []


def recomputing(demand: Demand) -> list[Demand]:
    """Recompute activations."""
    return [] if demand.recomputes else [changed(demand, "--gradient-checkpointing", recomputes=True)]


def smaller_batches(demand: Demand) -> list[Demand]:
    """Take fewer records at a time; as many for each update as before."""
    records = demand.batch_size * demand.accumulation
    return [
        changed(
            demand,
            f"--batch-size {size} --gradient-accumulation {records // size}",
            batch_size=size,
            accumulation=records // size,
        )
        for size in range(demand.batch_size - 1, 0, -1)
        if demand.batch_size % size == 0
    ]


def half_precision(demand: Demand) -> list[Demand]:
    """Keep the weights in half precision."""
    if demand.element_bytes <= HALF_BYTES or not demand.half:
        return []
    packs = demand.packs and demand.packs_half
    return [changed(demand, f"--precision {demand.half}", element_bytes=HALF_BYTES, packs=packs)]


def shorter_records(demand: Demand) -> list[Demand]:
    """Cut records to half, a quarter, ... of the longest."""
    lengths = [demand.longest >> halvings for halvings in range(1, demand.longest.bit_length())]
    return [changed(demand, f"--max-length {n}", longest=n) for n in lengths if n >= SHORTEST]


def other_methods(demand: Demand) -> list[Demand]:
    """Train by another method with its default options."""
    found = []
    for name in find_methods():
        method = make_method(name, {})
        try:
            method.cost(demand.shape, demand.element_bytes)
        except UserError:  # this model is too small for its default options
            continue
        if name != demand.method.name:
            found.append(changed(demand, f"{name} instead of {demand.method.name}", method=method))
    return found


FAMILIES = (without_packing, recomputing, smaller_batches, half_precision, shorter_records, other_methods)
