"""LoRA whose adapters begin with a part of the base, which the base lacks meanwhile.

What comes out is an ordinary adapter of twice the rank on the unchanged base: what was learned, less what the
adapters began with.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import structs

from laptime.methods.adapter import sort_names
from laptime.methods.lora import Lora, refuse_experts
from laptime.methods.method import Cost
from laptime.models.shape import Shape

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class InitialisedLora(Lora):
    """A LoRA that PEFT initialises from the base's weights."""

    initialisation: ClassVar[str] = ""  # as PEFT calls it
    changes_base: ClassVar[bool] = True
    saves_others: ClassVar[bool] = True
    toy_factor: ClassVar[float] = 1.0

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """Trains what LoRA does, and saves an adapter of twice the rank."""
        whole = super().cost(shape, weight_bytes, epochs)
        refuse_experts(self.name, self.targets(shape), shape)
        self.refuse_rank_above(shape)
        return structs.replace(whole, saved_bytes=2 * whole.saved_bytes)

    def peft_settings(self, model: PreTrainedModel, shape: Shape) -> dict[str, Any]:
        """Return LoRA's configuration with another beginning."""
        return super().peft_settings(model, shape) | {"init_lora_weights": self.initialisation}

    def notes(self, shape: Shape) -> list[str]:
        """Tell what is saved."""
        return [
            *super().notes(shape),
            f"saved as an adapter of rank {2 * self.options.lora_rank}, on the base as it was",
        ]

    def mark(self, adapted: PreTrainedModel) -> None:
        """Keep what the adapters begin with."""
        named = adapted.named_parameters()
        self.beginnings = {name: one.detach().clone() for name, one in named if ".lora_" in name}

    def save(self, model: PreTrainedModel, folder: Path) -> None:
        """Write the difference to the beginning as an adapter: A on A, B beside the negative B."""
        state = {
            name: join(parameter.detach(), self.beginnings[name], ".lora_A." in name)
            for name, parameter in model.named_parameters()
            if name in self.beginnings
        }
        config: Any = model.peft_config["default"]
        as_trained = {key: getattr(config, key) for key in ("r", "lora_alpha", "init_lora_weights")}
        config.r, config.lora_alpha, config.init_lora_weights = 2 * config.r, 2 * config.lora_alpha, True
        try:
            sort_names(config)
            model.save_pretrained(str(folder), state_dict=state)
        finally:
            for key, value in as_trained.items():
                setattr(config, key, value)


def join(trained: torch.Tensor, beginning: torch.Tensor, is_a: bool) -> torch.Tensor:
    """Return both halves of A, one below the other, or of B, one beside the other and negative."""
    import torch

    return torch.cat([trained, beginning]) if is_a else torch.cat([trained, -beginning], dim=1)
