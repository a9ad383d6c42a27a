"""Where laptime keeps what later runs find again."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """Return the folder for it, which need not exist yet."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))  # a relative one counts as not set, says its standard
    return (given if given.is_absolute() else Path.home() / ".cache") / "laptime"


def shared_prefixes() -> Path:
    """Return the folder for the hidden states that --reuse-cache keeps."""
    return user_cache() / "prefix"
