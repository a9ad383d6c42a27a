"""Methods that "all" or a pattern means and that can't race: left out and said; named ones are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from laptime.errors import UserError
from laptime.memory_estimate import FLOAT32_BYTES
from laptime.methods.method import expand_methods, find_lacking, find_methods, list_patterns, make_method
from laptime.models.config_shape import foresee_shape
from laptime.models.shape import Shape
from laptime.models.source import locate_model
from laptime.options.flags import section_values, split_list
from laptime.spec import OURS, CompareSpec, ModelSpec
from laptime.trainers.trainer import find_trainer


def choose_methods(values: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """Return the methods that `names` name, and of those that its patterns mean the ones that can race."""
    left_out = find_left_out(values, names)
    return tuple(name for name in expand_methods("--methods", names) if name not in left_out)


def find_left_out(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Return by name why methods that patterns in `names` mean can't race, as far as config.json tells.

    `values` are the options of the race. Where no method at all can, none is left out, to be refused for what
    keeps it from racing. Raises UserError where there is no such model.
    """
    methods = expand_methods("--methods", names)
    meant = [name for name in methods if name not in names]
    if not meant:
        return {}
    trainers = split_list("--trainers", values.get("trainers", OURS))
    source = locate_model(section_values(ModelSpec, values), download=False)
    shape = foresee_shape(source.config)
    reasons = {name: find_obstacle(name, trainers, shape) for name in meant}
    left_out = {name: reason for name, reason in reasons.items() if reason}
    return left_out if len(left_out) < len(methods) else {}


def find_lacking_of(names: Sequence[str]) -> dict[str, str]:
    """Return by name what methods that patterns in `names` mean would need and is not installed."""
    patterns = list_patterns(names)
    lacking = {name: find_lacking(name) for name in find_methods() if name not in names}
    return {
        name: reason
        for name, reason in lacking.items()
        if reason and any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def find_obstacle(name: str, trainers: Sequence[str], shape: Shape | None) -> str:
    """Return why a method can't train a model of this shape through all `trainers`, "" where it can."""
    for trainer in map(find_trainer, trainers):
        if not trainer.runs(name):
            return f"{trainer.name} has {trainer.tell_methods()}"
    try:
        if shape:
            make_method(name, {}).cost(shape, FLOAT32_BYTES)
    except UserError as error:
        return str(error).removeprefix(f"{name}: ")
    return ""


def tell_left_out(values: Mapping[str, Any]) -> list[str]:
    """Return a line for each reason for which methods that a pattern means do not race."""
    names = section_values(CompareSpec, values).methods
    by_reason: dict[str, list[str]] = {}
    for name, reason in [*find_lacking_of(names).items(), *find_left_out(values, names).items()]:
        by_reason.setdefault(reason, []).append(name)
    return [f"left out: {', '.join(found)}: {reason}" for reason, found in by_reason.items()]
