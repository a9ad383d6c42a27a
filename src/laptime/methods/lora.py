"""LoRA (Hu et al. 2021, arXiv:2106.09685): the base stays frozen, small low-rank adapters train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from laptime.errors import UserError, suggest
from laptime.inputs.shape import Shape
from laptime.methods.method import Cost, Method, width_scaled_rate
from laptime.spec import Options

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ADAPTER_BYTES = 4  # adapters are trained and saved in float32
ALL_LINEAR = "all-linear"


class LoraOptions(Options, frozen=True):
    """LoRA's options."""

    lora_rank: Annotated[int, Meta(ge=1, description="Rank of the adapters.")] = 16
    lora_alpha: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Scale of the adapters (default: twice the rank)."),
    ] = None
    lora_dropout: Annotated[float, Meta(ge=0, lt=1, description="Dropout before the adapters.")] = 0.0
    lora_targets: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="Modules that get adapters: all-linear, or q_proj,v_proj,..."),
    ] = (ALL_LINEAR,)


class Lora(Method):
    """LoRA through PEFT, on every linear layer but the head unless told otherwise."""

    name: ClassVar[str] = "lora"
    summary: ClassVar[str] = "freezes the base and trains low-rank adapters beside its linear layers"
    saved_kind: ClassVar[Literal["adapter", "model"]] = "adapter"
    options_type: ClassVar[type[Options]] = LoraOptions
    options: LoraOptions

    def learning_rate(self, shape: Shape) -> float:
        """Scale with the width of the model."""
        return width_scaled_rate(shape)

    def targets(self, shape: Shape) -> dict[str, tuple[int, int]]:
        """Return the (inputs, outputs) of each layer that gets an adapter; UserError when one is unknown."""
        wanted = self.options.lora_targets
        body = {name: size for name, size in shape.linears.items() if name != shape.head}
        if wanted == (ALL_LINEAR,):
            return body
        known = {name.rsplit(".", 1)[-1] for name in body}
        for word in wanted:
            if not any(name == word or name.endswith("." + word) for name in body):
                raise UserError(f"--lora-targets: no linear layer '{word}'{suggest(word, known)}")
        return {n: size for n, size in body.items() if any(n == w or n.endswith("." + w) for w in wanted)}

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """Frozen weights need no gradient of their own: four operations a weight, six for the adapters."""
        largest = max(min(size) for size in self.targets(shape).values())
        if self.options.lora_rank > largest:
            raise UserError(
                f"--lora-rank {self.options.lora_rank}: this model's layers have rank {largest} at most"
            )
        adapters = sum(self.options.lora_rank * sum(size) for size in self.targets(shape).values())
        return Cost(
            trainable_parameters=adapters,
            saved_bytes=adapters * ADAPTER_BYTES,
            flops_per_token=4.0 * shape.num_matmul_weights + 6.0 * adapters,
        )

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Wrap the model with PEFT; adapters are float32 whatever the base is."""
        from peft import LoraConfig, get_peft_model

        targets = self.options.lora_targets
        settings = {
            "r": self.options.lora_rank,
            "lora_alpha": self.options.lora_alpha or 2 * self.options.lora_rank,
            "lora_dropout": self.options.lora_dropout,
            "target_modules": ALL_LINEAR if targets == (ALL_LINEAR,) else list(targets),
            "task_type": "CAUSAL_LM",
        }
        return get_peft_model(model, LoraConfig(**settings | self.peft_settings(model)))

    def peft_settings(self, model: PreTrainedModel) -> dict[str, Any]:
        """Return what a relative of LoRA says otherwise in PEFT's configuration."""
        return {}

    def load(self, base: PreTrainedModel, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Put the saved adapter on the base."""
        from peft import PeftModel

        return PeftModel.from_pretrained(base, str(folder))

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Add the adapters to the weights and drop them."""
        return model.merge_and_unload()
