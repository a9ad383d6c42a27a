"""BitFit (Ben Zaken et al. 2021, arXiv:2106.10199): the biases train, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from laptime.errors import UserError
from laptime.methods.full import Full
from laptime.methods.method import Cost, width_scaled_rate
from laptime.models.shape import Shape

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class BitFit(Full):
    """For models that have biases: GPT-2, OPT, Phi, Qwen2's queries, keys and values; Llama has none."""

    name: ClassVar[str] = "bitfit"
    summary: ClassVar[str] = "trains the biases of a model that has some, and leaves a whole model behind"
    paper: ClassVar[str] = "arXiv:2106.10199"
    spreads_weights: ClassVar[bool] = False
    trains_linears: ClassVar[bool] = False
    toy_factor: ClassVar[float] = 3.0

    def learning_rate(self, shape: Shape) -> float:
        """Five times LoRA's, between the paper's searches and what stories260K wants (by --tune)."""
        return 5 * width_scaled_rate(shape)

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """A bias's gradient is a sum, no product; raises UserError for a model without biases."""
        if not shape.num_biases:
            raise UserError(
                f"{self.name}: {shape.architecture} has no biases, so that nothing would train; use lora, or "
                f"ia3 for as few numbers"
            )
        return Cost(
            trainable_parameters=shape.num_biases,
            saved_bytes=shape.num_parameters * weight_bytes,
            flops_per_token=4.0 * shape.num_matmul_weights,
        )

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Let the biases train."""
        from laptime.models.module_shape import list_biases, measure_shape

        self.cost(measure_shape(model), 1)
        for parameter in list_biases(model).values():
            parameter.requires_grad_(True)
        return model
