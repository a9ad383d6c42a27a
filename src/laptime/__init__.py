"""Laptime: race full fine-tuning, LoRA and their relatives on your own data.

`laptime.compare`, `laptime.train` and `laptime.read` do from Python what the commands do (laptime.api);
`laptime.watch` shows a race in a notebook while it runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from laptime.api import Results, compare, read, train
    from laptime.errors import UserError
    from laptime.live.notebook import watch

__version__ = "0.1.0"
__all__ = ["Results", "UserError", "compare", "read", "train", "watch"]


def __getattr__(name: str) -> Any:
    """Import a part of the API when it is first asked for: the command line is there at once."""
    if name not in __all__:
        raise AttributeError(f"module 'laptime' has no attribute '{name}'")
    home = {"UserError": "laptime.errors", "watch": "laptime.live.notebook"}.get(name, "laptime.api")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """Return the names of the API."""
    return sorted([*__all__, "__version__"])
