"""The commands that a message names: how to go on with what lies in a folder."""

from __future__ import annotations

from pathlib import Path

from laptime.comparison.race import SPEC_FILE
from laptime.util.shell import shell_command


def compare_again(folder: Path) -> str:
    """Return the command that goes on with the comparison in `folder`."""
    return shell_command("laptime", "compare", "--config", folder / SPEC_FILE, "--out", folder)


def as_word(folder: Path) -> str:
    """Return a folder as a command takes it for no option."""
    return f"./{folder}" if str(folder).startswith("-") else str(folder)
