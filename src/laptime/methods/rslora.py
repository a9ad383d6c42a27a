"""rsLoRA (Kalajdzievski 2023, arXiv:2312.03732): LoRA scaled by the root of its rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from laptime.methods.lora import Lora
from laptime.models.shape import Shape

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class RsLora(Lora):
    """High ranks learn as well as low ones: an adapter is scaled by alpha over the root of its rank."""

    name: ClassVar[str] = "rslora"
    summary: ClassVar[str] = "LoRA scaled by the root of its rank, so that high ranks learn as well"
    paper: ClassVar[str] = "arXiv:2312.03732"

    def learning_rate(self, shape: Shape) -> float:
        """LoRA's for the same scale: alpha over the root of the rank is that of a larger alpha."""
        return super().learning_rate(shape) / self.options.lora_rank**0.5

    def peft_settings(self, model: PreTrainedModel, shape: Shape) -> dict[str, Any]:
        """Return LoRA's configuration with another scale."""
        return super().peft_settings(model, shape) | {"use_rslora": True}
