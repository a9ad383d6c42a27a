"""Says which installed or pinned packages have a known hole; needs no network.

    python tools/audit/audit.py

advisories.json holds what was known on the day that it names, of the packages that read what others wrote.
It is no substitute for asking a database of today: `make audit` does that where there is a network. Exit
code 1 when a package of this environment or a pin of constraints.txt is named by an advisory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.version import Version

HERE = Path(__file__).parent
PINS = HERE.parents[1] / "constraints.txt"


def is_named(version: str, advisory: dict[str, Any]) -> bool:
    """Tell whether an advisory names a version."""
    here = Version(version)
    return Version(advisory.get("from", "0")) <= here < Version(advisory["before"])


def read_pins(file: Path) -> dict[str, str]:
    """Return the pinned versions by name."""
    lines = [line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return {
        name.lower(): version for name, found, version in (line.partition("==") for line in lines) if found
    }


def installed(name: str) -> str | None:
    """Return the installed version of a package, None where it is absent."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def find_holes(advisories: list[dict[str, Any]], pins: dict[str, str]) -> Iterator[str]:
    """Yield a line for each hole, in this environment or in the pins."""
    for advisory in advisories:
        name = advisory["package"]
        for where, version in (("installed", installed(name)), ("pinned", pins.get(name))):
            if version and is_named(version, advisory):
                yield f"{name} {version} ({where}): {advisory['id']}, {advisory['what']}"


def main() -> None:
    """Print every hole; exit code 1 when there is one."""
    known = json.loads((HERE / "advisories.json").read_text(encoding="utf-8"))
    holes = list(find_holes(known["advisories"], read_pins(PINS)))
    for line in holes:
        print(line)
    print(f"{len(known['advisories'])} advisories as of {known['as_of']}: {len(holes)} apply")
    sys.exit(1 if holes else 0)


if __name__ == "__main__":
    main()
