"""Parts to examples: their token ids put together, the trained ones marked, cut at the maximum length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

from laptime.data.bulk_tokens import Ids
from laptime.data.encoded import TOKEN, TRAINED
from laptime.data.examples import Example


class Frame:
    """What is the same for all examples: `lead` before a text that does not bring it, `end` behind it.

    With `trains_all` every token but the first is trained, else the answers and the end.
    """

    def __init__(self, lead: Sequence[int], end: int | None, trains_all: bool, max_length: int) -> None:
        self.lead, self.end = list(lead), end
        self.trains_all = trains_all
        self.max_length = max_length


class EncodedPiece(NamedTuple):
    """What is kept of some examples of a set when they are encoded; it can be handed from process to process.

    `words`, `begins`, `cuts` and `num_trained` are as in an EncodedBatch. `places` are those of the examples
    in their set, `letters` those that no piece before it held, at the least.
    """

    words: NDArray[Any]
    begins: NDArray[Any]
    cuts: NDArray[Any]
    num_trained: NDArray[Any]
    num_special_text: NDArray[Any]
    sources: list[str]
    places: list[int]
    letters: str

    @property
    def num_examples(self) -> int:
        """How many there are."""
        return len(self.sources)

    def count_tokens(self, token: int | None) -> NDArray[Any]:
        """Return how often each example holds a token."""
        if token is None:
            return numpy.zeros(self.num_examples, numpy.int64)
        return _count_in((self.words & TOKEN) == token, self.begins)


class EncodedBatch:
    """Some examples with their tokens.

    `words` are all their token ids with the bit TRAINED where one carries loss, example i's from `begins[i]`
    to `begins[i + 1]`; `cuts`, `num_trained` and `is_lost` (the tokenizer has no token for any answer) are of
    each example. `num_special_text` is how much of them reads like a special token.
    """

    def __init__(
        self,
        examples: list[Example],
        ids: Ids,
        num_parts: Sequence[int],
        are_answers: Sequence[bool],
        frame: Frame,
        num_special_text: Sequence[int] = (),
    ) -> None:
        self.examples = examples
        self.num_special_text = numpy.asarray(num_special_text or [0] * len(examples), numpy.int64)
        self._ids, self._frame = ids, frame
        self._are_answers = numpy.asarray(are_answers, bool)
        self._first_parts = _begins_of(numpy.asarray(num_parts, numpy.int64))
        self._needs_lead = self._find_leadless()
        whole, begins = self._put_together()
        self.words, self.begins, self.cuts = _cut(whole, begins, frame.max_length)
        self.num_trained = _count_in(self.words >= TRAINED, self.begins)
        told = self._are_answers & (numpy.diff(ids.begins) > 0)
        self.is_lost = _count_in(told, self._first_parts) == 0

    def __len__(self) -> int:
        return len(self.examples)

    def to_piece(self, places: list[int], letters: str) -> EncodedPiece:
        """Return what is kept of it."""
        sources = [example.source for example in self.examples]
        return EncodedPiece(
            self.words,
            self.begins,
            self.cuts,
            self.num_trained,
            self.num_special_text,
            sources,
            places,
            letters,
        )

    @property
    def is_trained(self) -> NDArray[Any]:
        """Whether a token of each example is trained, of its answer too."""
        return ~self.is_lost & (self.num_trained > 0)

    def prompt_ids(self, index: int) -> list[int]:
        """Return the tokens before the last answer of an example, [] where it has none."""
        first, end = self._first_parts[index : index + 2]
        answers = numpy.flatnonzero(self._are_answers[first:end])
        if not len(answers):
            return []
        begins = self._ids.begins
        ids = self._ids.flat[begins[first] : begins[first + answers[-1]]].tolist()
        return [*self._frame.lead, *ids] if self._needs_lead[index] else ids

    def _find_leadless(self) -> NDArray[Any]:
        """Tell which examples do not begin with the lead already; a template may write it itself."""
        lead, (flat, begins) = self._frame.lead, self._ids
        if not lead:
            return numpy.zeros(len(self), bool)
        first, second = begins[self._first_parts[:-1]], begins[self._first_parts[:-1] + 1]
        has_lead = second - first >= len(lead)
        for offset, token in enumerate(lead):
            places = numpy.minimum(first + offset, max(0, len(flat) - 1))
            has_lead &= (flat[places] == token) if len(flat) else False
        return ~has_lead

    def _put_together(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the words of all examples, uncut, and where each begins."""
        frame, (flat, part_begins) = self._frame, self._ids
        bodies = numpy.diff(part_begins[self._first_parts])
        leads = numpy.where(self._needs_lead, len(frame.lead), 0)
        begins = _begins_of(leads + bodies + (frame.end is not None))
        words = numpy.empty(int(begins[-1]), numpy.uint32)
        is_body = numpy.ones(len(words), bool)
        for offset, token in enumerate(frame.lead):
            places = begins[:-1][self._needs_lead] + offset
            words[places], is_body[places] = token, False
        if frame.end is not None:
            words[begins[1:] - 1], is_body[begins[1:] - 1] = frame.end | TRAINED, False
        are_trained = numpy.ones_like(self._are_answers) if frame.trains_all else self._are_answers
        bits = numpy.where(are_trained, numpy.uint32(TRAINED), numpy.uint32(0))
        words[is_body] = flat | numpy.repeat(bits, numpy.diff(part_begins))
        words[begins[:-1][begins[:-1] < begins[1:]]] &= TOKEN
        return words, begins


def _begins_of(lengths: NDArray[Any]) -> NDArray[Any]:
    """Return where each of some things of these lengths begins, and where the last one ends."""
    begins = numpy.zeros(len(lengths) + 1, numpy.int64)
    numpy.cumsum(lengths, out=begins[1:])
    return begins


def _count_in(marks: NDArray[Any], begins: NDArray[Any]) -> NDArray[Any]:
    """Return how many of the marks between one begin and the next are set."""
    return numpy.diff(_begins_of(marks)[begins])


def _cut(
    words: NDArray[Any], begins: NDArray[Any], most: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the words of examples of at most so many, where each begins, and how many were cut off."""
    lengths = numpy.diff(begins)
    cuts = numpy.maximum(lengths - most, 0)
    if not cuts.any():
        return words, begins, cuts
    stays = numpy.arange(len(words)) - numpy.repeat(begins[:-1], lengths) < most
    return words[stays], _begins_of(lengths - cuts), cuts
