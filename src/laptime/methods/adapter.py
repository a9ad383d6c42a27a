"""What all adapters of PEFT share: the base stays as it is, and a small part beside it trains."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from laptime.errors import UserError, suggest
from laptime.methods.method import Method
from laptime.models.folder import ADAPTER_WEIGHTS
from laptime.models.shape import Shape, last_word, layer_of

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ADAPTER_BYTES = 4  # adapters are trained and saved in float32
NAMES_IN_SETS = ("target_modules", "target_parameters", "exclude_modules", "feedforward_modules")


class Adapter(Method):
    """A method of PEFT's: wrapped, counted, saved, loaded and merged by it."""

    saved_kind: ClassVar[Literal["adapter", "model"]] = "adapter"
    targets_flag: ClassVar[str] = "--lora-targets"

    @abstractmethod
    def targets(self, shape: Shape) -> Mapping[str, Any]:
        """Return the weights that get something beside them, by name, each with its sizes."""

    def lowest_layer(self, shape: Shape) -> int:
        """Return the number of the lowest layer that has a part of the adapter."""
        return max(0, min(map(layer_of, self.targets(shape))))

    @abstractmethod
    def peft_config(self, model: PreTrainedModel, shape: Shape) -> Any:
        """Return PEFT's configuration for a model."""

    def mark(self, adapted: PreTrainedModel) -> None:
        """Change what trains of an adapted model."""

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Wrap the model with PEFT; raises UserError where it would train something else than was counted."""
        from peft import get_peft_model

        from laptime.models.module_shape import measure_shape

        shape = measure_shape(model)
        counted = self.cost(shape, ADAPTER_BYTES).trainable_parameters
        adapted = get_peft_model(model, self.peft_config(model, shape))
        self.mark(adapted)
        number = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
        if number != counted:
            raise UserError(
                f"{self.name}: PEFT would train {number:,} numbers of {shape.architecture}, not the "
                f"{counted:,} of its linear layers; use full, or name layers with {self.targets_flag}"
            )
        return adapted

    def save(self, model: PreTrainedModel, folder: Path) -> None:
        """Write the adapter; equal ones to equal bytes, though PEFT keeps names in sets."""
        configs: Any = model.peft_config
        for config in configs.values():
            sort_names(config)
        super().save(model, folder)

    def load(self, base: PreTrainedModel, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Put the saved adapter on the base."""
        return load_adapter(base, folder)

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Put what was learned into the weights, and drop the adapter."""
        return model.merge_and_unload()


def load_adapter(base: PreTrainedModel, folder: Path) -> Any:
    """Put a saved adapter on a base, its numbers as they were saved.

    PEFT rounds some (AdaLoRA's) to the format of the base on their way, and warns of AdaLoRA's ranks by layer
    as if they were LoRA's.
    """
    from peft import PeftModel
    from safetensors.torch import load_file

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The following rank_pattern keys", category=RuntimeWarning)
        model = PeftModel.from_pretrained(base, str(folder))
    saved = load_file(folder / ADAPTER_WEIGHTS)
    (name,) = model.active_adapters
    for place, parameter in model.named_parameters():
        kept = saved.get(place.replace(f".{name}", ""))
        if kept is not None and kept.shape == parameter.shape:
            parameter.data = kept.to(parameter.device)
    return model


def sort_names(config: Any) -> None:
    """Put the names in a configuration into an order that is always the same."""
    for key in NAMES_IN_SETS:
        if isinstance(names := getattr(config, key, None), set):
            setattr(config, key, sorted(names))


def list_body(shape: Shape, method: str) -> dict[str, tuple[int, int, int]]:
    """Return (experts, two sizes) of each weight that may get an adapter, one expert for a linear layer.

    Raises UserError where there is none.
    """
    body = {name: (1, *size) for name, size in shape.linears.items()} | shape.experts
    body = {name: size for name, size in body.items() if name not in (shape.head, *shape.unwrapped)}
    if not body:
        raise UserError(f"{method}: {shape.architecture} has no linear layer to adapt; use full")
    return body


def choose_named(names: Iterable[str], words: Iterable[str], option: str) -> list[str]:
    """Return those of `names` that the user's words mean; raises UserError for a word that means none."""
    names = list(names)
    for word in words:
        if not any(is_named(name, word) for name in names):
            known = {last_word(name) for name in names}
            raise UserError(f"{option}: no linear layer '{word}'{suggest(word, known)}")
    return [name for name in names if any(is_named(name, word) for word in words)]


def is_named(name: str, word: str) -> bool:
    """Tell whether a target given by the user means this layer."""
    return name == word or name.endswith("." + word)


def find_words(
    model: PreTrainedModel, modules: set[str], layers: list[int] | None = None
) -> tuple[list[str], list[str]]:
    """Return the last names of some modules, as PEFT takes them, and other modules that bear such a name.

    `layers` are the numbers of those that are looked at, None for all.
    """
    words = {last_word(name) for name in modules}
    reached = {name for name, _ in model.named_modules() if last_word(name) in words}
    others = {name for name in reached - modules if not layers or layer_of(name) in layers}
    return sorted(words), sorted(others)


def are_transposed(model: PreTrainedModel, modules: Iterable[str]) -> bool:
    """Tell whether some of the modules store their weights the other way round, as GPT-2's do."""
    from transformers.pytorch_utils import Conv1D

    return any(isinstance(model.get_submodule(name), Conv1D) for name in modules)
