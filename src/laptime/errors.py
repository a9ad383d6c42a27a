"""What a user did that cannot work, told in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave: one line that names the place and says what to do (exit code 2)."""


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the choice nearest to `word`, else the list of choices."""
    choices = sorted(set(choices))
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(choices)}" if len(choices) <= 12 else ""


def readable(name: object, length: int = 40) -> str:
    """Return a name from the data so that a message can show it: short and on one line."""
    text = str(name)
    text = text if len(text) <= length else text[: length - 3] + "..."
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
