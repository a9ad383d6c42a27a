"""VeRA (Kopiczko et al. 2023, arXiv:2310.11454): layers share random matrices; two vectors of each train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from laptime.methods.adapter import ADAPTER_BYTES, Adapter, are_transposed, find_words, list_body
from laptime.methods.lora import refuse_experts
from laptime.methods.method import Cost, width_scaled_rate
from laptime.models.shape import Shape
from laptime.spec import Options

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RATE = 10  # times LoRA's: what trains are scales, of which each changes a whole row (VeRA, table 8)


class VeraOptions(Options, frozen=True):
    """VeRA's options."""

    vera_rank: Annotated[int, Meta(ge=1, description="Rank of VeRA's shared random matrices.")] = 256


class Vera(Adapter):
    """A hundredth of what LoRA trains; the random matrices are saved with it."""

    name: ClassVar[str] = "vera"
    summary: ClassVar[str] = "trains two vectors a layer around random matrices that all layers share"
    paper: ClassVar[str] = "arXiv:2310.11454"
    options_type: ClassVar[type[Options]] = VeraOptions
    options: VeraOptions

    def learning_rate(self, shape: Shape) -> float:
        """Ten times LoRA's."""
        return RATE * width_scaled_rate(shape)

    def targets(self, shape: Shape) -> dict[str, tuple[int, int, int]]:
        """Return (experts, two sizes) of each linear layer but the head; raises UserError for none."""
        return list_body(shape, self.name)

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """The shared matrices multiply like an adapter of that rank, and have no gradient of their own."""
        rank, targets = self.options.vera_rank, self.targets(shape)
        refuse_experts(self.name, targets, shape)
        vectors = sum(rank + outputs for _, _, outputs in targets.values())
        most_in, most_out = (max(size[place] for size in targets.values()) for place in (1, 2))
        used = sum(rank * (inputs + outputs) for _, inputs, outputs in targets.values())
        return Cost(
            trainable_parameters=vectors,
            saved_bytes=(vectors + rank * (most_in + most_out)) * ADAPTER_BYTES,
            flops_per_token=4.0 * shape.num_matmul_weights + 4.0 * used,
            plain_kept_bytes_per_token=ADAPTER_BYTES * sum(inputs for _, inputs, _ in targets.values()),
        )

    def peft_config(self, model: PreTrainedModel, shape: Shape) -> Any:
        """Return VeRA's configuration."""
        from peft import VeraConfig

        modules = set(self.targets(shape))
        words, others = find_words(model, modules)
        return VeraConfig(
            r=self.options.vera_rank,
            target_modules=sorted(modules) if others else words,
            fan_in_fan_out=are_transposed(model, modules),
            task_type="CAUSAL_LM",
        )
