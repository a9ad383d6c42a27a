"""Records to token ids, and which of them are trained.

The prompt is encoded by itself, as it will be when the model is asked: token for token the same in
training and in asking. What follows it is the answer; its end of sequence is trained.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from laptime.errors import UserError
from laptime.inputs.chat import ChatTemplate, Part, no_end_of_sequence, refuse_contradiction
from laptime.inputs.chat_templates import GivenTemplate, fit_template, put_template
from laptime.inputs.encoded import (
    TRAINED,
    EncodedData,
    EncodedRecord,
    Question,
    read_encoded,
    write_encoded,
)
from laptime.inputs.flat_records import FlatRecords
from laptime.inputs.notes import Encoded, Findings, make_notes
from laptime.inputs.records import Message, Record, RecordError, RecordSet
from laptime.inputs.skipped import Skipped
from laptime.inputs.templates import Template, as_pair, choose_template
from laptime.inputs.tokens import Tokens
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
LETTERS_LOOKED_ON = 2_000_000  # behind the first record that is refused: a second or two
NOTHING_LEFT = "nothing left to train: "
LETTERS_AT_ONCE = 1_000_000  # a tokenizer takes a hundred bytes and more for each token it makes at once


def encode(
    records: RecordSet, tokenizer: Any, spec: DataSpec, answers: AnswerSpec, model_max_length: int | None
) -> EncodedData:
    """Encode the training set, the held-out set and the questions with a transformers tokenizer.

    Raises UserError for a template that does not fit, a tokenizer without end of sequence, and a record
    whose prompt leaves no room for an answer.
    """
    began = time.perf_counter()
    given = _give_template(tokenizer, spec.chat_template)
    template = choose_template(spec.template, records, has_chat_template(tokenizer), given.name)
    encoder = _Encoder(
        tokenizer,
        template,
        spec.train_on,
        choose_max_length(spec.max_length, model_max_length),
        spec.skip_bad,
    )
    flat, questions = FlatRecords(), _Questions(answers)
    findings = Findings(template, encoder.tokens.unknown_id, records.remarks)
    for chosen, is_held_out in ((records.records, False), (records.held_out, True)):
        flat.begin_set()
        for items in encoder.encode_records(chosen):
            flat.add([item.tokens for item in items])
            findings.add(items, is_held_out)
            questions.add(items, "held_out" if is_held_out else "trained")
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
        questions=questions.make(encoder),
        stop_ids=encoder.stop_ids,
        num_special_text=findings.counts.num_special_text,
        encode_seconds=time.perf_counter() - began,
        counts=findings.counts,
        max_length=encoder.max_length,
        train_on=spec.train_on,
        held_out_name=records.held_out_name,
        ignored_columns=records.ignored_columns,
        notes=[
            *_tell_missing(given),
            *records.notes,
            *findings.skipped_notes,
            *make_notes(findings, encoder.tokens, encoder.max_length),
        ],
        remarks=findings.remarks,
        chat_template=given.text,
        chat_template_name=given.name,
        turn_end=encoder.find_turn_end() if given.text else "",
    )


def encode_question(question: str, tokenizer: Any, template: Template) -> list[int]:
    """Return the tokens of a question as the model saw its questions in training."""
    return _Encoder(tokenizer, template, "answers", DEFAULT_MAX_LENGTH).encode_question(question)


def has_chat_template(tokenizer: Any) -> bool:
    """Tell whether the tokenizer brings a chat template (of several, one for chatting)."""
    template = getattr(tokenizer, "chat_template", None)
    return "default" in template if isinstance(template, dict) else bool(template)


def _give_template(tokenizer: Any, given: str | None) -> GivenTemplate:
    """Give the tokenizer the chat template that the user gives; raises UserError where it does not fit."""
    if given is None:
        return GivenTemplate("", "", [])
    tokens = Tokens(tokenizer)
    fitted = fit_template(given, set(tokens.special_ids), begins=bool(tokens.leading_ids))
    put_template(tokenizer, fitted.text)
    return fitted


def _tell_missing(given: GivenTemplate) -> list[str]:
    """Say which marks of a given template are no special tokens of the tokenizer."""
    if not given.missing:
        return []
    shown = ", ".join(given.missing)
    return [f"{shown} of the chat template are no special tokens of this tokenizer: encoded as ordinary text"]


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
        skips_bad: bool = False,
    ) -> None:
        self.tokens = Tokens(tokenizer)
        self.template = template
        self.train_on = train_on
        self.max_length = max_length
        self.chat = ChatTemplate(self.tokens) if template.kind == "chat" else None
        # A chat template writes the beginning of sequence itself.
        self.leading_ids = [] if self.chat else self.tokens.leading_ids
        self.skips_bad = skips_bad
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

    def encode_records(self, records: Sequence[Record]) -> Iterator[list[Encoded]]:
        """Encode records in order, some at a time, without those that cannot be trained on.

        Unless these are to be left out, raises RecordsError for them soon after the first one.
        """
        num_letters, first = 0, ""
        for some in _take_some(records):
            items = self._encode_some(some)
            for item in items:
                if not item.is_trained:
                    first = first or (NOTHING_LEFT if not self.bad else "")
                    self.bad.add(item.record.source, self._tell_untrained(item))
            yield [item for item in items if item.is_trained]
            if self.bad and not self.skips_bad:
                num_letters += sum(record.num_letters for record in some)
                if num_letters >= LETTERS_LOOKED_ON:
                    self.bad.refuse(first, has_all=False)
        if self.bad and not self.skips_bad:
            self.bad.refuse(first)

    def end_set(self, records: Sequence[Record]) -> Skipped:
        """Return what of a set was left out; raises RecordsError where that is all of it."""
        bad, self.bad = self.bad, Skipped("such record")
        if bad and len(bad) == len(records):
            bad.refuse_all(records[0].source)
        return bad

    def _encode_some(self, records: Sequence[Record]) -> list[Encoded]:
        """Encode records together, which is faster than one by one; those that no template takes are bad."""
        taken, parts, num_special_text = [], [], []
        for record in records:
            before = self.tokens.num_special_text
            try:
                parts.append(self._split_chat(record) if self.chat else self._split_text(record))
            except RecordError as error:
                self.bad.add(record.source, error.remark.text)
                continue
            taken.append(record)
            num_special_text.append(self.tokens.num_special_text - before)
        with _told_in_one_line(records):
            ids = self.tokens.encode_parts([[text for text, _ in record_parts] for record_parts in parts])
        return [
            self._assemble(record, [answer for _, answer in record_parts], part_ids, count)
            for record, record_parts, part_ids, count in zip(taken, parts, ids, num_special_text, strict=True)
        ]

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

    def _split_chat(self, record: Record) -> list[Part]:
        """Cut a conversation, or a pair as one, into parts."""
        assert self.chat
        if record.messages:
            messages = record.messages
        else:
            pair = [Message("user", record.question), Message("assistant", record.completion or "")]
            messages = [*record.before, *pair]
        refuse_contradiction(messages, self.train_on, record.source)
        protected = [Message(m.role, self.tokens.protect(m.content), m.trained) for m in messages]
        tools = self.tokens.protect(record.tools) if record.tools else ""
        return self.chat.split(protected, record.num_prompt_messages, record.source, tools)

    def _split_text(self, record: Record) -> list[Part]:
        """Cut a pair into prompt and answer; plain text is all answer."""
        if self.tokens.eos_id is None:
            raise no_end_of_sequence(record.source)
        protect = self.tokens.protect
        if record.text is not None:
            return [(protect(record.text), True)]
        prompt, context, system, completion = map(protect, as_pair(record, self.template))
        return [(self.template.fill(prompt, context, system), False), (completion, True)]

    def _assemble(
        self, record: Record, answers: list[bool], part_ids: list[list[int]], num_special_text: int
    ) -> Encoded:
        """Put the parts of a record together, cut at the maximum length."""
        lead = self._with_leading(part_ids[0])[: -len(part_ids[0])] if part_ids[0] else self.leading_ids
        token_ids, words = list(lead), list(lead)
        prompt_ids: list[int] = []
        for answer, ids in zip(answers, part_ids, strict=True):
            if answer:
                prompt_ids = list(token_ids)
            token_ids += ids
            words += [token | TRAINED for token in ids] if answer or self.train_on == "all" else ids
        if not self.chat:
            assert self.tokens.eos_id is not None
            words.append(self.tokens.eos_id | TRAINED)
        words[0] &= ~TRAINED
        cut = max(0, len(words) - self.max_length)
        tokens = EncodedRecord.of_words(array("I", words[: self.max_length]), record.source, cut)
        is_lost = not any(ids for answer, ids in zip(answers, part_ids, strict=True) if answer)
        return Encoded(record, tokens, prompt_ids, is_lost, num_special_text)

    def _tell_untrained(self, item: Encoded) -> str:
        """Say why nothing of a record is trained."""
        if item.is_lost:
            return "the tokenizer has no token for any letter of the answer"
        return (
            f"the prompt alone has {len(item.prompt_ids)} tokens, a record holds {self.max_length}; "
            f"shorten it, or raise --max-length as far as the model goes"
        )

    def _with_leading(self, ids: list[int]) -> list[int]:
        """Put the beginning of sequence before a text, unless its template wrote it already."""
        lead = self.leading_ids
        return ids if not lead or ids[: len(lead)] == lead else [*lead, *ids]


class _Questions:
    """The questions to ask: those asked for, else the first held-out ones, else the first trained ones."""

    def __init__(self, spec: AnswerSpec) -> None:
        self.spec = spec
        self.asked = {question.strip() for question in spec.ask}
        self.found: dict[str, Question] = {}  # by what is asked
        self.first: dict[str, list[Question | None]] = {"trained": [], "held_out": []}

    def add(self, items: Sequence[Encoded], source: Literal["trained", "held_out"]) -> None:
        """Look at some records of a set; None stands for plain text, which asks nothing."""
        first = self.first[source]
        if self.asked:
            for item in items:
                self._look_up(item, source)
        else:
            for item in items[: max(0, self.spec.max_questions - len(first))]:
                first.append(None if item.record.text is not None else _make_question(item, source))

    def make(self, encoder: _Encoder) -> list[Question]:
        """Return the questions."""
        if self.spec.ask:
            return [
                self.found.get(question.strip())
                or Question(question, encoder.encode_question(question), None, "asked")
                for question in self.spec.ask
            ]
        return [question for question in self.first["held_out"] or self.first["trained"] if question]

    def _look_up(self, item: Encoded, source: Literal["trained", "held_out"]) -> None:
        """Keep the reference and the source of the first record that asks what is asked."""
        if item.record.text is None and item.record.is_alone:
            question = item.record.question.strip()
            if question in self.asked:
                self.found.setdefault(question, _make_question(item, source))


def _make_question(item: Encoded, source: Literal["trained", "held_out"]) -> Question:
    """Ask what a record asks; a conversation's last question comes with its history."""
    return Question(item.record.question, item.prompt_ids, item.record.answer, source)


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


def _take_some(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Yield all records in order, so many at a time as have some number of letters together."""
    some: list[Record] = []
    num_letters = 0
    for record in records:
        if some and num_letters + record.num_letters > LETTERS_AT_ONCE:
            yield some
            some, num_letters = [], 0
        some.append(record)
        num_letters += record.num_letters
    if some:
        yield some
