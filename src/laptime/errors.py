"""What a user did that cannot work, told in one line."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, time

from laptime.credentials import holds_login

_TURNING = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}  # direction of text
SHOWN_SOURCES = 5
LONGEST_SHOWN = 80  # letters of a path in a message


class UserError(Exception):
    """A mistake in what the user gave: one line that names the place and says what to do (exit code 2)."""


@contextmanager
def told_of(place: str) -> Iterator[None]:
    """Let a UserError raised in the block begin with `place`: whose options it is about."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{place}{error}") from None


def without_remedy(message: str) -> str:
    """Return the line of a UserError without what it asks for, where the remedy is applied at once."""
    return message.rpartition("; ")[0] or message


MOST_CHOICES = 20  # that a line names


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the choice nearest to `word`, else the list of choices."""
    choices = sorted(set(choices))
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(choices)}" if len(choices) <= MOST_CHOICES else ""


def is_harmful(letter: str) -> bool:
    """Tell whether a letter may do something other than be seen: a control, a half, a turn of direction."""
    category = unicodedata.category(letter)
    return letter in _TURNING or category in ("Cc", "Cs") or letter in "\ufffe\uffff"


def check_path(path: str, option: str) -> None:
    """Raise UserError for a path that no terminal and no shell could show as it is, or that is no path."""
    if holds_login(path):
        raise UserError(f"{option}: an address with a name or a password in it; give a path without")
    if found := next((letter for letter in path if is_harmful(letter)), None):
        shown = ascii(path if len(path) <= LONGEST_SHOWN else path[: LONGEST_SHOWN - 3] + "...")
        raise UserError(f"{option}: a path with {ascii(found)[1:-1]} in it ({shown}); give one without")


def name_sources(sources: list[str], shown: int = SHOWN_SOURCES, count: int | None = None) -> str:
    """Return the first places and how many more there are; `count` where not all of them are given."""
    more = (len(sources) if count is None else count) - shown
    return ", ".join(sources[:shown]) + (f" and {more} more" if more > 0 else "")


def show_value(value: object) -> str:
    """Return a value as a file of options writes it: false, null, 2024-01-01, 'text', ['a', true]."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(show_value, value))}]"
    return str(value) if isinstance(value, (date, time)) else repr(value)


def ask_for_quotes(value: object) -> str:
    """Return what to do where a file gave a number, a truth or a date for text: YAML's `no` is false."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    is_other = any(isinstance(part, (bool, int, float, date, time)) for part in parts)
    return "; put it in quotes" if is_other else ""


def readable(name: object, length: int = 40) -> str:
    """Return a name from the data so that a message can show it: short and on one line."""
    text = str(name)
    text = text if len(text) <= length else text[: length - 3] + "..."
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
