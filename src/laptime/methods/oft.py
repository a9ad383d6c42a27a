"""OFT (Qiu et al. 2023, arXiv:2306.07280; v2 arXiv:2506.19847): what goes into each layer is rotated."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from laptime.errors import UserError
from laptime.methods.adapter import ADAPTER_BYTES, Adapter, are_transposed, find_words, list_body
from laptime.methods.lora import refuse_experts
from laptime.methods.method import Cost, width_scaled_rate
from laptime.models.shape import Shape
from laptime.spec import Options

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RATE = 4
MOST_INPUTS = 32  # of a block unless given, as PEFT has it


class OftOptions(Options, frozen=True):
    """OFT's options."""

    oft_block_size: Annotated[
        Annotated[int, Meta(ge=2)] | None,
        Meta(
            description="Inputs that OFT rotates together (default: as many up to 32 as divide each layer's)."
        ),
    ] = None


class Oft(Adapter):
    """Blocks of a layer's inputs are rotated, which keeps the angles between the weights of its outputs."""

    name: ClassVar[str] = "oft"
    summary: ClassVar[str] = "rotates what goes into each linear layer, block by block"
    paper: ClassVar[str] = "arXiv:2306.07280"
    options_type: ClassVar[type[Options]] = OftOptions
    options: OftOptions

    def learning_rate(self, shape: Shape) -> float:
        """Four times LoRA's, for an angle turns the inputs by itself (stories260K, by --tune)."""
        return RATE * width_scaled_rate(shape)

    def targets(self, shape: Shape) -> dict[str, tuple[int, int, int]]:
        """Return (experts, two sizes) of each linear layer but the head; raises UserError for none."""
        return list_body(shape, self.name)

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """Each input is multiplied with its block; what makes blocks of angles is no cost of a token."""
        targets = self.targets(shape)
        refuse_experts(self.name, targets, shape)
        if shape.transposed:
            raise UserError(
                f"{self.name}: PEFT rotates no layers that store their weights the other way round, as those "
                f"of {shape.architecture} do; use lora"
            )
        size = self.find_size(targets)
        inputs = sum(one for _, one, _ in targets.values())
        angles = inputs // size * (size * (size - 1) // 2)
        return Cost(
            trainable_parameters=angles,
            saved_bytes=angles * ADAPTER_BYTES,
            flops_per_token=4.0 * shape.num_matmul_weights + 6.0 * inputs * size,
            kept_bytes_per_token=ADAPTER_BYTES * inputs,
            plain_kept_bytes_per_token=ADAPTER_BYTES * inputs,
        )

    def find_size(self, targets: dict[str, tuple[int, int, int]]) -> int:
        """Return how many inputs are rotated together; raises UserError where they do not divide all."""
        widths = {one for _, one, _ in targets.values()}
        common, asked = gcd(*widths), self.options.oft_block_size
        fitting = [size for size in range(2, MOST_INPUTS + 1) if common % size == 0]
        if asked is None and not fitting:
            raise UserError(f"{self.name}: the inputs of the layers have no common divisor; use lora")
        if asked is not None and common % asked:
            uneven = min(width for width in widths if width % asked)
            what = f"use {fitting[-1]}" if fitting else "use lora"
            raise UserError(
                f"--oft-block-size {asked}: does not divide the {uneven} inputs of a layer; {what}"
            )
        return asked or fitting[-1]

    def peft_config(self, model: PreTrainedModel, shape: Shape) -> Any:
        """Return OFT's configuration."""
        from peft import OFTConfig

        modules = set(self.targets(shape))
        words, others = find_words(model, modules)
        return OFTConfig(
            r=0,
            oft_block_size=self.find_size(self.targets(shape)),
            target_modules=words,
            exclude_modules=others or None,
            fan_in_fan_out=are_transposed(model, modules),
            task_type="CAUSAL_LM",
        )
