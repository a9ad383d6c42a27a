"""Token ids of many texts: by fastokens, which reads ten times as much a second, held to tokenizers' word.

What tokenizers says is what counts. Its answers for the first texts are compared with those of fastokens to
the last token, and then those for one text in a hundred, and for a text with each letter that no compared
text held before. fastokens is used as long as all are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

from laptime.data.letters import NUM_LETTERS, codes_of

LEAST_LETTERS = 1_000_000  # what tokenizers encodes alone: a small data set needs nothing else
COMPARED_ONE_IN = 100


class DisagreementError(Exception):
    """What is encoded in bulk cannot be trusted; str() says why."""


class Ids(NamedTuple):
    """Token ids of texts one behind another; text i has flat[begins[i]:begins[i + 1]]."""

    flat: NDArray[numpy.uint32]
    begins: NDArray[numpy.int64]

    @classmethod
    def of_lists(cls, texts: Sequence[Sequence[int]]) -> Ids:
        """Put lists one behind another."""
        begins = numpy.zeros(len(texts) + 1, numpy.int64)
        numpy.cumsum([len(ids) for ids in texts], out=begins[1:])
        flat = numpy.fromiter((one for ids in texts for one in ids), numpy.uint32, int(begins[-1]))
        return cls(flat, begins)

    def lists(self) -> list[list[int]]:
        """Return the ids of each text."""
        flat, begins = self.flat.tolist(), self.begins.tolist()
        return [flat[begin:end] for begin, end in pairwise(begins)]

    def of(self, indices: Sequence[int]) -> list[list[int]]:
        """Return the ids of some texts."""
        return [self.flat[self.begins[index] : self.begins[index + 1]].tolist() for index in indices]


class BulkTokens:
    """Gives the token ids that `slowly` gives, which has the tokenizers.Tokenizer `backend` behind it.

    Without a backend, or where fastokens is not installed or knows less than the tokenizer needs, nothing is
    gained and nothing lost.
    """

    def __init__(self, slowly: Callable[[list[str]], list[list[int]]], backend: Any) -> None:
        self._slowly = slowly
        self._backend = backend
        self._fast: Any = None
        self._made: Any = None  # what fastokens made of the backend; asked for nothing yet
        self._first: list[tuple[list[str], Ids]] = []  # what tokenizers said before fastokens was asked
        self._num_letters = 0
        self._is_compared = numpy.zeros(NUM_LETTERS, bool)

    @property
    def name(self) -> str:
        """The library that encodes the texts to come."""
        return "fastokens" if self._fast else "tokenizers"

    @property
    def may_fork(self) -> bool:
        """Whether a lot was encoded and still none of it by fastokens, whose threads no fork survives."""
        return self._num_letters >= LEAST_LETTERS and self._fast is None

    def make_ready(self) -> None:
        """Let fastokens read the tokenizer, which takes it a second, once for all processes to be forked."""
        self._made = self._made or _make_fast(self._backend)

    def encode(self, texts: list[str]) -> Ids:
        """Return the ids of texts, none of them empty; raises DisagreementError where a comparison fails."""
        num_letters = sum(map(len, texts))
        if num_letters < LEAST_LETTERS // 100:  # no bulk
            return Ids.of_lists(self._slowly(texts))
        if self._num_letters >= LEAST_LETTERS and self._first:
            self._begin()
        if self._fast:
            ids = _encode_fast(self._fast, texts)
            self._compare(texts, ids)
            return ids
        ids = Ids.of_lists(self._slowly(texts))
        if self._backend is not None and self._num_letters < LEAST_LETTERS:
            self._first.append((texts, ids))
        self._num_letters += num_letters
        return ids

    def _begin(self) -> None:
        """Use fastokens from now on, if it says of the first texts what tokenizers says."""
        self.make_ready()
        fast = self._made
        for texts, ids in self._first if fast else ():
            if not _agrees(fast, texts, ids):
                fast = None
                break
            self._is_compared[codes_of("".join(texts))] = True
        self._fast, self._first = fast, []

    def _compare(self, texts: list[str], ids: Ids) -> None:
        """Ask tokenizers for some of the texts, and for those with letters that it was not asked for yet."""
        chosen = set(range(0, len(texts), COMPARED_ONE_IN))
        codes = codes_of("".join(texts))
        for code in dict.fromkeys(codes[~self._is_compared[codes]].tolist()):
            if not self._is_compared[code]:
                index = next(index for index, text in enumerate(texts) if chr(code) in text)
                self._is_compared[codes_of(texts[index])] = True
                chosen.add(index)
        indices = sorted(chosen)
        said = self._slowly([texts[index] for index in indices])
        for index, mine, other in zip(indices, said, ids.of(indices), strict=True):
            if mine != other:
                raise DisagreementError(f"fastokens and tokenizers differ on {texts[index][:40]!r}")


def _make_fast(backend: Any) -> Any:
    """Return the tokenizer as fastokens knows it; None where it is not installed, or says that it can't."""
    try:
        import fastokens

        if getattr(backend.model, "dropout", None):
            return None  # chance decides: no two answers are the same
        made = fastokens.Tokenizer.from_json_str(backend.to_str())
        made.no_padding()
        made.no_truncation()
        return made
    except Exception:  # whatever it lacks, tokenizers has it
        return None


def _encode_fast(fast: Any, texts: list[str]) -> Ids:
    """Let fastokens encode texts, nothing added to them; raises DisagreementError where it fails."""
    try:
        flat, begins = fast.encode_batch_flat(texts, add_special_tokens=False)
    except Exception as error:
        raise DisagreementError(f"fastokens fails ({str(error)[:80]})") from None
    return Ids(numpy.frombuffer(flat, numpy.uint32), numpy.frombuffer(begins, numpy.int64))


def _agrees(fast: Any, texts: list[str], ids: Ids) -> bool:
    """Tell whether fastokens gives these ids."""
    try:
        own = _encode_fast(fast, texts)
    except DisagreementError:
        return False
    return numpy.array_equal(own.flat, ids.flat) and numpy.array_equal(own.begins, ids.begins)
