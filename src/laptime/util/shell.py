"""Command lines as a user can type them."""

from __future__ import annotations

import shlex
from pathlib import Path


def shell_command(*words: str | Path) -> str:
    """Return a command line that a shell reads as these words."""
    return shlex.join(str(word) for word in words)
