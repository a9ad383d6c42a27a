"""Where result files go, and what of their names tells the machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine_name(facts: dict[str, Any]) -> str:
    """Return the processor's name as part of a file's name."""
    words = re.sub(r"[^0-9A-Za-z]+", "_", str(facts.get("gpu") or facts.get("cpu") or "unknown machine"))
    return words.strip("_").lower()
