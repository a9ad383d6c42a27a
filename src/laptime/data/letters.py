"""The different letters of many texts, in order of appearance."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

NUM_LETTERS = 0x110000  # as many as Unicode has


class Letters:
    """Every letter that was added, once."""

    def __init__(self) -> None:
        self.known: list[str] = []
        self._is_known = numpy.zeros(NUM_LETTERS, bool)

    def add(self, text: str) -> str:
        """Add the letters of a text; returns those that were in no text before."""
        codes = codes_of(text)
        new = [chr(code) for code in dict.fromkeys(codes[~self._is_known[codes]].tolist())]
        self._is_known[codes] = True
        self.known += new
        return "".join(new)


def codes_of(text: str) -> NDArray[numpy.uint32]:
    """Return the number of every letter."""
    return numpy.frombuffer(text.encode("utf-32-le", "surrogatepass"), numpy.uint32)
