"""Full fine-tuning of the top layers alone: nothing changes below them, so their output is computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from laptime.errors import UserError
from laptime.methods.full import Full
from laptime.methods.lora_top import ReuseCache, TopLayerCount, list_top_layers
from laptime.methods.method import Cost
from laptime.models.shape import Shape, layer_of
from laptime.spec import Options

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class TopLayersOptions(Options, frozen=True):
    """How many layers train."""

    top_layers: TopLayerCount = None
    reuse_cache: ReuseCache = False


class TopLayers(Full):
    """The layers train, not the final norm nor the vocabulary, which stays that of the base."""

    name: ClassVar[str] = "top_layers"
    summary: ClassVar[str] = "trains every weight of the top layers only; what lies below is computed once"
    paper: ClassVar[str] = ""
    options_type: ClassVar[type[Options]] = TopLayersOptions
    spreads_weights: ClassVar[bool] = False
    options: TopLayersOptions

    def learning_rate(self, shape: Shape) -> float:
        """Three times full fine-tuning's: few layers have to do it (stories260K, by --tune)."""
        return 3 * super().learning_rate(shape)

    def layers(self, shape: Shape) -> list[int]:
        """Return the numbers of the layers that train; raises UserError for more than there are."""
        return list_top_layers(self.options.top_layers, shape.num_layers)

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """The frozen layers run forward once in all epochs; the head's weight has no gradient of its own."""
        layers = self.layers(shape)
        if not shape.layer_parameters:
            raise UserError(f"{self.name}: {shape.architecture} has no numbered layers; use full")
        trained = sum(shape.layer_parameters[number] for number in layers)
        by_layer = {name: layer_of(name) for name in shape.weights_per_token}
        counts = shape.weights_per_token
        top = sum(n for name, n in counts.items() if by_layer[name] in layers)
        frozen = sum(n for name, n in counts.items() if 0 <= by_layer[name] < layers[0])
        rest = shape.num_matmul_weights - top - frozen
        return Cost(
            trainable_parameters=trained,
            saved_bytes=shape.num_parameters * weight_bytes,
            flops_per_token=6.0 * top + 4.0 * rest + 2.0 * frozen / epochs,
        )

    def lowest_layer(self, shape: Shape) -> int:
        """Return the number of the lowest layer that trains."""
        return self.layers(shape)[0]

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Let the parameters of the top layers train."""
        from laptime.models.module_shape import measure_shape

        layers = self.layers(measure_shape(model))
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(layer_of(name) in layers)
        return model
