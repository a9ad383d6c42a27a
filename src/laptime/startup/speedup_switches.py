"""Which speedups the user leaves on; imports nothing, for it is asked before anything else begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_wanted(name: str, training: Mapping[str, Any]) -> bool:
    """Tell whether the user's training options leave a speedup on."""
    if name in training.get("speedups", ()):
        return True
    return not training.get("plain") and name not in training.get("without", ())
