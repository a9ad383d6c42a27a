"""Records to token ids, and which of them are trained.

The prompt is encoded by itself, as it will be when the model is asked: token for token the same in
training and in asking. What follows it is the answer; its end of sequence is trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy

from laptime.data.assembly import EncodedBatch, Frame
from laptime.data.bulk_tokens import DisagreementError
from laptime.data.chat import (
    ChatTemplate,
    Part,
    give_template,
    no_end_of_sequence,
    refuse_contradiction,
)
from laptime.data.encoded import (
    EncodedData,
    EncodedRecord,
    Question,
    read_encoded,
    write_encoded,
)
from laptime.data.flat_records import FlatRecords
from laptime.data.longest import find_longest
from laptime.data.notes import Findings, make_notes
from laptime.data.questions import Questions
from laptime.data.records import Message, Record, RecordError, RecordSet
from laptime.data.skipped import Skipped
from laptime.data.templates import Template, as_pair, check_fits, choose_template
from laptime.data.tokens import Tokens
from laptime.errors import UserError
from laptime.spec import AnswerSpec, DataSpec

__all__ = [
    "EncodedData",
    "EncodedRecord",
    "Question",
    "encode",
    "encode_question",
    "has_chat_template",
    "read_encoded",
    "write_encoded",
]

DEFAULT_MAX_LENGTH = 2048
MOST_BAD = 1000  # that are looked for
LETTERS_AT_ONCE = 1_000_000  # a tokenizer takes a hundred bytes and more for each token it makes at once


def encode(
    records: RecordSet,
    tokenizer: Any,
    spec: DataSpec,
    answers: AnswerSpec,
    model_max_length: int | None,
    lists_bad: bool = False,
) -> EncodedData:
    """Encode the training set, the held-out set and the questions with a transformers tokenizer.

    With `lists_bad` a refusal lists up to 1,000 records, else it comes as soon as it is sure.
    Raises UserError for a template that does not fit, a tokenizer without end of sequence, and a record
    whose prompt leaves no room for an answer.
    """
    given = give_template(tokenizer, spec.chat_template)
    template = choose_template(spec.template, records, has_chat_template(tokenizer), given.name)
    limit = choose_max_length(spec.max_length, model_max_length)

    def encode_all(in_bulk: bool) -> EncodedData:
        encoder = _Encoder(tokenizer, template, spec.train_on, limit, in_bulk)
        encoder.skips_bad, encoder.lists_bad = spec.skip_bad, lists_bad
        data = _encode(records, encoder, answers)
        data.chat_template, data.chat_template_name = given.text, given.name
        data.turn_end = encoder.find_turn_end() if given.text else ""
        data.notes[:0] = given.notes
        return data

    try:
        return encode_all(in_bulk=True)
    except DisagreementError as error:
        data = encode_all(in_bulk=False)
        data.notes.append(f"encoded slowly, by tokenizers alone: {error}")
        return data


def _encode(records: RecordSet, encoder: _Encoder, answers: AnswerSpec) -> EncodedData:
    """Encode all records and questions; raises DisagreementError where that has to be done otherwise."""
    began = time.perf_counter()
    template = encoder.template
    flat, questions = FlatRecords(), Questions(answers)
    findings = Findings(template, encoder.tokens.unknown_id, records.remarks)
    for chosen, is_held_out in ((records.records, False), (records.held_out, True)):
        flat.begin_set()
        for batch in encoder.encode_records(chosen):
            flat.add(batch.words, batch.begins, batch.cuts, [record.source for record in batch.records])
            findings.add(batch, is_held_out)
            questions.add(batch, "held_out" if is_held_out else "trained")
        findings.add_skipped(encoder.end_set(chosen), records, is_held_out)
    trained, held_out = flat.finish()
    return EncodedData(
        name=records.name,
        digest=flat.digest,
        template=template.name,
        template_reason=template.reason,
        shape=records.shape,
        records=trained,
        held_out=held_out,
        questions=questions.make(encoder.encode_question),
        stop_ids=encoder.stop_ids,
        num_special_text=findings.counts.num_special_text,
        encode_seconds=time.perf_counter() - began,
        counts=findings.counts,
        max_length=encoder.max_length,
        train_on=encoder.train_on,
        held_out_name=records.held_out_name,
        ignored_columns=records.ignored_columns,
        notes=[
            *records.notes,
            *findings.skipped_notes,
            *make_notes(findings, encoder.tokens, encoder.max_length),
        ],
        remarks=findings.remarks,
    )


def encode_question(question: str, tokenizer: Any, template: Template) -> list[int]:
    """Return the tokens of a question as the model saw its questions in training."""
    return _Encoder(tokenizer, template, "answers", DEFAULT_MAX_LENGTH).encode_question(question)


def has_chat_template(tokenizer: Any) -> bool:
    """Tell whether the tokenizer brings a chat template (of several, one for chatting)."""
    template = getattr(tokenizer, "chat_template", None)
    return "default" in template if isinstance(template, dict) else bool(template)


def choose_max_length(asked: int | None, model_max_length: int | None) -> int:
    """Return how many tokens a record may have; raises UserError for more than the model holds."""
    if asked is None:
        return min(model_max_length or DEFAULT_MAX_LENGTH, DEFAULT_MAX_LENGTH)
    if model_max_length and asked > model_max_length:
        raise UserError(f"--max-length {asked}: the model holds at most {model_max_length} tokens")
    return asked


class _Encoder:
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

    def encode_records(self, records: Sequence[Record]) -> Iterator[EncodedBatch]:
        """Encode records in order, some at a time, without those that cannot be trained on.

        Unless these are to be left out, raises RecordsError for them.
        """
        if not self.skips_bad and not self.lists_bad:
            self._try_longest(records)
        num_taken = 0
        for some, letters in _take_some(records):
            if batch := self._encode_good(some, letters):
                yield batch
            num_taken += len(some)
            if self.bad and not self.skips_bad and (not self.lists_bad or len(self.bad) > MOST_BAD):
                break
        if self.bad and not self.skips_bad:
            self.bad.refuse(has_all=num_taken == len(records))

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
        if len(taken) < len(records):
            letters = "".join(record.letters for record in taken)
        with _told_in_one_line(records):
            ids = self.tokens.encode_parts([[text for text, _ in record_parts] for record_parts in parts])
        return EncodedBatch(
            taken,
            ids,
            [len(record_parts) for record_parts in parts],
            [is_answer for record_parts in parts for _, is_answer in record_parts],
            self._frame,
            letters,
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
