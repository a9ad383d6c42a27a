"""Phrases that were written down in English, found again with their places filled, and put into Korean.

A name between braces stands for anything, which is put into the Korean phrase and, where it is such a phrase
itself, put into Korean too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from laptime.report.language import Word

_DEEPEST = 4  # phrases within phrases
_PLACE = re.compile(r"\{(\w+)\}")


class OpenPhrase(NamedTuple):
    """A phrase with places: its longest words, what matches it, its Korean, and what stands in quotes."""

    words: str
    pattern: str
    korean: str
    quoted: frozenset[str]
    num_letters: int  # of its own


class Said(NamedTuple):
    """A phrase in Korean, and how many letters of the English are the phrase's own: the more, the surer."""

    korean: str
    num_letters: int


class Phrasebook:
    """English phrases and the Korean for each."""

    def __init__(self, phrases: Mapping[str, str]) -> None:
        self._whole = {plain(english): plain(korean) for english, korean in phrases.items()
                       if not _PLACE.search(english)}  # fmt: skip
        places = {english: korean for english, korean in phrases.items() if _PLACE.search(english)}
        most_words_first = sorted(places, key=lambda english: -len(_PLACE.sub("", english)))
        self._open = [open_phrase(english, places[english]) for english in most_words_first]

    def say(self, text: str, deep: int = _DEEPEST) -> str | None:
        """Return a phrase in Korean, and what it quotes too; None for one that is not known."""
        found = self.find(text, deep)
        return found.korean if found else None

    def find(self, text: str, deep: int = _DEEPEST) -> Said | None:
        """Return what `say` does, with how sure it is."""
        if text in self._whole:
            return Said(self._whole[text], len(text))
        for phrase in self._open if deep else ():
            if phrase.words in text and (found := re.fullmatch(phrase.pattern, text, re.DOTALL)):
                filled = self._fill(phrase, found.groupdict(), deep - 1)
                return Said(phrase.korean.format(**filled), phrase.num_letters)
        return None

    def _fill(self, phrase: OpenPhrase, values: Mapping[str, str], deep: int) -> dict[str, Word]:
        """Return what stands in the places: what is quoted is somebody's word, and stays."""
        return {
            name: Word(value if name in phrase.quoted else self.say(value, deep) or value)
            for name, value in values.items()
        }


def plain(phrase: str) -> str:
    """Return a phrase without places as it is printed: of two braces one is left."""
    return phrase.replace("{{", "{").replace("}}", "}")


def open_phrase(english: str, korean: str) -> OpenPhrase:
    """Return what finds a phrase with its places filled."""
    parts = re.split(r"\{(\w+)\}", english)
    quoted = frozenset(re.findall(r"'\{(\w+)\}'", english))
    own = [plain(part) for part in parts[::2]]
    return OpenPhrase(max(own, key=len), _as_pattern(parts), korean, quoted, sum(map(len, own)))


def _as_pattern(parts: Iterable[str]) -> str:
    """Return the pattern of a phrase whose even parts are words and whose odd ones are names of places.

    A number, and what counts, is a number; anything else is as short as it can be.
    """
    pattern = ""
    for place, part in enumerate(parts):
        number = part in _NUMBERS
        pattern += (
            (f"(?P<{part}>{'[0-9.,e+-]+' if number else '.+?'})") if place % 2 else re.escape(plain(part))
        )
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
