"""Who races: a name, a method and its options. A method that stands twice races against itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from laptime.spec import CompareSpec

_AGAIN = re.compile(r"(.+)-(\d{1,4})")


class Contestant(Struct, frozen=True, kw_only=True):
    """One of those that race; `name` tells it from the others, in rows and in the names of runs."""

    name: str
    method: str
    options: dict[str, Any] = {}


def list_contestants(spec: CompareSpec) -> list[Contestant]:
    """Return the contestants in the order that the user gave: lora,lora gives lora and lora-2."""
    return [
        Contestant(name=name, method=method, options=spec.method_options.get(method, {}))
        for name, method in zip(name_contestants(spec.methods), spec.methods, strict=True)
    ]


def name_contestants(methods: Iterable[str]) -> list[str]:
    """Return a name for each of `methods`: its own, and lora-2, lora-3 where it comes again."""
    seen: Counter[str] = Counter()
    names = []
    for method in methods:
        seen[method] += 1
        names.append(method if seen[method] == 1 else f"{method}-{seen[method]}")
    return names


def split_name(name: str) -> tuple[str, int]:
    """Return the method in a contestant's name, and which of its kind it is: lora-2 gives lora and 2."""
    found = _AGAIN.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, 1)
