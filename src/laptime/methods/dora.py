"""DoRA (Liu et al. 2024, arXiv:2402.09353): length and direction of an output's weights train apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import structs

from laptime.methods.adapter import ADAPTER_BYTES
from laptime.methods.lora import Lora, refuse_experts
from laptime.methods.method import Cost
from laptime.models.shape import Shape

if TYPE_CHECKING:
    from transformers import PreTrainedModel


# Where PEFT's own layers run (benchmarks/fake_memory.py):
KEPT_OUTPUTS = 3  # copies of a layer's output in float32
PASSING = 3  # squares of a layer's inputs, from which PEFT makes the adapter's own weight


class Dora(Lora):
    """LoRA for the direction, a vector for the length."""

    name: ClassVar[str] = "dora"
    summary: ClassVar[str] = "LoRA that trains the length of each output's weights apart from their direction"
    paper: ClassVar[str] = "arXiv:2402.09353"

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """A length for each output comes to what LoRA has; in each pass a layer's weight is measured anew."""
        whole, targets = super().cost(shape, weight_bytes, epochs), self.targets(shape)
        refuse_experts(self.name, targets, shape)
        lengths = sum(outputs for _, _, outputs in targets.values())
        return structs.replace(
            whole,
            trainable_parameters=whole.trainable_parameters + lengths,
            saved_bytes=whole.saved_bytes + lengths * ADAPTER_BYTES,
            kept_bytes_per_token=weight_bytes * lengths,
            plain_kept_bytes_per_token=KEPT_OUTPUTS * ADAPTER_BYTES * lengths,
            plain_passing_bytes=PASSING
            * ADAPTER_BYTES
            * max(inputs for _, inputs, _ in targets.values()) ** 2,
        )

    def peft_settings(self, model: PreTrainedModel, shape: Shape) -> dict[str, Any]:
        """Return LoRA's configuration with lengths of their own."""
        return super().peft_settings(model, shape) | {"use_dora": True}
