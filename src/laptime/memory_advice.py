"""Which changes would make a job fit into the memory that is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from laptime.errors import UserError
from laptime.memory_estimate import HALF_BYTES, OPTIMIZER_8BIT_BYTES, SPARE, MemoryEstimate
from laptime.methods.method import find_methods, make_method

SHORTEST = 64  # tokens: to cut examples to less is no advice
MOST_REMEDIES = 4


def find_remedies(estimate: MemoryEstimate, available_bytes: int) -> list[str]:
    """Return the changes after which a job would fit, each with its estimate: "--batch-size 1 (3.4 GB)".

    Single changes, those first that leave the result the same; where none is enough, several together.
    Empty where nothing would fit.
    """
    # It is asked for a job that did not fit, whatever its estimate is: nothing near that is advice.
    room = Room(available_bytes, min(available_bytes, estimate.needed_bytes(available_bytes)))
    found = [fit for family in FAMILIES if (fit := room.first_fitting(family(estimate)))]
    found = found or add_up_changes(estimate, room)
    return [
        f"{' + '.join(one.advice)} ({one.needed_bytes(available_bytes) / 1e9:.1f} GB)"
        for one in found[:MOST_REMEDIES]
    ]


class Room(NamedTuple):
    """The memory that is there, and what of it a job may need."""

    available_bytes: int
    limit_bytes: int

    def first_fitting(self, estimates: Sequence[MemoryEstimate]) -> MemoryEstimate | None:
        """Return the first job that fits with something to spare."""
        most = SPARE * self.limit_bytes
        return next((one for one in estimates if one.needed_bytes(self.available_bytes) <= most), None)


def add_up_changes(estimate: MemoryEstimate, room: Room) -> list[MemoryEstimate]:
    """Return the job with change upon change until it fits: by its own method, else by another."""
    for now in (estimate, *other_methods(estimate)):
        for family in FAMILIES[:-1]:
            changes = family(now)
            if fit := room.first_fitting(changes):
                return [fit]
            now = changes[-1] if changes else now
    return []


def changed(estimate: MemoryEstimate, advice: str, **fields: Any) -> MemoryEstimate:
    """Return the job with `fields` changed; `advice` is how a user does that."""
    return replace(estimate, advice=(*estimate.advice, advice), **fields)


def without_packing(estimate: MemoryEstimate) -> list[MemoryEstimate]:
    """Keep no second copy of frozen weights."""
    return [changed(estimate, "--without prepacked_weights", packs=False)] if estimate.packed_bytes else []


def recomputing(estimate: MemoryEstimate) -> list[MemoryEstimate]:
    """Recompute activations."""
    return [] if estimate.recomputes else [changed(estimate, "--gradient-checkpointing", recomputes=True)]


def smaller_batches(estimate: MemoryEstimate) -> list[MemoryEstimate]:
    """Take fewer examples at a time; as many for each update as before."""
    examples = estimate.batch_size * estimate.accumulation
    return [
        changed(
            estimate,
            f"--batch-size {size} --gradient-accumulation {examples // size}",
            batch_size=size,
            accumulation=examples // size,
        )
        for size in range(estimate.batch_size - 1, 0, -1)
        if estimate.batch_size % size == 0
    ]


def half_precision(estimate: MemoryEstimate) -> list[MemoryEstimate]:
    """Keep the weights in half precision."""
    if estimate.element_bytes <= HALF_BYTES or not estimate.half:
        return []
    packs = estimate.packs and estimate.packs_half
    return [changed(estimate, f"--precision {estimate.half}", element_bytes=HALF_BYTES, packs=packs)]


def small_moments(estimate: MemoryEstimate) -> list[MemoryEstimate]:
    """Keep AdamW's moments in 8 bits, where they are most of what is held."""
    is_small = estimate.moment_bytes <= OPTIMIZER_8BIT_BYTES or estimate.method.saved_kind == "adapter"
    if is_small or estimate.num_ranks > 1:
        return []
    return [changed(estimate, "--optimizer adamw8bit", moment_bytes=OPTIMIZER_8BIT_BYTES)]


def shorter_examples(estimate: MemoryEstimate) -> list[MemoryEstimate]:
    """Cut examples to half, a quarter, ... of the longest."""
    lengths = [estimate.longest >> halvings for halvings in range(1, estimate.longest.bit_length())]
    return [changed(estimate, f"--max-length {n}", longest=n) for n in lengths if n >= SHORTEST]


KNOWN_BEST = ("full", "lora", "lora_top")


def other_methods(estimate: MemoryEstimate) -> list[MemoryEstimate]:
    """Train by another method with its default options: by those first that most people know."""
    found = []
    for name in sorted(find_methods(), key=lambda name: name not in KNOWN_BEST):
        method = make_method(name, {})
        try:
            method.cost(estimate.shape, estimate.element_bytes)
        except UserError:  # this model is too small for its default options
            continue
        if name != estimate.method.name:
            found.append(changed(estimate, f"{name} instead of {estimate.method.name}", method=method))
    return found


FAMILIES = (
    without_packing, recomputing, smaller_batches, half_precision, small_moments, shorter_examples,
    other_methods,
)  # fmt: skip
