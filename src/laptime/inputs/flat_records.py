"""Encoded records put one behind another as they come, so that few of them are in memory at a time."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence

import numpy

from laptime.inputs.encoded import TOKEN, TRAINED, Buffers, EncodedRecord, EncodedRecords
from laptime.inputs.spool import Heap


class FlatRecords:
    """Record sets one behind another, with the digest of their token ids and trained positions."""

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

    def begin_set(self) -> None:
        """Say that the records to come are a set of their own."""
        self._sets.append(len(self._cuts))
        self._digest.update(b"set")

    def add(self, records: Sequence[EncodedRecord]) -> None:
        """Put records behind those that are there."""
        for record in records:
            self._words.append(memoryview(record.words).cast("B"))  # type: ignore[arg-type]
            self._begins.append(self._words.num_bytes // 4)
            self._sources.append(record.source.encode())
            self._source_begins.append(self._sources.num_bytes)
            self._cuts.append(record.cut)
        self._digest.update(_digested(records))

    def finish(self) -> list[EncodedRecords]:
        """Return the sets."""
        buffers = Buffers(
            words=self._words.view().cast("I"),
            begins=memoryview(self._begins),
            cuts=memoryview(self._cuts),
            sources=self._sources.view(),
            source_begins=memoryview(self._source_begins),
        )
        ends = [*self._sets[1:], len(self._cuts)]
        return [EncodedRecords(buffers, *places) for places in zip(self._sets, ends, strict=True)]


def _digested(records: Sequence[EncodedRecord]) -> bytes:
    """Return what the digest takes in: of each record its length, token ids and trained positions."""
    all_words = array("I")
    for record in records:
        all_words.extend(record.words)
    words = numpy.asarray(all_words)
    ids, trained = (words & TOKEN).tobytes(), (words >= TRAINED).tobytes()
    taken: list[bytes] = []
    begin = 0
    for record in records:
        end = begin + len(record.words)
        taken += ((end - begin).to_bytes(4, "little"), ids[4 * begin : 4 * end], trained[begin:end])
        begin = end
    return b"".join(taken)
