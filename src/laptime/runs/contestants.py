"""Who races: a name and the spec of its runs. A method that stands twice races against itself.

What one contestant's runs do is made here and nowhere else: the comparison's spec, and over it what the
contestant has for itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from laptime.spec import OURS, SECTIONS, CompareSpec, RunSpec, flag

_AGAIN = re.compile(r"(.+)-(\d{1,4})")


class Contestant(Struct, frozen=True, kw_only=True):
    """One of those that race; `name` tells it from the others, in rows and in the names of runs."""

    name: str
    run_spec: RunSpec
    differs: dict[str, Any] = {}  # its own options by name, as the user gave them
    is_between: bool = False  # on the way from one row to another, and none itself

    @property
    def method(self) -> str:
        """The method that it trains with."""
        return self.run_spec.method

    @property
    def place(self) -> str:
        """What a message about its options begins with: "" for a method, whose options are everyone's."""
        return f"--contestant {self.name}: " if self.differs else ""


def list_contestants(spec: CompareSpec) -> list[Contestant]:
    """Return the contestants as the user gave them, methods first: lora,lora gives lora and lora-2."""
    methods = zip(name_contestants(spec.methods), spec.methods, strict=True)
    entrants = [*methods, *((one.name, one.method) for one in spec.contestants)]
    own = {one.name: one.differs for one in spec.contestants}
    between = {one.name for one in spec.contestants if one.is_between}
    return [
        Contestant(
            name=name,
            run_spec=make_run_spec(spec, name, method),
            differs=own.get(name, {}),
            is_between=name in between,
        )
        for name, method in entrants
    ]


def make_run_spec(spec: CompareSpec, name: str, method: str, number: int = 1) -> RunSpec:
    """Return the spec of the run of contestant `name` in round `number`."""
    plain = run_options(msgspec.to_builtins(spec), name, method)
    return msgspec.convert(plain | {"method": method, "round": number}, RunSpec)


def run_options(spec: Mapping[str, Any], name: str, method: str) -> dict[str, Any]:
    """Return the sections of the RunSpec of contestant `name` from a CompareSpec, both as plain values."""
    own = _find_own(spec, name)
    options = {section: spec[section] for section in SECTIONS if section in spec}
    if "training" in options:
        options["training"] = {**options["training"], **own.get("training", {})}
    shared = spec.get("method_options", {}).get(method, {})
    options["method_options"] = {**shared, **own.get("method_options", {})}
    return options | _find_trainer(own)


def own_options(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the options that contestant `name` has for itself in a CompareSpec of plain values."""
    own = _find_own(spec, name)
    return {**_find_trainer(own), **own.get("method_options", {}), **own.get("training", {})}


def _find_trainer(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return who trains a contestant and how, where that is not our own trainer."""
    theirs = {"trainer": own["trainer"]} if own.get("trainer", OURS) != OURS else {}
    return theirs | ({"as_it_comes": True} if own.get("as_it_comes") else {})


def _find_own(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what a CompareSpec of plain values holds of contestant `name`; plans of version 3 hold none."""
    return next((one for one in spec.get("contestants", ()) if one.get("name") == name), {})


def tell_options(options: Mapping[str, Any]) -> str:
    """Return options as one types them: "--lora-rank 64 --plain"."""
    return " ".join(
        flag(name) if value is True else f"{flag(name)} {tell_value(value)}"
        for name, value in options.items()
    )


def tell_value(value: Any) -> str:
    """Return a value as one types it."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    if value is None:
        return "default"
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if value is False else str(value)


def name_contestants(methods: Iterable[str]) -> list[str]:
    """Return a name for each of `methods`: its own, and lora-2, lora-3 where it comes again."""
    seen: Counter[str] = Counter()
    names = []
    for method in methods:
        seen[method] += 1
        names.append(method if seen[method] == 1 else f"{method}-{seen[method]}")
    return names


def split_name(name: str) -> tuple[str, int]:
    """Return the method in the name of one that is called as its method, and which of its kind it is.

    lora-2 gives lora and 2; a name that the user gave is itself, and the first.
    """
    found = _AGAIN.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, 1)
