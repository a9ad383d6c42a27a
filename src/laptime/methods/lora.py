"""LoRA (Hu et al. 2021, arXiv:2106.09685): the base stays frozen, small low-rank adapters train."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from laptime.errors import UserError
from laptime.methods.adapter import (
    ADAPTER_BYTES,
    Adapter,
    are_transposed,
    choose_named,
    find_words,
    list_body,
)
from laptime.methods.method import Cost, width_scaled_rate
from laptime.models.shape import Shape, last_word
from laptime.spec import Options

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ALPHA = 32  # for which the rule of thumb for the rate was fitted
ALL_LINEAR = "all-linear"
# In a model of experts PEFT takes these names for those of single experts, whatever else bears them.
NAMES_OF_EXPERTS = {"gate", "gate_proj", "up_proj", "down_proj", "w1", "w2", "w3"}


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


class Lora(Adapter):
    """LoRA through PEFT, on every linear layer but the head unless told otherwise."""

    name: ClassVar[str] = "lora"
    paper: ClassVar[str] = "arXiv:2106.09685"
    summary: ClassVar[str] = "freezes the base and trains low-rank adapters beside its linear layers"
    options_type: ClassVar[type[Options]] = LoraOptions
    options: LoraOptions

    def learning_rate(self, shape: Shape) -> float:
        """Scale with the width of the model, and against alpha.

        The rule is for alpha 32, whatever the rank: twice the alpha changes a layer twice as much a step.
        """
        alpha = self.options.lora_alpha or 2 * self.options.lora_rank
        return width_scaled_rate(shape) * ALPHA / alpha

    def targets(self, shape: Shape) -> dict[str, tuple[int, int, int]]:
        """Return (experts, two sizes) of each weight that gets an adapter, one expert for a linear layer.

        Raises UserError when a target is unknown or there is none.
        """
        body = list_body(shape, self.name)
        if self.options.lora_targets == (ALL_LINEAR,):
            return body
        return {name: body[name] for name in choose_named(body, self.options.lora_targets, self.targets_flag)}

    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """Frozen weights need no gradient of their own: four operations a weight, six for the adapters."""
        rank, targets = self.options.lora_rank, self.targets(shape)
        largest = max(min(size[1:]) for size in targets.values())
        if rank > largest:
            raise UserError(f"--lora-rank {rank}: this model's layers have rank {largest} at most")
        as_parameters = [name for name in targets if is_adapted_as_parameter(name, shape)]
        if as_parameters and self.options.lora_dropout:
            raise UserError(
                f"--lora-dropout {self.options.lora_dropout:g}: not before {star(as_parameters[0])}, whose "
                f"adapters change the weight itself; use 0, or name other layers with --lora-targets"
            )
        adapters = sum(number * rank * (one + other) for number, one, other in targets.values())
        used = sum(
            (shape.experts_per_token if name in shape.experts else 1) * rank * (one + other)
            for name, (_, one, other) in targets.items()
        )
        return Cost(
            trainable_parameters=adapters,
            saved_bytes=adapters * ADAPTER_BYTES,
            flops_per_token=4.0 * shape.num_matmul_weights + 6.0 * used,
            copied_weights=sum(targets[n][0] * targets[n][1] * targets[n][2] for n in as_parameters),
        )

    def refuse_rank_above(self, shape: Shape) -> None:
        """Raise UserError for a rank above the smallest side of a layer: so many parts it does not have."""
        narrowest = min(min(size[1:]) for size in self.targets(shape).values())
        if self.options.lora_rank > narrowest:
            raise UserError(
                f"--lora-rank {self.options.lora_rank}: {self.name} can take {narrowest} at most here, the "
                f"smallest side of a layer"
            )

    def notes(self, shape: Shape) -> list[str]:
        """Tell which linear layers get no adapter though all were asked for."""
        left = sorted({star(name) for name in shape.unwrapped if name != shape.head})
        if not left or self.options.lora_targets != (ALL_LINEAR,):
            return []
        return [f"no adapters on {', '.join(left)}: routers, or weights that kernels read past their layers"]

    def peft_config(self, model: PreTrainedModel, shape: Shape) -> Any:
        """Return LoRA's configuration; adapters are float32 whatever the base is."""
        from peft import LoraConfig

        return LoraConfig(**self.peft_settings(model, shape))

    def peft_settings(self, model: PreTrainedModel, shape: Shape) -> dict[str, Any]:
        """Return PEFT's configuration: layers go by their last names, weights of experts by whole ones."""
        targets = self.targets(shape)
        modules = {name for name in targets if not is_adapted_as_parameter(name, shape)}
        layers = self.layers(shape)
        words, others = find_words(model, modules, layers)
        parameters = {n if n in shape.experts else f"{n}.weight" for n in targets.keys() - modules}
        return {
            "r": self.options.lora_rank,
            "lora_alpha": self.options.lora_alpha or 2 * self.options.lora_rank,
            "lora_dropout": self.options.lora_dropout,
            "target_modules": words,
            "target_parameters": sorted(parameters) or None,
            "exclude_modules": others or None,
            "layers_to_transform": layers,
            "fan_in_fan_out": are_transposed(model, modules),
            "task_type": "CAUSAL_LM",
        }

    def layers(self, shape: Shape) -> list[int] | None:
        """Return the numbers of the layers that get adapters, None for all."""
        return None


def is_adapted_as_parameter(name: str, shape: Shape) -> bool:
    """Tell whether an adapter changes the weight, not what the layer gives, as PEFT does for experts."""
    return name in shape.experts or (bool(shape.experts) and last_word(name) in NAMES_OF_EXPERTS)


def refuse_experts(method: str, targets: Iterable[str], shape: Shape) -> None:
    """Raise UserError where a method would adapt a weight of several experts, and can't."""
    if parts := [name for name in targets if is_adapted_as_parameter(name, shape)]:
        raise UserError(f"{method}: not for {star(parts[0])}, a weight of several experts; use lora")


def star(name: str) -> str:
    """Return a name for all layers: model.layers.12.mlp.gate -> model.layers.*.mlp.gate."""
    return re.sub(r"\.\d+\.", ".*.", name)
