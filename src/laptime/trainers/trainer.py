"""The seam of the trainers: what each must say of itself, and how they are found.

A trainer is one file in this folder: constants that say what it is, and `train(run)`, which trains once
inside its own Python (peer/peer_run.py has the run). Such a file imports the standard library alone, and
what its trainer needs inside its functions: Laptime reads the constants and never calls `train`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from msgspec import Struct

from laptime.errors import UserError, suggest
from laptime.spec import OURS


class Trainer(Struct, frozen=True, kw_only=True):
    """One trainer; `methods` are those that it can run, None for all that there are."""

    name: str
    title: str
    summary: str  # one phrase
    packages: tuple[str, ...]  # as pip takes them, versions pinned
    methods: tuple[str, ...] | None
    file: Path
    needs_cuda: bool = False
    environment: Mapping[str, str] = {}  # variables of its process

    def runs(self, method: str) -> bool:
        """Tell whether it can run a method."""
        return self.methods is None or method in self.methods

    def tell_methods(self) -> str:
        """Return the methods that it can run, of a trainer that has not all."""
        return " and ".join(self.methods or ())


def find_trainers() -> dict[str, Trainer]:
    """Return every trainer by name, ours first."""
    package = importlib.import_module("laptime.trainers")
    names = [found.name for found in pkgutil.iter_modules(package.__path__) if not found.ispkg]
    modules = {name: importlib.import_module(f"laptime.trainers.{name}") for name in names}
    found = [_read_trainer(name, module) for name, module in modules.items() if hasattr(module, "TITLE")]
    return {one.name: one for one in sorted(found, key=lambda one: (one.name != OURS, one.name))}


def _read_trainer(name: str, module: ModuleType) -> Trainer:
    """Return what the file of a trainer says."""
    assert module.__file__
    return Trainer(
        name=name,
        title=module.TITLE,
        summary=module.SUMMARY,
        packages=module.PACKAGES,
        methods=module.METHODS,
        file=Path(module.__file__),
        needs_cuda=getattr(module, "NEEDS_CUDA", False),
        environment=getattr(module, "ENVIRONMENT", {}),
    )


def find_trainer(name: str, place: str = "--trainers") -> Trainer:
    """Return the trainer called `name`; raises UserError, which begins with `place`."""
    trainers = find_trainers()
    if name not in trainers:
        near = suggest(name, trainers).partition("; known")[0]
        known = ", ".join(trainers)
        raise UserError(f"{place}: no trainer '{name}'{near or ';'} there are {known}")
    return trainers[name]


def check_method(name: str, method: str, place: str = "--trainers") -> None:
    """Raise UserError where the trainer called `name` cannot run `method`."""
    trainer = find_trainer(name, place)
    if not trainer.runs(method):
        raise UserError(f"{place}: {name} has no {method}; through it race {trainer.tell_methods()}")
