"""One tokenizer with one template: records to token ids, some at a time, by one process or by several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy

from laptime.data.assembly import EncodedBatch, EncodedPiece, Frame
from laptime.data.chat import (
    ChatTemplate,
    Part,
    no_end_of_sequence,
    refuse_contradiction,
)
from laptime.data.letters import Letters
from laptime.data.longest import find_longest
from laptime.data.processes import map_in_order
from laptime.data.records import Message, Record, RecordError, Remark
from laptime.data.skipped import Skipped
from laptime.data.templates import Template, as_pair, check_fits
from laptime.data.tokens import Tokens
from laptime.errors import UserError

MOST_BAD = 1000  # that are looked for
LETTERS_AT_ONCE = 1_000_000  # a tokenizer takes a hundred bytes and more for each token it makes at once
SHARE = 2_000  # records that a process is given at once
LEAST_SHARED = 2 * SHARE  # below, processes would cost more than they save


class Share(NamedTuple):
    """What another process made of its share of the records."""

    pieces: list[tuple[EncodedPiece | None, int]]  # each with the number of records that are done with it
    bad: list[Remark]
    turn_end_ids: list[int]  # the special tokens that ended answers


class Encoder:
    """One tokenizer with one template."""

    def __init__(
        self,
        tokenizer: Any,
        template: Template,
        train_on: Literal["answers", "all"],
        max_length: int,
        in_bulk: bool = True,
    ) -> None:
        self.tokens = Tokens(tokenizer, in_bulk)
        self.template = template
        self.train_on = train_on
        self.max_length = max_length
        self.chat = ChatTemplate(self.tokens) if template.kind == "chat" else None
        # A chat template writes the beginning of sequence itself.
        self.leading_ids = [] if self.chat else self.tokens.leading_ids
        self.skips_bad = self.lists_bad = False
        self.bad = Skipped("such record")
        self.letters = Letters()
        self.num_processes = 1

    @property
    def stop_ids(self) -> list[int]:
        """Return the tokens that end an answer."""
        ends = [] if self.tokens.eos_id is None else [self.tokens.eos_id]
        return list(dict.fromkeys([*ends, *(self.chat.turn_end_ids if self.chat else ())]))

    def find_turn_end(self) -> str:
        """Return the text of the special token that ended the answers, "" where there are several or none."""
        ends = list(self.chat.turn_end_ids) if self.chat else []
        texts = [text for text, index in self.tokens.special_ids.items() if index in ends]
        return texts[0] if len(texts) == 1 else ""

    def encode_records(self, records: Sequence[Record]) -> Iterator[EncodedPiece]:
        """Encode records in order, some at a time, without those that cannot be trained on.

        Unless these are to be left out, raises RecordsError for them.
        """
        if not self.skips_bad and not self.lists_bad:
            self._try_longest(records)
        done = 0
        for piece, done in self._encode_in_order(records):  # noqa: B007
            if piece:
                yield piece
            if self.bad and not self.skips_bad and (not self.lists_bad or len(self.bad) > MOST_BAD):
                break
        if self.bad and not self.skips_bad:
            self.bad.refuse(has_all=done == len(records))

    def _encode_in_order(self, records: Sequence[Record]) -> Iterator[tuple[EncodedPiece | None, int]]:
        """Yield pieces, each with how many records are done by then; by several processes where that pays."""
        num_taken = 0
        for some, letters in _take_some(records):
            yield self._make_piece(some, num_taken, letters), (num_taken := num_taken + len(some))
            rest = len(records) - num_taken
            if self.num_processes > 1 and rest >= LEAST_SHARED and self.tokens.bulk.may_fork:
                self.tokens.bulk.make_ready()
                break
        ranges = [
            range(begin, min(begin + SHARE, len(records))) for begin in range(num_taken, len(records), SHARE)
        ]
        for shared in map_in_order(partial(self._encode_share, records), ranges, self.num_processes):
            for piece, num_taken in self._take_over(shared):
                yield piece, num_taken

    def _encode_share(self, records: Sequence[Record], places: range) -> Share:
        """Encode the records at `places`, in a process that nothing else is asked of."""
        self.bad, ends = Skipped("such record"), self.chat.turn_end_ids if self.chat else {}
        pieces, first = [], places.start
        for some, letters in _take_some(records[places.start : places.stop]):
            pieces.append((self._make_piece(some, first, letters), first := first + len(some)))
        return Share(pieces, list(self.bad.remarks), list(ends))

    def _take_over(self, share: Share) -> list[tuple[EncodedPiece | None, int]]:
        """Learn what another process has found; returns its pieces."""
        for remark in share.bad:
            self.bad.add(remark.source, remark.text)
        if self.chat:
            self.chat.turn_end_ids |= dict.fromkeys(share.turn_end_ids)
        return share.pieces

    def _make_piece(self, records: list[Record], first: int, letters: str) -> EncodedPiece | None:
        """Encode the records of a set from place `first` on; None where none of them can be trained on."""
        places = {id(record): first + index for index, record in enumerate(records)}
        batch = self._encode_good(records, letters)
        if batch is None:
            return None
        left = letters if len(batch) == len(records) else "".join(one.letters for one in batch.records)
        return batch.to_piece([places[id(record)] for record in batch.records], self.letters.add(left))

    def encode_prompt(self, record: Record) -> list[int]:
        """Return the tokens of a record before its last answer."""
        batch = self._encode_some([record], record.letters)
        return batch.prompt_ids(0) if batch else []

    def _try_longest(self, records: Sequence[Record]) -> None:
        """Raise RecordsError where the longest prompts leave no room, before all the others are encoded."""
        ends = dict(self.chat.turn_end_ids) if self.chat else {}
        if longest := find_longest(records, self.max_length):
            self._encode_good(longest, "".join(record.letters for record in longest))
        if self.bad:
            self.bad.refuse(has_all=len(longest) == len(records))
        if self.chat:
            self.chat.turn_end_ids = ends  # their order is that of the records

    def end_set(self, records: Sequence[Record]) -> Skipped:
        """Return what of a set was left out; raises RecordsError where that is all of it."""
        bad, self.bad = self.bad, Skipped("such record")
        if bad and len(bad) == len(records):
            bad.refuse_all(records[0].source)
        return bad

    def _encode_good(self, records: list[Record], letters: str) -> EncodedBatch | None:
        """Encode records without those of which nothing is trained; None where no record is left."""
        batch = self._encode_some(records, letters)
        if batch is None or batch.is_trained.all():
            return batch
        for index in numpy.flatnonzero(~batch.is_trained).tolist():
            self.bad.add(batch.records[index].source, self._tell_untrained(batch, index))
        kept = [batch.records[index] for index in numpy.flatnonzero(batch.is_trained).tolist()]
        return self._encode_some(kept, "".join(record.letters for record in kept)) if self.skips_bad else None

    def _encode_some(self, records: list[Record], letters: str) -> EncodedBatch | None:
        """Encode records together, which is faster than one by one; `letters` is all that stands in them.

        Those that the template cannot write are bad, and not among them; None where no record is left.
        """
        protect = self.tokens.protect if self.tokens.has_special(letters) else _leave
        parts, num_special_text, taken = [], [], []
        for record in records:
            before = self.tokens.num_special_text
            try:
                parts.append(
                    self._split_chat(record, protect) if self.chat else self._split_text(record, protect)
                )
            except RecordError as error:
                self.bad.add(record.source, error.remark.text)
                continue
            taken.append(record)
            num_special_text.append(self.tokens.num_special_text - before)
        if not taken:
            return None
        with _told_in_one_line(records):
            ids = self.tokens.encode_parts([[text for text, _ in record_parts] for record_parts in parts])
        return EncodedBatch(
            taken,
            ids,
            [len(record_parts) for record_parts in parts],
            [is_answer for record_parts in parts for _, is_answer in record_parts],
            self._frame,
            num_special_text,
        )

    @property
    def _frame(self) -> Frame:
        """Return what stands around every record; a chat template writes it itself."""
        end = None if self.chat else self.tokens.eos_id
        return Frame(self.leading_ids, end, self.train_on == "all", self.max_length)

    def encode_question(self, question: str) -> list[int]:
        """Encode a question without its answer."""
        protected = self.tokens.protect(question)
        if self.chat:
            text = self.chat.cue([Message("user", protected)], "the question")
        elif self.template.kind == "text":
            text = protected
        else:
            text = self.template.fill(protected)
        return self._with_leading(self.tokens.encode([text])[0])

    def _split_chat(self, record: Record, protect: Callable[[str], str]) -> list[Part]:
        """Cut a conversation, or a pair as one, into parts."""
        assert self.chat
        if record.messages:
            messages = record.messages
        else:
            pair = [Message("user", record.question), Message("assistant", record.completion or "")]
            messages = [*record.before, *pair]
        refuse_contradiction(messages, self.train_on, record.source)
        protected = [
            Message(m.role, protect(m.content), m.trained, protect(m.beside) if m.beside else "")
            for m in messages
        ]
        tools = protect(record.tools) if record.tools else ""
        return self.chat.split(protected, record.num_prompt_messages, record.source, tools)

    def _split_text(self, record: Record, protect: Callable[[str], str]) -> list[Part]:
        """Cut a pair into prompt and answer; plain text is all answer."""
        if self.tokens.eos_id is None:
            raise no_end_of_sequence(record.source)
        if record.text is not None:
            return [(protect(record.text), True)]
        check_fits(record, self.template)
        prompt, context, system, completion = map(protect, as_pair(record, self.template))
        return [(self.template.fill(prompt, context, system), False), (completion, True)]

    def _tell_untrained(self, batch: EncodedBatch, index: int) -> str:
        """Say why nothing of a record is trained."""
        if batch.is_lost[index]:
            return "nothing left to train: the tokenizer has no token for any letter of the answer"
        return (
            f"nothing left to train: the prompt alone has {len(batch.prompt_ids(index))} tokens, a record "
            f"holds {self.max_length}; shorten it, or raise --max-length as far as the model goes"
        )

    def _with_leading(self, ids: list[int]) -> list[int]:
        """Put the beginning of sequence before a text, unless its template wrote it already."""
        lead = self.leading_ids
        return ids if not lead or ids[: len(lead)] == lead else [*lead, *ids]


def _leave(text: str) -> str:
    """Return a text in which nothing is to be marked."""
    return text


@contextmanager
def _told_in_one_line(records: Sequence[Record]) -> Iterator[None]:
    """Turn the end of a tokenizer into UserError: what panics in a native library is no Exception."""
    where = records[0].source if len(records) == 1 else f"{records[0].source} to {records[-1].source}"
    try:
        yield
    except MemoryError:
        raise UserError(f"{where}: there is not enough memory to encode it; shorten it") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        line = next(iter(str(error).splitlines()), "")[:160]
        raise UserError(f"{where}: the tokenizer failed ({line})") from None


def _take_some(records: Sequence[Record]) -> Iterator[tuple[list[Record], str]]:
    """Yield all records in order, some at a time, with all that stands in them: not much over a limit."""
    some: list[Record] = []
    letters: list[str] = []
    num_letters = 0
    for record in records:
        own = record.letters
        if some and num_letters + len(own) > LETTERS_AT_ONCE:
            yield some, "".join(letters)
            some, letters, num_letters = [], [], 0
        some.append(record)
        letters.append(own)
        num_letters += len(own)
    if some:
        yield some, "".join(letters)
