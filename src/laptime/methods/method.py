"""The seam of the methods: what a method must say about itself, and how methods are found.

A method is one file in this folder with one subclass of `Method`; the command line, the comparison and
the report find it there. Such a file imports torch and peft inside its functions only, so that the
options of every method can be listed without loading them.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from msgspec import Struct

from laptime.errors import UserError, suggest
from laptime.models.shape import Shape
from laptime.optimizers import KINDS
from laptime.spec import Options, build

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


Forget = Callable[[Iterable["torch.nn.Parameter"]], None]
# (weight_NK, the 15 bounds between codes of 4 bits) -> codes, two a byte, and the largest size of each block
Rounding = Callable[["torch.Tensor", "torch.Tensor"], tuple["torch.Tensor", "torch.Tensor"]]

# The best rate grows with the batch, but by less than its root: twice as high at 16 (benchmarks/rates.py).
LARGEST_BATCH = 16
NARROWEST = 400  # the width down to which the rule of thumb for the rate holds (benchmarks/rates.py)
NOT_DECAYED = re.compile(
    r"bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)"
)  # the Trainer's patterns


class Cost(Struct, kw_only=True, frozen=True):
    """What a method costs, from shapes alone."""

    trainable_parameters: int
    saved_bytes: int
    flops_per_token: float  # forward and backward, attention scores left out
    copied_weights: int = 0  # frozen ones of which each forward pass makes a changed copy
    kept_bytes_per_token: int = 0  # of all layers together, beside what goes into and out of linear layers
    passing_bytes: int = 0  # for a moment, in one layer
    plain_kept_bytes_per_token: int = 0  # instead of `kept_bytes_per_token` where PEFT's own layers run
    plain_passing_bytes: int = 0  # and instead of `passing_bytes`
    updated_parameters: int | None = None  # that have a gradient in a step, at the most; None: all that train
    moments: int | None = None  # numbers of which the optimizer keeps two moments; None: all that train
    tokens_per_example: int = 0  # that the method puts before each example, and that cost what others do

    def count_operations(self, tokens: float, examples: float) -> float:
        """Return the operations of so many tokens in so many examples."""
        return self.flops_per_token * (tokens + self.tokens_per_example * examples)


class NoOptions(Options, frozen=True):
    """A method without options of its own."""


class Method(ABC):
    """One way to fine-tune; the loop calls the hooks in the order in which they stand here."""

    name: ClassVar[str]
    summary: ClassVar[str]  # one sentence for --help and the report
    saved_kind: ClassVar[Literal["adapter", "model"]]
    paper: ClassVar[str] = ""  # where it is described
    needs: ClassVar[tuple[str, str]] = ("", "")  # a library that must be there, and the extra that brings it
    packs: ClassVar[bool] = True  # its frozen weights lie there as torch multiplies them, and may be packed
    brings_optimizer: ClassVar[bool] = False  # for some of its weights, that stands on AdamW
    merges: ClassVar[bool] = True  # what was learned can be put into the base's weights
    changes_base: ClassVar[bool] = False  # its adapters begin with a part of the base, which lacks it then
    saves_others: ClassVar[bool] = False  # the saved tensors are others than in memory, computing the same
    trains_linears: ClassVar[bool] = False  # the weights of linear layers themselves
    quantises: ClassVar[bool] = False  # the base, one weight after the other as they are read
    options_type: ClassVar[type[Options]] = NoOptions
    # Several devices hold parts of what trains, instead of all of it: where that is most of the memory.
    spreads_weights: ClassVar[bool] = False
    toy_factor: ClassVar[float] = (
        3.0  # the toy learns ten examples by heart in fifty steps (benchmarks/rates.py)
    )

    def __init__(self, options: Options) -> None:
        self.options = options

    @abstractmethod
    def learning_rate(self, shape: Shape) -> float:
        """Return the best learning rate for a model of this shape, by rule of thumb."""

    def default_rate(
        self, shape: Shape, batch: int = 1, toy: bool = False, optimizer: str = "adamw"
    ) -> float:
        """Return the learning rate of a run that is given none.

        `batch`: examples of an optimizer step; `toy`: on the model that comes with us.
        """
        factor = min(batch, LARGEST_BATCH) ** 0.25 * (self.toy_factor if toy else 1.0)
        factor *= KINDS[optimizer].rate_factor
        return round_rate(self.learning_rate(shape) * factor)

    @abstractmethod
    def cost(self, shape: Shape, weight_bytes: int, epochs: float = 1) -> Cost:
        """Return the cost for a model of this shape whose weights take `weight_bytes` each."""

    def lowest_layer(self, shape: Shape) -> int:
        """Return the number of the lowest layer in which something trains."""
        return 0

    def notes(self, shape: Shape) -> list[str]:
        """Return what a user should know of this method on a model of this shape, as phrases."""
        return []

    def held_weight_bytes(self, shape: Shape, element_bytes: int) -> int:
        """Return the bytes of the base's weights as they are held while it trains."""
        return shape.num_parameters * element_bytes

    def hold_base(
        self,
        base: PreTrainedModel,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        rounding: Rounding | None = None,
    ) -> PreTrainedModel:
        """Return the base as this method has it: another one would give what was saved other answers.

        It comes as it is stored where the method quantises; `device` and `dtype` are those to train in, the
        base's own if None, and `rounding` a faster way to do what the library does.
        """
        return base

    @abstractmethod
    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """Change the model and mark what trains; returns the model to call."""

    def parameter_groups(self, model: PreTrainedModel) -> list[dict[str, Any]]:
        """Return {"params": [...], "rate_factor": 1.0, "decays": True} groups.

        A factor scales the learning rate; weight decay falls on the groups that decay alone. "make_optimizer"
        makes one that is no AdamW, of parameters and AdamW's settings; its `state_parts` name what it keeps.
        """
        decayed = decayed_names(model)
        trained = [(name in decayed, p) for name, p in model.named_parameters() if p.requires_grad]
        groups = [
            {"params": [p for d, p in trained if d is decays], "decays": decays} for decays in (True, False)
        ]
        return [{"rate_factor": 1.0} | group for group in groups if group["params"]]

    def prepare(self, model: PreTrainedModel, steps: Sequence[Any]) -> Sequence[Any]:
        """Do data-dependent work, timed as part of the training; may return others in place of the steps."""
        return steps

    def check_longest(self, model: PreTrainedModel, longest: int) -> None:  # noqa: B027
        """Raise UserError for examples of up to `longest` tokens that the method leaves no room for."""

    def own_tokens(self, model: PreTrainedModel) -> torch.Tensor | None:
        """Return the embeddings that the method puts before each example, own tokens x width, or None."""
        return None

    # Around each optimizer step; most have nothing to do.

    def before_step(self, model: PreTrainedModel, step: int, forget: Forget) -> None:  # noqa: B027
        """Act before the forward pass of a step, from 1; `forget` drops the moments of parameters."""

    def penalty(self, model: PreTrainedModel) -> torch.Tensor | None:
        """Return what is added to the mean loss of a step, beside that of its tokens, or None."""
        return None

    def before_update(self, model: PreTrainedModel, divisor: torch.Tensor) -> None:  # noqa: B027
        """Look at the gradients of a step, which the update divides by `divisor` and lets go of."""

    def after_step(self, model: PreTrainedModel, step: int) -> None:  # noqa: B027
        """Act after an optimizer step."""

    def capture(self, model: PreTrainedModel) -> dict[str, torch.Tensor]:
        """Return what the next steps depend on beside weights, moments and random numbers."""
        return {}

    def restore(  # noqa: B027
        self, model: PreTrainedModel, tensors: Mapping[str, torch.Tensor]
    ) -> None:
        """Put back what `capture` returned, after `prepare`."""

    def save(self, model: PreTrainedModel, folder: Path) -> None:
        """Write what the user takes away, in the ecosystem's format."""
        model.save_pretrained(str(folder))

    @abstractmethod
    def load(self, base: PreTrainedModel, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Load what `save` wrote; `base` may be changed or left alone."""

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return a plain model that computes the same without this method's parts."""
        return model


def decayed_names(model: torch.nn.Module) -> set[str]:
    """Return the names of the parameters that weight decay falls on: not those of norms, and no biases.

    By the rule of transformers' Trainer (get_decay_parameter_names): torch's LayerNorm by its type, the norms
    that models bring along by their names.
    """
    from torch import nn

    norms = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, nn.LayerNorm))
    return {
        name
        for name, _ in model.named_parameters()
        if not name.startswith(norms) and not NOT_DECAYED.search(name.lower())
    }


def width_scaled_rate(shape: Shape) -> float:
    """Return LoRA's learning rate for a model of this shape, at alpha 32; full fine-tuning's follows from it.

    5e-4 at width 2000, falling with the width, faster for Llama than for Qwen: the rule of thumb of
    tinker-cookbook (hyperparam_utils), fitted in "LoRA Without Regret" (Schulman et al. 2025).
    """
    exponent = 0.0775 if shape.architecture.startswith("Qwen") else 0.781
    return 5e-4 * (2000 / max(shape.hidden_size, NARROWEST)) ** exponent


def round_rate(rate: float) -> float:
    """Return a learning rate with the two digits that a rule of thumb has."""
    return float(f"{rate:.2g}")


def find_methods() -> dict[str, type[Method]]:
    """Return every method by name, in the order of their names with full fine-tuning first."""
    package = importlib.import_module("laptime.methods")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"laptime.methods.{module.name}")
    kinds = subclasses(Method)  # type: ignore[type-abstract]
    found = {kind.name: kind for kind in kinds if "name" in vars(kind)}  # else several share it
    return dict(sorted(found.items(), key=lambda item: (item[0] != "full", item[0])))


def subclasses(kind: type[Method]) -> list[type[Method]]:
    """Return the classes that derive from `kind`, at any depth."""
    return [found for child in kind.__subclasses__() for found in (child, *subclasses(child))]


def find_method(name: str) -> type[Method]:
    """Return the method called `name`; raises UserError with the nearest name."""
    methods = find_methods()
    if name not in methods:
        raise UserError(tell_no_method("--methods", name))
    return methods[name]


def expand_methods(option: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return methods as they were named, in the place of "all" and of patterns (lora*) those that they mean.

    Raises UserError for a pattern that means none.
    """
    found: list[str] = []
    known = [name for name in find_methods() if not find_lacking(name)]
    patterns = list_patterns(names)
    for name in names:
        if not list_patterns([name]):
            if name not in found or not any(fnmatchcase(name, pattern) for pattern in patterns):
                found.append(name)
            continue
        meant = known if name == "all" else [one for one in known if fnmatchcase(one, name)]
        if absent := [one for one in find_methods() if not meant and fnmatchcase(one, name)]:
            raise UserError(f"{option}: '{name}' means {absent[0]}, which {find_lacking(absent[0])}")
        if not meant:
            raise UserError(f"{option}: no method like '{name}'; there are {', '.join(known)}")
        found += [one for one in meant if one not in found]
    return tuple(found)


def list_patterns(names: Sequence[str]) -> list[str]:
    """Return those of `names` that are patterns; "all" is one for everything."""
    return ["*" if name == "all" else name for name in names if name == "all" or set("*?[") & set(name)]


def find_lacking(name: str) -> str:
    """Return how to install what a method needs and is not here, "" where all is."""
    library, extra = find_method(name).needs
    if not library or find_spec(library) is not None:
        return ""
    return f"needs {library}; install it with pip install 'laptime[{extra}]'"


def name_libraries(name: str, optimizer: str) -> list[str]:
    """Return the libraries beyond torch, transformers and PEFT that a method and an optimizer need."""
    return sorted({find_method(name).needs[0], KINDS[optimizer].library} - {""})


def make_method(name: str, options: Mapping[str, Any]) -> Method:
    """Make the method called `name` from its plain options; raises UserError when one does not fit."""
    kind = find_method(name)
    return kind(build(kind.options_type, options))


def tell_no_method(option: str, name: str) -> str:
    """Return the line for a name that is no method: the nearest, and all, for they are few."""
    known = sorted(find_methods())
    near = suggest(name, known).partition("; known")[0]
    return f"{option}: no method '{name}'{near}{'' if near else ';'} there are {', '.join(known)}"
