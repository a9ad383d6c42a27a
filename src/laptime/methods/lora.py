"""LoRA (Hu et al. 2021, arXiv:2106.09685): the base stays frozen, small low-rank adapters train."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from laptime.errors import UserError, suggest
from laptime.methods.method import Cost, Method, width_scaled_rate
from laptime.models.shape import Shape, last_word, layer_of
from laptime.spec import Options

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ALPHA = 32  # for which the rule of thumb for the rate was fitted
ADAPTER_BYTES = 4  # adapters are trained and saved in float32
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


class Lora(Method):
    """LoRA through PEFT, on every linear layer but the head unless told otherwise."""

    name: ClassVar[str] = "lora"
    summary: ClassVar[str] = "freezes the base and trains low-rank adapters beside its linear layers"
    saved_kind: ClassVar[Literal["adapter", "model"]] = "adapter"
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
        body = {name: (1, *size) for name, size in shape.linears.items()} | shape.experts
        body = {name: size for name, size in body.items() if name not in (shape.head, *shape.unwrapped)}
        if not body:
            raise UserError(f"{self.name}: {shape.architecture} has no linear layer to adapt; use full")
        wanted = self.options.lora_targets
        if wanted == (ALL_LINEAR,):
            return body
        for word in wanted:
            if not any(is_named(name, word) for name in body):
                known = {last_word(name) for name in body}
                raise UserError(f"--lora-targets: no linear layer '{word}'{suggest(word, known)}")
        return {name: size for name, size in body.items() if any(is_named(name, word) for word in wanted)}

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

    def lowest_layer(self, shape: Shape) -> int:
        """Return the number of the lowest layer that has an adapter."""
        return max(0, min(map(layer_of, self.targets(shape))))

    def notes(self, shape: Shape) -> list[str]:
        """Tell which linear layers get no adapter though all were asked for."""
        left = sorted({star(name) for name in shape.unwrapped if name != shape.head})
        if not left or self.options.lora_targets != (ALL_LINEAR,):
            return []
        return [f"no adapters on {', '.join(left)}: routers, or weights that kernels read past their layers"]

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Wrap the model with PEFT; adapters are float32 whatever the base is."""
        from peft import LoraConfig, get_peft_model

        from laptime.models.module_shape import measure_shape

        shape = measure_shape(model)
        counted = self.cost(shape, ADAPTER_BYTES).trainable_parameters
        adapted = get_peft_model(model, LoraConfig(**self.peft_settings(model, shape)))
        number = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
        if number != counted:
            raise UserError(
                f"{self.name}: PEFT would train {number:,} numbers of {shape.architecture}, not the "
                f"{counted:,} of its linear layers; use full, or name layers with --lora-targets"
            )
        return adapted

    def peft_settings(self, model: PreTrainedModel, shape: Shape) -> dict[str, Any]:
        """Return PEFT's configuration: layers go by their last names, weights of experts by whole ones."""
        from transformers.pytorch_utils import Conv1D

        targets = self.targets(shape)
        modules = {name for name in targets if not is_adapted_as_parameter(name, shape)}
        words = {last_word(name) for name in modules}
        layers = self.layers(shape)
        reached = {name for name, _ in model.named_modules() if last_word(name) in words}
        others = {n for n in reached - modules if not layers or layer_of(n) in layers}
        parameters = {n if n in shape.experts else f"{n}.weight" for n in targets.keys() - modules}
        return {
            "r": self.options.lora_rank,
            "lora_alpha": self.options.lora_alpha or 2 * self.options.lora_rank,
            "lora_dropout": self.options.lora_dropout,
            "target_modules": sorted(words),
            "target_parameters": sorted(parameters) or None,
            "exclude_modules": sorted(others) or None,
            "layers_to_transform": layers,
            "fan_in_fan_out": any(isinstance(model.get_submodule(name), Conv1D) for name in modules),
            "task_type": "CAUSAL_LM",
        }

    def layers(self, shape: Shape) -> list[int] | None:
        """Return the numbers of the layers that get adapters, None for all."""
        return None

    def save(self, model: PreTrainedModel, folder: Path) -> None:
        """Write the adapter; equal ones to equal bytes, though PEFT keeps names in sets."""
        configs: Any = model.peft_config
        for config in configs.values():
            for key in ("target_modules", "target_parameters", "exclude_modules"):
                if isinstance(names := getattr(config, key), set):
                    setattr(config, key, sorted(names))
        super().save(model, folder)

    def load(self, base: PreTrainedModel, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Put the saved adapter on the base."""
        from peft import PeftModel

        return PeftModel.from_pretrained(base, str(folder))

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Add the adapters to the weights and drop them."""
        return model.merge_and_unload()


def is_named(name: str, word: str) -> bool:
    """Tell whether a target given by the user means this layer."""
    return name == word or name.endswith("." + word)


def is_adapted_as_parameter(name: str, shape: Shape) -> bool:
    """Tell whether an adapter changes the weight, not what the layer gives, as PEFT does for experts."""
    return name in shape.experts or (bool(shape.experts) and last_word(name) in NAMES_OF_EXPERTS)


def star(name: str) -> str:
    """Return a name for all layers: model.layers.12.mlp.gate -> model.layers.*.mlp.gate."""
    return re.sub(r"\.\d+\.", ".*.", name)
