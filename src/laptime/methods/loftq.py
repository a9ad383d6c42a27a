"""LoftQ (Li et al. 2023, arXiv:2310.08659): adapters begin with what rounding to 4 bits took away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from laptime.methods.adapter import ADAPTER_BYTES
from laptime.methods.method import Cost
from laptime.methods.qlora import QLora, widen_weight
from laptime.models.shape import Shape

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ROUNDS, SPARE = 16, 2  # of the iteration; times the rank


class LoftQ(QLora):
    """QLoRA with another beginning: one round of LoftQ's alternation, whose base is that of QLoRA.

    More rounds would round other weights than the base's, so that what is saved would need a base of its own.
    """

    name: ClassVar[str] = "loftq"
    summary: ClassVar[str] = "QLoRA whose adapters begin with what the rounding to 4 bits took away"
    paper: ClassVar[str] = "arXiv:2310.08659"
    toy_factor: ClassVar[float] = 1.0
    quantises: ClassVar[bool] = False  # not as it is read: what the rounding takes away is looked at first

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """What QLoRA costs; the rank is at most the smallest side of a layer."""
        self.refuse_rank_above(shape)
        return super().cost(shape, weight_bytes, epochs)

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Quantise, wrap with PEFT, and put the largest part of what was lost into the adapters."""
        from laptime.models.module_shape import measure_shape

        shape = measure_shape(model)
        self.cost(shape, ADAPTER_BYTES)  # refuses what has no such layers
        lost = {name: model.get_submodule(name).weight for name in self.targets(shape)}
        adapted = super().attach(model)
        for name in list(lost):
            begin(adapted.base_model.model.get_submodule(name), lost.pop(name))  # type: ignore[union-attr]
        return adapted


def begin(adapter: Any, weight_NK: torch.Tensor) -> None:
    """Let an adapter of PEFT's begin with the best of its rank for what a layer in 4 bits lacks."""
    (key,) = adapter.active_adapters
    lost_NK = weight_NK.detach().float() - widen_weight(adapter.base_layer).float()
    a_rK, b_Nr = split(lost_NK, adapter.r[key])
    scale = adapter.scaling[key] ** 0.5
    adapter.lora_A[key].weight.data.copy_(a_rK / scale)
    adapter.lora_B[key].weight.data.copy_(b_Nr / scale)


def split(matrix_NK: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return A, rxK, and B, Nxr, of which B A is the closest to a matrix, with equal shares of its values.

    By subspace iteration with room to spare: all singular values would take far longer.
    """
    import torch

    width = min(SPARE * rank, *matrix_NK.shape)
    left_Nr, values_r, right_Kr = torch.svd_lowrank(matrix_NK, q=width, niter=ROUNDS)
    roots_r = values_r[:rank].sqrt()
    return (right_Kr[:, :rank] * roots_r).t(), left_Nr[:, :rank] * roots_r
