"""The oldest versions that Laptime runs with; a test holds them to those of pyproject.toml.

Some are there for what an older version lets in: torch before 2.10 corrupts memory on hostile weights
(CVE-2026-24747), transformers before 5.3 runs code that a config.json names (CVE-2026-4372), jinja2 before
3.1.6 lets a template out of its sandbox (CVE-2025-27516), filelock before 3.20.3 follows planted links
(CVE-2025-68146, CVE-2026-22701).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import metadata

from laptime.errors import UserError

FLOORS = {
    "torch": "2.10",
    "transformers": "5.3",
    "peft": "0.21",
    "numpy": "1.26",
    "safetensors": "0.5",
    "tokenizers": "0.22",
    "huggingface_hub": "1.0",
    "click": "8.2",
    "rich": "14",
    "msgspec": "0.19",
    "pyyaml": "6",
    "jinja2": "3.1.6",
    "scipy": "1.13",
    "sacrebleu": "2.5",
    "pyarrow": "18",
    "filelock": "3.20.3",
}
_VERSION = re.compile(r"(\d+(?:\.\d+)*)((?:\.?dev|a|b|rc)\d*)?")


def check_floors(
    floors: Mapping[str, str] = FLOORS, version_of: Callable[[str], str] = metadata.version
) -> None:
    """Raise UserError naming every package that is older than its floor; imports none of them."""
    old = []
    for name, floor in floors.items():
        try:
            installed = version_of(name)
        except metadata.PackageNotFoundError:
            installed = ""
        if not installed:
            old.append(f"{name} is not installed, {floor} or newer is needed")
        elif is_older(installed, floor):
            old.append(f"{name} {installed} is too old, {floor} or newer is needed")
    if old:
        names = " ".join(f"'{name}>={floors[name]}'" for name in (line.split()[0] for line in old))
        raise UserError(f"{'; '.join(old)}; pip install {names}")


def is_older(version: str, floor: str) -> bool:
    """Tell whether `version` comes before `floor`; a development version or candidate of the floor does."""
    found = _VERSION.match(version)
    if found is None:
        return True
    release, wanted = _numbers(found[1]), _numbers(floor)
    return release < wanted or (release == wanted and found[2] is not None)


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a release without the zeros at its end: 2.10.0 -> (2, 10)."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
