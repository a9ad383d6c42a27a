"""Phrases that a record holds in English, in the language of the report."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from laptime.report.language import Language, Word
from laptime.report.recorded_ko import PHRASES

_DEEPEST = 4  # phrases within phrases
_LONGEST = 600  # letters of a phrase that is put into another language: more is somebody's text


def say_recorded(text: str, language: Language) -> str:
    """Return a phrase of a record in the language of the report; one that is not known stays as it is."""
    return text if language.code == "en" or len(text) > _LONGEST else _translate(text, _DEEPEST)


def _translate(text: str, deep: int) -> str:
    """Return a phrase in Korean, and what it quotes too."""
    if text in PHRASES:
        return PHRASES[text]
    for pattern, korean in _patterns() if deep else ():
        if found := pattern.fullmatch(text):
            words = {name: Word(_translate(value, deep - 1)) for name, value in found.groupdict().items()}
            return korean.format(**words)
    return text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return what matches a phrase with its places filled, those with most words of their own first."""
    open_ones = [(english, korean) for english, korean in PHRASES.items() if "{" in english]
    open_ones.sort(key=lambda pair: -len(re.sub(r"\{\w+\}", "", pair[0])))
    return [(re.compile(_as_pattern(re.split(r"\{(\w+)\}", english)), re.DOTALL), korean)
            for english, korean in open_ones]  # fmt: skip


def _as_pattern(parts: Iterable[str]) -> str:
    """Return the pattern of a phrase whose even parts are words and whose odd ones are names of places.

    A number, and what counts, is a number; anything else is as short as it can be.
    """
    pattern = ""
    for place, part in enumerate(parts):
        number = part in _NUMBERS
        pattern += (f"(?P<{part}>{'[0-9.,e+-]+' if number else '.+?'})") if place % 2 else re.escape(part)
    return pattern


_NUMBERS = {
    "activations",
    "held",
    "needed",
    "room",
    "number",
    "all",
    "groups",
    "left",
    "most",
    "others",
    "tokens",
    "words",
    "share",
}
