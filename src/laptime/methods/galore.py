"""GaLore (Zhao et al. 2024, arXiv:2403.03507): full fine-tuning whose moments are those of few directions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, structs

from laptime.methods.full import Full
from laptime.methods.method import Cost
from laptime.models.shape import Shape
from laptime.spec import Options

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MOST_RANK, SHARE = 128, 4  # unless given; of narrow models a quarter of the width


class GaloreOptions(Options, frozen=True):
    """How much of a gradient is seen, and for how long in the same directions."""

    galore_rank: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Directions of a gradient that GaLore keeps (default: 128, or width / 4)."),
    ] = None
    galore_interval: Annotated[int, Meta(ge=1, description="Steps after which GaLore looks for others.")] = (
        200
    )
    galore_scale: Annotated[float, Meta(gt=0, description="What GaLore's updates are multiplied with.")] = (
        0.25
    )


class Galore(Full):
    """Every weight trains; of linear layers' the optimizer keeps a fraction of AdamW's moments."""

    name: ClassVar[str] = "galore"
    summary: ClassVar[str] = (
        "trains every weight, with an optimizer that keeps few directions of each gradient"
    )
    paper: ClassVar[str] = "arXiv:2403.03507"
    options_type: ClassVar[type[Options]] = GaloreOptions
    spreads_weights: ClassVar[bool] = False
    brings_optimizer: ClassVar[bool] = True
    options: GaloreOptions

    def learning_rate(self, shape: Shape) -> float:
        """Full fine-tuning's for the same scale of updates."""
        return super().learning_rate(shape) / self.options.galore_scale

    def find_rank(self, shape: Shape) -> int:
        """Return how many directions are kept."""
        return self.options.galore_rank or max(1, min(MOST_RANK, shape.hidden_size // SHARE))

    def targets(self, shape: Shape) -> dict[str, tuple[int, int]]:
        """Return the linear layers but the head that have more directions than are kept, with their sizes."""
        rank = self.find_rank(shape)
        return {n: size for n, size in shape.linears.items() if n != shape.head and min(size) > rank}

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """The products of full fine-tuning; those of an update are no cost of a token."""
        rank, sizes = self.find_rank(shape), self.targets(shape).values()
        whole = sum(one * other for one, other in sizes)
        kept = sum(rank * max(size) + -(-rank * min(size) // 2) for size in sizes)  # moments, directions
        return structs.replace(
            super().cost(shape, weight_bytes, epochs), moments=shape.num_parameters - whole + kept
        )

    def notes(self, shape: Shape) -> list[str]:
        """Tell what the optimizer keeps, and what faster updates are left with."""
        targets = len(self.targets(shape))
        return [
            f"{self.find_rank(shape)} directions of gradients in {targets} linear layers, found anew every "
            f"{self.options.galore_interval} steps; fused and compiled updates are for the rest"
        ]

    def parameter_groups(self, model: PreTrainedModel) -> list[dict[str, Any]]:
        """Return the groups of full fine-tuning, those of linear layers with an optimizer of their own."""
        from laptime.methods.optimizers.projected_adam import ProjectedAdam
        from laptime.models.module_shape import measure_shape

        shape = measure_shape(model)
        projected = {model.get_submodule(name).weight for name in self.targets(shape)}
        options = self.options
        make = partial(
            ProjectedAdam,
            rank=self.find_rank(shape),
            interval=options.galore_interval,
            scale=options.galore_scale,
        )
        return [
            group | {"params": chosen} | ({"make_optimizer": make} if wanted else {})
            for group in super().parameter_groups(model)
            for wanted in (False, True)
            if (chosen := [one for one in group["params"] if (one in projected) is wanted])
        ]
