"""Full fine-tuning: every weight trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from laptime.methods.method import NARROWEST, Cost, Method, width_scaled_rate
from laptime.models.shape import Shape

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class Full(Method):
    """Full fine-tuning is a method like any other: it attaches nothing and frees everything."""

    name: ClassVar[str] = "full"
    summary: ClassVar[str] = "trains every weight and leaves a whole model behind"
    saved_kind: ClassVar[Literal["adapter", "model"]] = "model"
    toy_factor: ClassVar[float] = 4.0
    spreads_weights: ClassVar[bool] = True
    trains_linears: ClassVar[bool] = True

    def learning_rate(self, shape: Shape) -> float:
        """A tenth of LoRA's rate (LoRA Without Regret, Schulman et al. 2025: the best ones differ 10x).

        In narrow models, which were not measured there, it is inverse to the width, as Adam's best rate is
        where weights themselves train (Tensor Programs V, Yang et al. 2022).
        """
        return width_scaled_rate(shape) / 10 * max(1.0, NARROWEST / shape.hidden_size)

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """Two operations a weight forward, four backward: for its own gradient and for its input's."""
        return Cost(
            trainable_parameters=shape.num_parameters,
            saved_bytes=shape.num_parameters * weight_bytes,
            flops_per_token=6.0 * shape.num_matmul_weights,
        )

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Let every parameter train."""
        return model.requires_grad_(True)

    def load(self, base: PreTrainedModel, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Load the whole model; of the base only its class is needed, so that no file names another."""
        model = type(base).from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True)
        return model.to(base.device)
