"""One row of a data file, whatever its format."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Row(Struct):
    """One row as it stands in the file; `fault` says why there are no values."""

    source: str
    values: dict[str, Any] | None
    fault: str = ""
