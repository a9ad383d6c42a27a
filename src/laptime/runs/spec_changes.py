"""In which options two specs differ, by the names that a user gives them.

What an earlier version wrote lacks the options that came later. It is read as if it held their defaults: an
option comes with a default that does what was done before there was the option.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from laptime.methods.method import find_methods, make_method
from laptime.spec import WITHOUT_EFFECT, CompareSpec, ContestantSpec, RunSpec, flag
from laptime.util.atomic import as_read

# The one that did not: before there were speedups, every run was what --plain is now.
DONE_BEFORE = {"training": {"plain": True}}


def complete_comparison(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a CompareSpec of plain values with every option of today."""
    full = _fill(spec, as_read(CompareSpec()))
    racing = {*full["methods"], *(one.get("method") for one in full["contestants"]), *full["method_options"]}
    known = {method: _default_options(method) for method in racing & find_methods().keys()}
    full["method_options"] = _fill(full["method_options"], known)
    plain = as_read(ContestantSpec(name="", method=""))
    return full | {"contestants": [plain | one for one in full["contestants"]]}


def complete_run(spec: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return a RunSpec of plain values, of a run with `method`, with every option of today."""
    options = _default_options(method) if method in find_methods() else {}
    return _fill(spec, _run_defaults() | {"method": method, "method_options": options})


@cache  # every record that is read is completed by it
def _run_defaults() -> dict[str, Any]:
    """Return a run's options where none is given."""
    options: dict[str, Any] = as_read(RunSpec(method=""))
    return options


@cache
def _default_options(method: str) -> dict[str, Any]:
    """Return what a method's own options are where none is given."""
    options: dict[str, Any] = as_read(make_method(method, {}).options)
    return options


def _fill(spec: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values with the default, or what was done before, in the place of what is not there."""
    full = {**defaults, **spec}
    for section, values in defaults.items():
        if isinstance(values, dict) and isinstance(full[section], dict):
            before = DONE_BEFORE.get(section, {}) if section in spec else {}
            full[section] = {**values, **before, **full[section]}
    return full


def name_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the options in which the specs of two comparisons differ, a contestant by its name."""
    old, new = complete_comparison(old), complete_comparison(new)
    keys = differing_keys(old, new)
    changed = [flag(name) for name in sorted(keys - {"contestants"})]
    before, after = (
        {one["name"]: one for one in spec["contestants"] if not one["is_between"]} for spec in (old, new)
    )
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not names and list(before) != list(after):
        changed.append("--contestant in another order")
    return [*changed, *(f"--contestant {name}" for name in names)]


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    """Return the names of the options in which two complete specs differ; those without effect may."""
    keys: set[str] = set()
    for key in (old.keys() | new.keys()) - WITHOUT_EFFECT:
        before, after = old.get(key), new.get(key)
        if key == "method_options" and _list_methods(old) != _list_methods(new):
            continue  # other methods have other options: the methods say it
        if isinstance(before, dict) and isinstance(after, dict):
            keys |= differing_keys(before, after)
        elif before != after:
            keys.add(key)
    return keys


def _list_methods(spec: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the methods that race by themselves, and those of contestants."""
    return spec.get("methods"), [one.get("method") for one in spec.get("contestants", [])]
