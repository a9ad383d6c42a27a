"""Which Laptime this is, to the commit where it runs from its source."""

from __future__ import annotations

import subprocess
from pathlib import Path

from laptime import __version__


def full_version() -> str:
    """Return the version, with the commit (and -dirty) appended in a git checkout: 0.1.0+g1a2b3c4d5e6f."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return __version__
    words = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        commit = subprocess.run(words, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return __version__
    return f"{__version__}+g{commit}" if commit else __version__
