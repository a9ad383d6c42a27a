"""DoRA (Liu et al. 2024, arXiv:2402.09353): length and direction of an output's weights train apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import structs

from laptime.errors import UserError
from laptime.methods.adapter import ADAPTER_BYTES
from laptime.methods.lora import Lora, is_adapted_as_parameter, star
from laptime.methods.method import Cost
from laptime.models.shape import Shape

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Dora(Lora):
    """LoRA for the direction, a vector for the length."""

    name: ClassVar[str] = "dora"
    summary: ClassVar[str] = "LoRA that trains the length of each output's weights apart from their direction"
    paper: ClassVar[str] = "arXiv:2402.09353"

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """A length for each output comes to what LoRA has; in each pass a layer's weight is measured anew."""
        whole, targets = super().cost(shape, weight_bytes, epochs), self.targets(shape)
        if parts := [name for name in targets if is_adapted_as_parameter(name, shape)]:
            raise UserError(f"{self.name}: not for {star(parts[0])}, a weight of several experts; use lora")
        lengths = sum(outputs for _, _, outputs in targets.values())
        return structs.replace(
            whole,
            trainable_parameters=whole.trainable_parameters + lengths,
            saved_bytes=whole.saved_bytes + lengths * ADAPTER_BYTES,
        )

    def peft_settings(self, model: PreTrainedModel, shape: Shape) -> dict[str, Any]:
        """Return LoRA's configuration with lengths of their own."""
        return super().peft_settings(model, shape) | {"use_dora": True}
