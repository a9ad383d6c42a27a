"""LoRA on the top layers alone: nothing changes below them, so their output is computed once."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, structs

from laptime.errors import UserError
from laptime.methods.lora import Lora, LoraOptions
from laptime.methods.method import Cost
from laptime.models.shape import Shape, layer_of

SHARE = 4  # a quarter of the layers


# The options of every method that trains the top layers alone: msgspec joins no two structs with fields.
TopLayerCount = Annotated[
    Annotated[int, Meta(ge=1)] | None,
    Meta(description="Layers from the top that train (default: a quarter of them)."),
]
ReuseCache = Annotated[
    bool,
    Meta(description="Keep the output of the frozen layers for later rounds and runs on the same data."),
]


class LoraTopOptions(LoraOptions, frozen=True):
    """What LoRA has, and how many layers get adapters."""

    top_layers: TopLayerCount = None
    reuse_cache: ReuseCache = False


class LoraTop(Lora):
    """A normal PEFT adapter comes out, with `layers_to_transform` naming its layers."""

    name: ClassVar[str] = "lora_top"
    summary: ClassVar[str] = "trains adapters in the top layers only; what lies below is computed once"
    paper: ClassVar[str] = ""
    options_type: ClassVar[type[LoraTopOptions]] = LoraTopOptions
    options: LoraTopOptions

    def layers(self, shape: Shape) -> list[int]:
        """Return the numbers of the layers that get adapters; raises UserError for more than there are."""
        return list_top_layers(self.options.top_layers, shape.num_layers)

    def targets(self, shape: Shape) -> dict[str, tuple[int, int, int]]:
        """Return the sizes of each weight in the top layers that gets an adapter."""
        layers = self.layers(shape)
        found = {name: size for name, size in super().targets(shape).items() if layer_of(name) in layers}
        if not found:
            raise UserError(
                f"{self.name}: no linear layer to adapt in the {len(layers)} top layers of "
                f"{shape.architecture}, by their names; use lora, or more --top-layers"
            )
        return found

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """The frozen layers run forward once in all epochs; the rest costs what it costs LoRA."""
        whole = super().cost(shape, weight_bytes, epochs)
        lowest = self.layers(shape)[0]
        frozen = sum(n for name, n in shape.weights_per_token.items() if 0 <= layer_of(name) < lowest)
        flops = whole.flops_per_token - 4.0 * frozen + 2.0 * frozen / epochs
        return structs.replace(whole, flops_per_token=flops)


def list_top_layers(wanted: int | None, num_layers: int) -> list[int]:
    """Return the numbers of so many layers from the top; raises UserError for more than there are."""
    number = wanted or max(1, round(num_layers / SHARE))
    if number > num_layers:
        raise UserError(f"--top-layers {number}: this model has {num_layers} layers")
    return list(range(num_layers - number, num_layers))
