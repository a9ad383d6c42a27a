"""What a run will hold in memory, and whether activations must be made again in the backward pass.

Recomputing costs a third more arithmetic, so it is chosen only where keeping them would not fit.
"""

from __future__ import annotations

import torch
from msgspec import Struct

from laptime.inputs.shape import Shape
from laptime.system_memory import PROC, free_bytes, read_kilobytes, read_lines

OPTIMIZER_BYTES = 8  # two float32 moments of AdamW for each trained number
MASTER_BYTES = 4  # a float32 copy of what trains in half precision
SPARE = 0.9  # of the memory that is there: the rest is for kernels' workspaces and the allocator's gaps


class MemoryPlan(Struct, frozen=True, kw_only=True):
    """Bytes that a run needs, and whether it recomputes activations; `reason` is a phrase, "" for no."""

    fixed_bytes: int  # weights, gradients, masters, moments
    activation_bytes: int
    recomputes: bool
    reason: str = ""


def plan_memory(
    model: torch.nn.Module,
    shape: Shape,
    num_tokens: int,
    wanted: bool | None,
    available_bytes: int | None,
    copied_weights: int = 0,
) -> MemoryPlan:
    """Plan for batches of up to `num_tokens` tokens, padding included; `wanted` is the user's choice, if any.

    `available_bytes` are those free before the weights are counted; None when nobody knows.
    `copied_weights` are kept for the backward pass like activations.
    """
    fixed = fixed_bytes(model)
    element_bytes = next(model.parameters()).element_size()
    activations = activation_bytes(shape, num_tokens, element_bytes) + copied_weights * element_bytes
    if wanted is not None:
        reason = "asked for with --gradient-checkpointing" if wanted else ""
        return MemoryPlan(fixed_bytes=fixed, activation_bytes=activations, recomputes=wanted, reason=reason)
    short = available_bytes is not None and fixed + activations > SPARE * available_bytes
    reason = ""
    if short and available_bytes is not None:
        reason = (
            f"{activations / 1e9:.1f} GB of activations beside {fixed / 1e9:.1f} GB of weights and optimizer "
            f"do not fit {available_bytes / 1e9:.1f} GB"
        )
    return MemoryPlan(fixed_bytes=fixed, activation_bytes=activations, recomputes=short, reason=reason)


def fixed_bytes(model: torch.nn.Module) -> int:
    """Return the bytes of weights, gradients, masters and moments."""
    total = 0
    for parameter in model.parameters():
        total += parameter.nbytes
        if parameter.requires_grad:
            master = 0 if parameter.dtype == torch.float32 else MASTER_BYTES * parameter.numel()
            total += parameter.nbytes + master + OPTIMIZER_BYTES * parameter.numel()
    return total


def activation_bytes(shape: Shape, num_tokens: int, element_bytes: int) -> int:
    """Estimate the bytes kept for the backward pass: what goes into and comes out of every linear layer.

    Attention scores are left out: long records go through kernels that do not keep them.
    """
    return num_tokens * shape.values_per_token * element_bytes


def available_bytes(device: torch.device, swap: bool = False) -> int | None:
    """Return the memory that this process may use in all: its own and what is free; None if unknown."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_allocated(device)
    free_here = free_bytes(swap)
    own = read_kilobytes(read_lines(PROC / "self" / "status"), "RssAnon:")
    return None if free_here is None else free_here + own
