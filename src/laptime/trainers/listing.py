"""What `laptime trainers` says and does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from laptime.errors import UserError
from laptime.spec import OURS
from laptime.trainers.environments import (
    add_environment,
    find_environment,
    folder_of,
    name_environment,
    remove_environment,
    tell_absence,
)
from laptime.trainers.trainer import Trainer, find_trainer, find_trainers


def list_trainers() -> Iterator[str]:
    """Yield a line for each trainer: its name, what it is, what it runs, what is installed."""
    trainers = find_trainers()
    width = max(map(len, trainers))
    for trainer in trainers.values():
        methods = "all methods" if trainer.methods is None else ", ".join(trainer.methods)
        where = " on CUDA GPUs alone" if trainer.needs_cuda else ""
        yield f"{trainer.name:{width}}  {trainer.summary} ({methods}{where}): {tell_installed(trainer)}"


def tell_installed(trainer: Trainer) -> str:
    """Return what of a trainer is installed, or how it is added."""
    if trainer.name == OURS:
        return "always there"
    environment = find_environment(trainer.name)
    if environment is None:
        return tell_absence(trainer)
    versions = ", ".join(f"{name} {version}" for name, version in environment.versions.items())
    return f"{versions}, in {environment.python}"


def add(name: str, python: str | None, say: Callable[[str], None]) -> None:
    """Install the trainer called `name`, or take the Python that a user has for it; raises UserError."""
    trainer = find_other(name)
    environment = add_environment(trainer, say) if python is None else name_environment(trainer, python)
    versions = ", ".join(f"{package} {version}" for package, version in environment.versions.items())
    say(f"{trainer.title} is ready: {versions}")


def remove(name: str) -> str:
    """Remove the trainer called `name`; returns the line that says so. Raises UserError."""
    trainer = find_other(name)
    if not remove_environment(name):
        raise UserError(f"laptime trainers remove {name}: not installed")
    return f"{trainer.title} is removed from {folder_of(name)}"


def find_other(name: str) -> Trainer:
    """Return the trainer called `name`, which is not ours; raises UserError."""
    trainer = find_trainer(name, "laptime trainers")
    if name == OURS:
        raise UserError("laptime trainers: laptime itself is always there")
    return trainer
