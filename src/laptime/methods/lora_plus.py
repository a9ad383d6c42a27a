"""LoRA+ (Hayou et al. 2024, arXiv:2402.12354): B of every adapter learns faster than A."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from laptime.methods.lora import Lora, LoraOptions
from laptime.models.shape import Shape

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class LoraPlusOptions(LoraOptions, frozen=True):
    """What LoRA has, and how much faster B learns."""

    lora_plus_ratio: Annotated[
        float, Meta(ge=1, le=1e4, description="How many times A's learning rate B has.")
    ] = 16.0


class LoraPlus(Lora):
    """The adapter that comes out is an ordinary one."""

    name: ClassVar[str] = "lora_plus"
    summary: ClassVar[str] = "LoRA whose B has a higher learning rate than its A"
    paper: ClassVar[str] = "arXiv:2402.12354"
    toy_factor: ClassVar[float] = 1.0
    options_type: ClassVar[type[LoraPlusOptions]] = LoraPlusOptions
    options: LoraPlusOptions

    def learning_rate(self, shape: Shape) -> float:
        """A's rate: the two rates lie about LoRA's, by the same factor below and above."""
        return super().learning_rate(shape) / self.options.lora_plus_ratio**0.5

    def parameter_groups(self, model: PreTrainedModel) -> list[dict[str, Any]]:
        """Return A's and B's parameters, with B's higher rate."""
        is_b = {parameter: ".lora_B." in name for name, parameter in model.named_parameters()}
        factors = {False: 1.0, True: self.options.lora_plus_ratio}
        return [
            group | {"params": chosen, "rate_factor": factors[wanted]}
            for group in super().parameter_groups(model)
            for wanted in (False, True)
            if (chosen := [parameter for parameter in group["params"] if is_b[parameter] is wanted])
        ]
