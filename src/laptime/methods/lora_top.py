"""LoRA on the top layers alone: nothing changes below them, so their output is computed once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from laptime.errors import UserError
from laptime.inputs.shape import Shape
from laptime.methods.lora import ADAPTER_BYTES, Lora, LoraOptions
from laptime.methods.method import Cost

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SHARE = 4  # a quarter of the layers


class LoraTopOptions(LoraOptions, frozen=True):
    """What LoRA has, and how many layers get adapters."""

    top_layers: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Layers from the top that get adapters (default: a quarter of them)."),
    ] = None
    reuse_cache: Annotated[
        bool,
        Meta(description="Keep the output of the frozen layers for later rounds and runs on the same data."),
    ] = False


class LoraTop(Lora):
    """A normal PEFT adapter comes out, with `layers_to_transform` naming its layers."""

    name: ClassVar[str] = "lora_top"
    summary: ClassVar[str] = "trains adapters in the top layers only; what lies below is computed once"
    options_type: ClassVar[type[LoraTopOptions]] = LoraTopOptions
    options: LoraTopOptions

    def num_top_layers(self, num_layers: int) -> int:
        """Return how many layers get adapters; raises UserError for more than there are."""
        wanted = self.options.top_layers or max(1, round(num_layers / SHARE))
        if wanted > num_layers:
            raise UserError(f"--top-layers {wanted}: this model has {num_layers} layers")
        return wanted

    def targets(self, shape: Shape) -> dict[str, tuple[int, int]]:
        """Return the (inputs, outputs) of each layer that gets an adapter."""
        lowest = shape.num_layers - self.num_top_layers(shape.num_layers)
        return {name: size for name, size in super().targets(shape).items() if layer_of(name) >= lowest}

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """The frozen layers run forward once in all epochs; the rest costs what it costs LoRA."""
        whole = super().cost(shape, weight_bytes, epochs)
        lowest = shape.num_layers - self.num_top_layers(shape.num_layers)
        frozen = sum(
            inputs * outputs
            for name, (inputs, outputs) in shape.linears.items()
            if 0 <= layer_of(name) < lowest
        )
        adapters = whole.trainable_parameters
        return Cost(
            trainable_parameters=adapters,
            saved_bytes=adapters * ADAPTER_BYTES,
            flops_per_token=whole.flops_per_token - 4.0 * frozen + 2.0 * frozen / epochs,
        )

    def peft_settings(self, model: PreTrainedModel) -> dict[str, Any]:
        """Name the layers; PEFT finds them by their number, and wants the modules' names for it."""
        from laptime.inputs.model import measure_shape

        shape = measure_shape(model)
        lowest = shape.num_layers - self.num_top_layers(shape.num_layers)
        return {
            "target_modules": sorted({name.rsplit(".", 1)[-1] for name in self.targets(shape)}),
            "layers_to_transform": list(range(lowest, shape.num_layers)),
        }


def layer_of(name: str) -> int:
    """Return the number of the layer in a module's name, -1 for none: model.layers.12.mlp.up_proj -> 12."""
    found = re.search(r"\.(\d+)\.", name)
    return int(found[1]) if found else -1
