"""The seam of the speedups: what one must say about itself, and what it may change.

A speedup is one file in this folder, called by the name of the speedup, with one subclass of `Speedup` and
the kernel that it puts in the place of a plain part; where its work must stand elsewhere, the file says so.
The names are known from the files alone, so that checking an option imports no torch.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec import Struct, structs

from laptime.errors import UserError, suggest
from laptime.startup.speedup_switches import is_wanted

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from laptime.decoder.decoder import Decoder
    from laptime.methods.method import Method
    from laptime.spec import TrainingSpec
    from laptime.speedups.forward import Forward

SEAM = {"speedup", "forward", "foresight", "compiled"}  # the files here that are no speedups
Claim = Literal["bitwise", "rounding", "different"]
Part = Literal["step", "load", "save"]


class NoEffect(Exception):  # noqa: N818 - no error: the run goes on without it
    """A speedup changes nothing here; the message says why, as a phrase."""


class OptimizerKernels(Struct):
    """What stands in the place of torch's AdamW and norm; see `training/optimizer.py`.

    `norm`, of all gradients, gives None, and `update` False, where they can't be used.
    """

    norm: Callable[[Sequence[torch.Tensor]], torch.Tensor | None]
    update: Callable[..., bool]


class Setup(Struct, kw_only=True):
    """What a run has put together; a speedup replaces parts of it."""

    model: PreTrainedModel
    method: Method | None  # None: the base, which is only evaluated
    training: TrainingSpec
    device: torch.device
    compute: str  # the format of the layers' arithmetic; what a spread model keeps is float32
    native_formats: frozenset[str]  # dtypes that the processor multiplies in hardware
    product_seconds: tuple[float, float] | None = None  # of a layer by C and by torch, where both were tried
    expands_heads: bool = False  # the processor's attention kernels know no grouped heads
    longest: int  # tokens of the longest example, held out or not, with those that the method puts before it
    batch_tokens: int  # of the largest batch to train on
    is_ragged: bool  # examples of several lengths share a batch
    recomputes: bool  # activations are made again in the backward pass
    example_keys: set[str]  # of the examples to train on
    cache_folder: Path  # for what is kept for later
    evaluates: bool  # a held-out set is evaluated after training
    forward: Forward
    is_spread: bool = False  # the weights lie in parts in several processes
    packs_examples: bool = False  # batches without padding
    fuses_optimizer: bool = False
    optimizer_kernels: OptimizerKernels | None = None
    saves_in_background: bool = False

    @property
    def decoder(self) -> Decoder:
        """The decoder, for speedups that need one."""
        assert self.forward.decoder is not None
        return self.forward.decoder


class Speedup(ABC):
    """One way to make the same training faster."""

    name: ClassVar[str]
    summary: ClassVar[str]  # one sentence for the list, the record and the report
    claims: ClassVar[Claim]  # against the same run without it
    needs: ClassVar[tuple[str, ...]] = ()  # speedups whose parts this one replaces
    part: ClassVar[Part] = "step"  # what of a run it makes shorter
    keeps_weights: ClassVar[bool] = False  # copies of them, so that it needs them whole
    reused: int = 0  # examples whose work an earlier run had left

    @abstractmethod
    def apply(self, setup: Setup) -> str:
        """Change `setup` and say what was done, as a phrase; raises NoEffect where there is nothing to do."""


class Outcome(Struct, frozen=True):
    """What became of one speedup in one run."""

    name: str
    claims: Claim
    ran: bool
    note: str  # what it did, or why not
    part: Part = "step"
    reused: int = 0


def speedup_names() -> list[str]:
    """Return the names of all speedups, without importing them."""
    package = importlib.import_module("laptime.speedups")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name not in SEAM)


def find_speedups() -> list[type[Speedup]]:
    """Return every speedup, those that others need first."""
    for name in speedup_names():
        importlib.import_module(f"laptime.speedups.{name}")
    kinds = sorted(Speedup.__subclasses__(), key=lambda kind: kind.name)
    ordered: list[type[Speedup]] = []
    while len(ordered) < len(kinds):
        known = {kind.name for kind in ordered}
        ordered.append(next(k for k in kinds if k.name not in known and known.issuperset(k.needs)))
    return ordered


def check_names(option: str, names: Iterable[str]) -> None:
    """Raise UserError with the nearest name for one that no speedup has."""
    known = speedup_names()
    for name in names:
        if name not in known:
            raise UserError(f"{option}: no speedup '{name}'{suggest(name, known)}")


def cannot_apply(name: str, why: str) -> UserError:
    """Return the refusal of a speedup that was asked for by name and has no effect."""
    return UserError(f"--speedups {name}: cannot apply here: {why}")


def works_inside(other: str) -> str:
    """Say why a speedup has no effect where another did not run."""
    return f"works inside {other}, which did not run"


def apply_all(setup: Setup) -> list[Outcome]:
    """Apply every speedup that is wanted and has an effect.

    Raises UserError when one that was asked for by name has none; the base, which does not train, goes on.
    """
    outcomes: dict[str, Outcome] = {}
    for kind in find_speedups():
        speedup = kind()
        ran, note = _apply(speedup, setup, outcomes)
        if not ran and setup.method and kind.name in setup.training.speedups:
            raise cannot_apply(kind.name, note)
        outcomes[kind.name] = Outcome(kind.name, kind.claims, ran, note, kind.part, speedup.reused)
    return list(outcomes.values())


def _apply(speedup: Speedup, setup: Setup, outcomes: dict[str, Outcome]) -> tuple[bool, str]:
    """Apply one speedup; returns whether it ran and what it did or why not."""
    if not is_wanted(speedup.name, structs.asdict(setup.training)):
        return False, "switched off"
    for name in speedup.needs:
        if not outcomes[name].ran:
            return False, works_inside(name)
    if setup.is_spread and speedup.keeps_weights:
        return False, "the weights are spread over several devices"
    try:
        return True, speedup.apply(setup)
    except NoEffect as reason:
        return False, str(reason)
