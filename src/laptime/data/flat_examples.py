"""Encoded examples put one behind another as they come, so that few of them are in memory at a time."""

from __future__ import annotations

import hashlib
from array import array
from itertools import pairwise
from typing import Any

import numpy
from numpy.typing import NDArray

from laptime.data.encoded import TOKEN, TRAINED, Buffers, EncodedExamples
from laptime.data.spool import Heap


class FlatExamples:
    """Example sets one behind another, with the digest of their token ids and trained positions."""

    def __init__(self) -> None:
        self._words, self._sources = Heap(), Heap()
        self._begins, self._source_begins = array("Q", [0]), array("Q", [0])
        self._cuts = array("I")
        self._sets: list[int] = []  # where each begins
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The SHA-256 over token ids and trained positions of the sets, in order."""
        return self._digest.hexdigest()

    @property
    def num_bytes(self) -> int:
        """How much the examples take so far."""
        numbers = len(self._cuts) * (2 * self._begins.itemsize + self._cuts.itemsize)
        return self._words.num_bytes + self._sources.num_bytes + numbers

    def begin_set(self) -> None:
        """Say that the examples to come are a set of their own."""
        self._sets.append(len(self._cuts))
        self._digest.update(b"set")

    def add(self, words: NDArray[Any], begins: NDArray[Any], cuts: NDArray[Any], sources: list[str]) -> None:
        """Put examples behind those that are there; example i has words[begins[i]:begins[i + 1]]."""
        self._begins.frombytes((begins[1:] + self._words.num_bytes // 4).astype(numpy.uint64).tobytes())
        self._words.append(words.data.cast("B"))
        self._cuts.frombytes(cuts.astype(numpy.uint32).tobytes())
        texts = [source.encode() for source in sources]
        ends = numpy.cumsum([len(text) for text in texts]) + self._sources.num_bytes
        self._source_begins.frombytes(ends.astype(numpy.uint64).tobytes())
        self._sources.append(b"".join(texts))
        self._digest.update(_digested(words, begins.tolist()))

    def finish(self) -> list[EncodedExamples]:
        """Return the sets."""
        buffers = Buffers(
            words=self._words.view().cast("I"),
            begins=memoryview(self._begins),
            cuts=memoryview(self._cuts),
            sources=self._sources.view(),
            source_begins=memoryview(self._source_begins),
        )
        ends = [*self._sets[1:], len(self._cuts)]
        return [EncodedExamples(buffers, *places) for places in zip(self._sets, ends, strict=True)]


def _digested(words: NDArray[Any], begins: list[int]) -> bytes:
    """Return what the digest takes in: of each example its length, token ids and trained positions."""
    ids, trained = (words & TOKEN).tobytes(), (words >= TRAINED).tobytes()
    taken: list[bytes] = []
    for begin, end in pairwise(begins):
        taken += ((end - begin).to_bytes(4, "little"), ids[4 * begin : 4 * end], trained[begin:end])
    return b"".join(taken)
