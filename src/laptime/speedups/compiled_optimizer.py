"""AdamW and the norm of the gradients in C, each in one pass over memory.

What takes torch's kernels passes of their own (widening gradients, rounding weights) is done on the way.
Masters, moments and steps are where AdamW keeps them, so that a checkpoint is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from laptime.kernels import library
from laptime.speedups.compiled import reason_against_c
from laptime.speedups.speedup import Claim, NoEffect, OptimizerKernels, Setup, Speedup


class CompiledOptimizer(Speedup):
    """Of a model that trains as a whole, the update reads and writes more memory than all else."""

    name: ClassVar[str] = "compiled_optimizer"
    summary: ClassVar[str] = "clips and updates in C code built for this CPU, in two passes over memory"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("fused_optimizer",)

    def apply(self, setup: Setup) -> str:
        """Replace the norm and the update."""
        if setup.device.type != "cpu":
            raise NoEffect("for CPUs only")
        if setup.is_spread:
            raise NoEffect("the weights are spread over several devices")
        if reason := reason_against_c():
            raise NoEffect(reason)
        setup.optimizer_kernels = OptimizerKernels(norm=compiled_norm, update=compiled_update)
        return "AdamW and the gradients' norm"


def compiled_norm(gradients: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """Return the norm of all gradients in float32; None where they are none that the C code knows."""
    if not are_known(gradients):
        return None
    groups = [[g for g in gradients if g.dtype == dtype] for dtype in library.NAMES]
    return torch.tensor(sum(library.sum_squares(group) for group in groups if group) ** 0.5)


def compiled_update(
    adam: Any,
    masters: Sequence[torch.Tensor],
    weights: Sequence[torch.Tensor],
    gradients: Sequence[torch.Tensor],
    rate: float,
    divisor: float,
) -> bool:
    """Make the update of `adam`, a torch.optim.AdamW of `masters`; returns False where the C code can't.

    `weights` are the masters or their bfloat16 roundings, as are the gradients.
    """
    is_known = are_known([*gradients, *weights, *masters]) and len({g.dtype for g in gradients}) == 1
    if not is_known or any(w.dtype != g.dtype for w, g in zip(weights, gradients, strict=True)):
        return False
    states = [find_state(adam, master) for master in masters]
    torch._foreach_add_([state["step"] for state in states], 1.0)
    (options,) = adam.param_groups
    trained = library.Trained(
        gradients=list(gradients),
        masters=list(masters),
        weights=list(weights),
        averages=[state["exp_avg"] for state in states],
        squares=[state["exp_avg_sq"] for state in states],
        steps=torch.stack([state["step"] for state in states]).tolist(),
    )
    library.update_adamw(trained, rate, options["betas"], options["eps"], options["weight_decay"], divisor)
    return True


def are_known(tensors: Sequence[torch.Tensor]) -> bool:
    """Tell whether tensors lie on the CPU as the C code reads them."""
    return all(t.dtype in library.NAMES and t.device.type == "cpu" and t.is_contiguous() for t in tensors)


def find_state(adam: Any, master: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what AdamW keeps for a master, as its fused kernel does, made where it is not there yet."""
    state: dict[str, torch.Tensor] = adam.state[master]
    if not state:
        state["step"] = torch.zeros((), dtype=torch.float32)
        state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(master), torch.zeros_like(master)
    return state
