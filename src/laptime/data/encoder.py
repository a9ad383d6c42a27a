"""One tokenizer with one template: examples to token ids, some at a time, by one process or by several."""

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
from laptime.data.examples import Example, ExampleError, ExampleNote, Message
from laptime.data.letters import Letters
from laptime.data.longest import find_longest
from laptime.data.processes import map_in_order
from laptime.data.skipped import Skipped
from laptime.data.templates import Template, as_pair, check_fits
from laptime.data.tokens import Tokens
from laptime.errors import UserError

MOST_BAD = 1000  # that are looked for
LETTERS_AT_ONCE = 1_000_000  # a tokenizer takes a hundred bytes and more for each token it makes at once
SHARE = 2_000  # examples that a process is given at once
LEAST_SHARED = 2 * SHARE  # below, processes would cost more than they save


class Share(NamedTuple):
    """What another process made of its share of the examples."""

    pieces: list[tuple[EncodedPiece | None, int]]  # each with the number of examples that are done with it
    bad: list[ExampleNote]
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
        self.bad = Skipped("such example")
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

    def encode_examples(self, examples: Sequence[Example]) -> Iterator[EncodedPiece]:
        """Encode examples in order, some at a time, without those that cannot be trained on.

        Unless these are to be left out, raises ExamplesError for them.
        """
        if not self.skips_bad and not self.lists_bad:
            self._try_longest(examples)
        done = 0
        for piece, done in self._encode_in_order(examples):  # noqa: B007
            if piece:
                yield piece
            if self.bad and not self.skips_bad and (not self.lists_bad or len(self.bad) > MOST_BAD):
                break
        if self.bad and not self.skips_bad:
            self.bad.refuse(has_all=done == len(examples))

    def _encode_in_order(self, examples: Sequence[Example]) -> Iterator[tuple[EncodedPiece | None, int]]:
        """Yield pieces, each with how many examples are done then; by several processes where that pays."""
        num_taken = 0
        for some, letters in _take_some(examples):
            yield self._make_piece(some, num_taken, letters), (num_taken := num_taken + len(some))
            rest = len(examples) - num_taken
            if self.num_processes > 1 and rest >= LEAST_SHARED and self.tokens.bulk.may_fork:
                self.tokens.bulk.make_ready()
                break
        ranges = [
            range(begin, min(begin + SHARE, len(examples)))
            for begin in range(num_taken, len(examples), SHARE)
        ]
        for shared in map_in_order(partial(self._encode_share, examples), ranges, self.num_processes):
            for piece, num_taken in self._take_over(shared):
                yield piece, num_taken

    def _encode_share(self, examples: Sequence[Example], places: range) -> Share:
        """Encode the examples at `places`, in a process that nothing else is asked of."""
        self.bad, ends = Skipped("such example"), self.chat.turn_end_ids if self.chat else {}
        pieces, first = [], places.start
        for some, letters in _take_some(examples[places.start : places.stop]):
            pieces.append((self._make_piece(some, first, letters), first := first + len(some)))
        return Share(pieces, list(self.bad.example_notes), list(ends))

    def _take_over(self, share: Share) -> list[tuple[EncodedPiece | None, int]]:
        """Learn what another process has found; returns its pieces."""
        for note in share.bad:
            self.bad.add(note.source, note.text)
        if self.chat:
            self.chat.turn_end_ids |= dict.fromkeys(share.turn_end_ids)
        return share.pieces

    def _make_piece(self, examples: list[Example], first: int, letters: str) -> EncodedPiece | None:
        """Encode the examples of a set from place `first` on; None where none of them can be trained on."""
        places = {id(example): first + index for index, example in enumerate(examples)}
        batch = self._encode_good(examples, letters)
        if batch is None:
            return None
        left = letters if len(batch) == len(examples) else "".join(one.letters for one in batch.examples)
        return batch.to_piece([places[id(example)] for example in batch.examples], self.letters.add(left))

    def encode_prompt(self, example: Example) -> list[int]:
        """Return the tokens of an example before its last answer."""
        batch = self._encode_some([example], example.letters)
        return batch.prompt_ids(0) if batch else []

    def _try_longest(self, examples: Sequence[Example]) -> None:
        """Raise ExamplesError where the longest prompts leave no room, before all the others are encoded."""
        ends = dict(self.chat.turn_end_ids) if self.chat else {}
        if longest := find_longest(examples, self.max_length):
            self._encode_good(longest, "".join(example.letters for example in longest))
        if self.bad:
            self.bad.refuse(has_all=len(longest) == len(examples))
        if self.chat:
            self.chat.turn_end_ids = ends  # their order is that of the examples

    def end_set(self, examples: Sequence[Example]) -> Skipped:
        """Return what of a set was left out; raises ExamplesError where that is all of it."""
        bad, self.bad = self.bad, Skipped("such example")
        if bad and len(bad) == len(examples):
            bad.refuse_all(examples[0].source)
        return bad

    def _encode_good(self, examples: list[Example], letters: str) -> EncodedBatch | None:
        """Encode examples without those of which nothing is trained; None where no example is left."""
        batch = self._encode_some(examples, letters)
        if batch is None or batch.is_trained.all():
            return batch
        for index in numpy.flatnonzero(~batch.is_trained).tolist():
            self.bad.add(batch.examples[index].source, self._tell_untrained(batch, index))
        kept = [batch.examples[index] for index in numpy.flatnonzero(batch.is_trained).tolist()]
        return (
            self._encode_some(kept, "".join(example.letters for example in kept)) if self.skips_bad else None
        )

    def _encode_some(self, examples: list[Example], letters: str) -> EncodedBatch | None:
        """Encode examples together, which is faster than one by one; `letters` is all that stands in them.

        Those that the template cannot write are bad, and not among them; None where no example is left.
        """
        protect = self.tokens.protect if self.tokens.has_special(letters) else _leave
        parts, num_special_text, taken = [], [], []
        for example in examples:
            before = self.tokens.num_special_text
            try:
                parts.append(
                    self._split_chat(example, protect) if self.chat else self._split_text(example, protect)
                )
            except ExampleError as error:
                self.bad.add(example.source, error.note.text)
                continue
            taken.append(example)
            num_special_text.append(self.tokens.num_special_text - before)
        if not taken:
            return None
        with _told_in_one_line(examples):
            ids = self.tokens.encode_parts([[text for text, _ in example_parts] for example_parts in parts])
        return EncodedBatch(
            taken,
            ids,
            [len(example_parts) for example_parts in parts],
            [is_answer for example_parts in parts for _, is_answer in example_parts],
            self._frame,
            num_special_text,
        )

    @property
    def _frame(self) -> Frame:
        """Return what stands around every example; a chat template writes it itself."""
        end = None if self.chat else self.tokens.eos_id
        return Frame(self.leading_ids, end, self.train_on == "all", self.max_length)

    def encode_question(self, question: str, system: str = "") -> list[int]:
        """Encode a question without its answer; `system` stands where a pattern has a place for it."""
        if self.chat:
            return self.encode_turns([Message("user", question)], "the question")
        protected = self.tokens.protect(question)
        if self.template.kind == "text":
            text = protected
        else:
            text = self.template.fill(protected, system=self.tokens.protect(system))
        return self._with_leading(self.tokens.encode([text])[0])

    def encode_turns(self, messages: Sequence[Message], source: str = "the conversation") -> list[int]:
        """Encode a conversation up to where the next answer begins, by a chat template."""
        assert self.chat
        protected = [Message(turn.role, self.tokens.protect(turn.content)) for turn in messages]
        return self._with_leading(self.tokens.encode([self.chat.cue(protected, source)])[0])

    def _split_chat(self, example: Example, protect: Callable[[str], str]) -> list[Part]:
        """Cut a conversation, or a pair as one, into parts."""
        assert self.chat
        if example.messages:
            messages = example.messages
        else:
            pair = [Message("user", example.question), Message("assistant", example.completion or "")]
            messages = [*example.before, *pair]
        refuse_contradiction(messages, self.train_on, example.source)
        protected = [
            Message(m.role, protect(m.content), m.trained, protect(m.beside) if m.beside else "")
            for m in messages
        ]
        tools = protect(example.tools) if example.tools else ""
        return self.chat.split(protected, example.num_prompt_messages, example.source, tools)

    def _split_text(self, example: Example, protect: Callable[[str], str]) -> list[Part]:
        """Cut a pair into prompt and answer; plain text is all answer."""
        if self.tokens.eos_id is None:
            raise no_end_of_sequence(example.source)
        if example.text is not None:
            return [(protect(example.text), True)]
        check_fits(example, self.template)
        prompt, context, system, completion = map(protect, as_pair(example, self.template))
        return [(self.template.fill(prompt, context, system), False), (completion, True)]

    def _tell_untrained(self, batch: EncodedBatch, index: int) -> str:
        """Say why nothing of an example is trained."""
        if batch.is_lost[index]:
            return "nothing left to train: the tokenizer has no token for any letter of the answer"
        return (
            f"nothing left to train: the prompt alone has {len(batch.prompt_ids(index))} tokens, an example "
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
def _told_in_one_line(examples: Sequence[Example]) -> Iterator[None]:
    """Turn the end of a tokenizer into UserError: what panics in a native library is no Exception."""
    where = examples[0].source if len(examples) == 1 else f"{examples[0].source} to {examples[-1].source}"
    try:
        yield
    except MemoryError:
        raise UserError(f"{where}: there is not enough memory to encode it; shorten it") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        line = next(iter(str(error).splitlines()), "")[:160]
        raise UserError(f"{where}: the tokenizer failed ({line})") from None


def _take_some(examples: Sequence[Example]) -> Iterator[tuple[list[Example], str]]:
    """Yield all examples in order, some at a time, with all that stands in them: not much over a limit."""
    some: list[Example] = []
    letters: list[str] = []
    num_letters = 0
    for example in examples:
        own = example.letters
        if some and num_letters + len(own) > LETTERS_AT_ONCE:
            yield some, "".join(letters)
            some, letters, num_letters = [], [], 0
        some.append(example)
        letters.append(own)
        num_letters += len(own)
    if some:
        yield some, "".join(letters)
