"""Softmax, loss and gradient over the vocabulary in C.

Shapes: n tokens of a chunk, V words.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import torch

from laptime.decoder.linear_layers import Weight
from laptime.kernels import library
from laptime.speedups.answer_head import loss_of_head, soften_rows
from laptime.speedups.compiled import reason_against_c, reason_of_trial
from laptime.speedups.compiled_projections import CompiledWeight
from laptime.speedups.float32_products import weight_for
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup


class CompiledLoss(Speedup):
    """A row of logits fits a core's cache: read once, it becomes its own gradient there."""

    name: ClassVar[str] = "compiled_loss"
    summary: ClassVar[str] = "turns logits into loss and gradient in place, in C code built for this CPU"
    claims: ClassVar[Claim] = "rounding"
    needs: ClassVar[tuple[str, ...]] = ("answer_head",)

    def apply(self, setup: Setup) -> str:
        """Replace the softmax of the head's loss."""
        if setup.device.type != "cpu":
            raise NoEffect("for CPUs only")
        if reason := reason_against_c():
            raise NoEffect(reason)
        head = setup.model.get_output_embeddings()
        weigh = weight_for if reason_of_trial(setup, "compiled_projections") else compiled_weigh
        setup.forward.head_loss = partial(loss_of_head, head, soften=compiled_soften, weigh=weigh)
        return f"{head.out_features} words"


def compiled_soften(
    logits_nV: torch.Tensor, targets_n: torch.Tensor, needs_gradient: bool, factor: torch.Tensor | None = None
) -> torch.Tensor:
    """Do what `soften_rows` does."""
    if logits_nV.dtype not in library.NAMES or not logits_nV.is_contiguous():
        return soften_rows(logits_nV, targets_n, needs_gradient, factor)
    enlarged = 1.0 if factor is None else float(factor)
    return library.cross_entropy(logits_nV, targets_n.contiguous(), enlarged, needs_gradient)


def compiled_weigh(weight_VD: torch.Tensor, dtype: torch.dtype) -> Weight:
    """Return the weight as it is multiplied with activations of `dtype`."""
    is_known = weight_VD.dtype == dtype and weight_VD.is_contiguous()
    if is_known and not any(size % 2 for size in weight_VD.shape) and library.has_products(dtype):
        return CompiledWeight(weight_VD)
    return weight_for(weight_VD, dtype)
