"""Prompt tuning (Lester et al. 2021, arXiv:2104.08691): tokens of its own before each example train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from laptime.errors import UserError
from laptime.methods.adapter import ADAPTER_BYTES, Adapter
from laptime.methods.method import Cost
from laptime.models.shape import Shape
from laptime.spec import Options

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

RATE = 3e-2  # whatever the width: embeddings are of about one size (PEFT's examples; stories260K, by --tune)


class PromptTuningOptions(Options, frozen=True):
    """Prompt tuning's options."""

    virtual_tokens: Annotated[
        int, Meta(ge=1, description="Tokens that prompt tuning puts before each example.")
    ] = 20


class PromptTuning(Adapter):
    """The model stays as it is; it reads a few embeddings that are no words before whatever it is asked."""

    name: ClassVar[str] = "prompt_tuning"
    summary: ClassVar[str] = "trains embeddings of a few tokens of its own, which stand before each example"
    paper: ClassVar[str] = "arXiv:2104.08691"
    options_type: ClassVar[type[Options]] = PromptTuningOptions
    merges: ClassVar[bool] = False
    options: PromptTuningOptions

    def learning_rate(self, shape: Shape) -> float:
        """The same for models of any width."""
        return RATE

    def targets(self, shape: Shape) -> dict[str, Any]:
        """Return none: no layer gets anything beside it."""
        return {}

    def lowest_layer(self, shape: Shape) -> int:
        """Return 0: what trains lies below all layers."""
        return 0

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """Its tokens go through all layers as any others; the gradient goes back through them all."""
        numbers = self.options.virtual_tokens * shape.hidden_size
        return Cost(
            trainable_parameters=numbers,
            saved_bytes=numbers * ADAPTER_BYTES,
            flops_per_token=4.0 * shape.num_matmul_weights,
            tokens_per_example=self.options.virtual_tokens,
        )

    def check_longest(self, model: PreTrainedModel, longest: int) -> None:
        """Raise UserError for examples that leave no positions for the method's own tokens."""
        number = self.options.virtual_tokens
        most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        if most and longest + number > most:
            fewer = f"--virtual-tokens {most - longest}" if most > longest else "fewer --virtual-tokens"
            shorter = f"--max-length {most - number}" if most - number >= most // 2 else fewer
            raise UserError(
                f"{self.name}: {number} tokens before an example of {longest} are more than the {most} that "
                f"the model holds; use {shorter}"
            )

    def own_tokens(self, model: PreTrainedModel) -> torch.Tensor | None:
        """Return what trains."""
        weight: torch.Tensor = model.prompt_encoder["default"].embedding.weight
        return weight

    def peft_config(self, model: PreTrainedModel, shape: Shape) -> Any:
        """Return prompt tuning's configuration: its tokens begin as words drawn by lot."""
        from peft import PromptTuningConfig

        return PromptTuningConfig(
            num_virtual_tokens=self.options.virtual_tokens,
            prompt_tuning_init="SAMPLE_VOCAB",
            task_type="CAUSAL_LM",
        )

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Raise UserError: what is read cannot be put into weights."""
        raise UserError(f"{self.name}: its tokens can't be merged into weights; use the adapter on the base")
