"""LISA (Pan et al. 2024, arXiv:2403.17919): full fine-tuning of few layers at a time, drawn by lot."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, structs

from laptime.errors import UserError
from laptime.methods.full import Full
from laptime.methods.method import Cost, Forget
from laptime.models.shape import Shape, layer_of
from laptime.spec import Options

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

MOST_LAYERS, SHARE = 2, 4  # unless given: the paper's two, and no more than a quarter of the layers


class LisaOptions(Options, frozen=True):
    """How many layers are drawn, and how often."""

    lisa_layers: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Layers that train at a time (default: 2, of few layers a quarter)."),
    ] = None
    lisa_interval: Annotated[int, Meta(ge=1, description="Steps after which LISA draws others.")] = 20


class Lisa(Full):
    """Embedding, last norm and head always train; the moments of a layer go when it is drawn no more."""

    name: ClassVar[str] = "lisa"
    summary: ClassVar[str] = (
        "trains every weight, of few layers at a time, which are drawn anew every some steps"
    )
    paper: ClassVar[str] = "arXiv:2403.17919"
    options_type: ClassVar[type[Options]] = LisaOptions
    spreads_weights: ClassVar[bool] = False
    options: LisaOptions
    seed = 0  # of the run
    found: tuple[PreTrainedModel, list[tuple[int, torch.nn.Parameter]]] | None = None

    def learning_rate(self, shape: Shape) -> float:
        """Three times that of full fine-tuning: a layer trains now and then (stories260K, by --tune)."""
        return 3 * super().learning_rate(shape)

    def count_drawn(self, num_layers: int) -> int:
        """Return how many layers train at a time; raises UserError for more than there are."""
        number = self.options.lisa_layers or max(1, min(MOST_LAYERS, num_layers // SHARE))
        if number > num_layers:
            raise UserError(f"--lisa-layers {number}: this model has {num_layers} layers")
        return number

    def draw(self, num_layers: int, step: int) -> set[int]:
        """Return the numbers of the layers that train in a step, from 1: by the run's seed and no other."""
        turn = (step - 1) // self.options.lisa_interval
        drawn = random.Random(f"lisa {self.seed} {turn}").sample(
            range(num_layers), self.count_drawn(num_layers)
        )
        return set(drawn)

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """All weights may train; those that do have a gradient of their own."""
        layers, number = len(shape.layer_parameters), self.count_drawn(shape.num_layers)
        if not layers:
            raise UserError(f"{self.name}: {shape.architecture} has no numbered layers; use full")
        in_layers = sum(count for name, count in shape.weights_per_token.items() if layer_of(name) >= 0)
        beside = shape.num_parameters - sum(shape.layer_parameters)
        updated = beside + sum(sorted(shape.layer_parameters)[-number:])
        return structs.replace(
            super().cost(shape, weight_bytes, epochs),
            flops_per_token=6.0 * shape.num_matmul_weights - 2.0 * in_layers * (1 - number / layers),
            updated_parameters=updated,
            moments=updated,
        )

    def notes(self, shape: Shape) -> list[str]:
        """Tell how many layers train, and how long."""
        number = self.count_drawn(shape.num_layers)
        return [
            f"{number} of {shape.num_layers} layers at a time, drawn every {self.options.lisa_interval} steps"
        ]

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Let every parameter train; which of them do in a step is settled before it."""
        import torch

        from laptime.models.module_shape import measure_shape

        self.cost(measure_shape(model), 1)
        self.seed = torch.initial_seed()
        return super().attach(model)

    def find_layers(self, model: PreTrainedModel) -> list[tuple[int, torch.nn.Parameter]]:
        """Return every parameter with the number of its layer, -1 for those that always train."""
        from laptime.models.module_shape import find_text_part, number_parameters

        if self.found is None or self.found[0] is not model:
            self.found = model, number_parameters(model, find_text_part(model, dict(model.named_modules())))
        return self.found[1]

    def before_step(self, model: PreTrainedModel, step: int, forget: Forget) -> None:
        """Freeze the layers that were not drawn; the moments of those that were until now are dropped."""
        layers = self.find_layers(model)
        number = 1 + max(layer for layer, _ in layers)
        drawn, before = self.draw(number, step), self.draw(number, max(1, step - 1))
        if left := before - drawn:
            forget(parameter for layer, parameter in layers if layer in left)
        for layer, parameter in layers:
            parameter.requires_grad_(layer < 0 or layer in drawn)

    def after_step(self, model: PreTrainedModel, step: int) -> None:
        """Show every parameter as one that trains, as checkpoints and checks want it."""
        model.requires_grad_(True)
