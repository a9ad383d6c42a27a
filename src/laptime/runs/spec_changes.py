"""In which options two specs differ, by the names that a user gives them."""

from __future__ import annotations

from typing import Any

from laptime.spec import OURS, WITHOUT_EFFECT, flag

# What contestants of plans before version 5 were, without saying it.
IN_OLD_PLANS = {"trainer": OURS, "as_it_comes": False}


def name_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the options in which the specs of two comparisons differ, a contestant by its name."""
    keys = differing_keys(old, new)
    changed = [flag(name) for name in sorted(keys - {"contestants"})]
    before, after = (
        {one.get("name"): IN_OLD_PLANS | one for one in spec.get("contestants", [])} for spec in (old, new)
    )
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not names and list(before) != list(after):
        changed.append("--contestant in another order")
    return [*changed, *(f"--contestant {name}" for name in names)]


def differing_keys(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """Return the names of the options in which two specs differ; those without effect may."""
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


def _list_methods(spec: dict[str, Any]) -> tuple[Any, ...]:
    """Return the methods that race by themselves, and those of contestants."""
    return spec.get("methods"), [one.get("method") for one in spec.get("contestants", [])]
