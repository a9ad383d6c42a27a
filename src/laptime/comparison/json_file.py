"""JSON files that a reader never sees half of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from laptime.whole_file import write_whole


def write_json(path: Path, value: Any) -> Path:
    """Write `value` as indented JSON, aside and then in one move; returns `path`."""
    return write_whole(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
