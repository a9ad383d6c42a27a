"""LoRA-FA (Zhang et al. 2023, arXiv:2308.03303): A stays as it was drawn, B alone trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import structs

from laptime.methods.lora import Lora, refuse_experts
from laptime.methods.method import Cost
from laptime.models.shape import Shape

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class LoraFa(Lora):
    """Half of what LoRA trains, in the same adapter."""

    name: ClassVar[str] = "lora_fa"
    summary: ClassVar[str] = "LoRA whose A is frozen: B alone trains"
    paper: ClassVar[str] = "arXiv:2308.03303"

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """A is saved but does not train: it has no gradient of its own."""
        whole, rank, targets = (
            super().cost(shape, weight_bytes, epochs),
            self.options.lora_rank,
            self.targets(shape),
        )
        refuse_experts(self.name, targets, shape)
        frozen = sum(rank * inputs for _, inputs, _ in targets.values())
        return structs.replace(
            whole,
            trainable_parameters=whole.trainable_parameters - frozen,
            flops_per_token=whole.flops_per_token - 2.0 * frozen,
        )

    def mark(self, adapted: PreTrainedModel) -> None:
        """Freeze A of every adapter."""
        for name, parameter in adapted.named_parameters():
            if ".lora_A." in name:
                parameter.requires_grad_(False)
