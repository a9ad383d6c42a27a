"""Records to token ids, and which of them are trained.

The prompt is encoded by itself, as it will be when the model is asked: token for token the same in
training and in asking. What follows it is the answer; its end of sequence is trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from laptime.errors import UserError
from laptime.inputs.chat import ChatTemplate, Part, no_end_of_sequence, refuse_contradiction
from laptime.inputs.encoded import (
    Counts,
    EncodedData,
    EncodedRecord,
    Question,
    digest_encoded,
    read_encoded,
    write_encoded,
)
from laptime.inputs.notes import Encoded, make_notes, make_remarks
from laptime.inputs.records import Message, Record, RecordsError, RecordSet, Remark
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


def encode(
    records: RecordSet, tokenizer: Any, spec: DataSpec, answers: AnswerSpec, model_max_length: int | None
) -> EncodedData:
    """Encode the training set, the held-out set and the questions with a transformers tokenizer.

    Raises UserError for a template that does not fit, a tokenizer without end of sequence, and a record
    whose prompt leaves no room for an answer.
    """
    began = time.perf_counter()
    template = choose_template(spec.template, records, has_chat_template(tokenizer))
    encoder = _Encoder(
        tokenizer, template, spec.train_on, choose_max_length(spec.max_length, model_max_length)
    )
    train = encoder.encode_records(records.records)
    held_out = encoder.encode_records(records.held_out)
    num_special_text = encoder.tokens.num_special_text
    trained = [item.tokens for item in train]
    held = [item.tokens for item in held_out]
    counts = _count(trained, held, num_special_text, encoder.tokens.unknown_id)
    return EncodedData(
        name=records.name,
        digest=digest_encoded(trained, held),
        template=template.name,
        template_reason=template.reason,
        shape=records.shape,
        records=trained,
        held_out=held,
        questions=_make_questions(answers, train, held_out, encoder),
        stop_ids=encoder.stop_ids,
        num_special_text=num_special_text,
        encode_seconds=time.perf_counter() - began,
        counts=counts,
        max_length=encoder.max_length,
        train_on=spec.train_on,
        held_out_name=records.held_out_name,
        ignored_columns=records.ignored_columns,
        notes=[
            *records.notes,
            *make_notes([*train, *held_out], encoder.tokens, template, counts, encoder.max_length),
        ],
        remarks=[*records.remarks, *make_remarks([*train, *held_out], encoder.tokens.unknown_id)],
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
        self, tokenizer: Any, template: Template, train_on: Literal["answers", "all"], max_length: int
    ) -> None:
        self.tokens = Tokens(tokenizer)
        self.template = template
        self.train_on = train_on
        self.max_length = max_length
        self.chat = ChatTemplate(self.tokens) if template.kind == "chat" else None
        # A chat template writes the beginning of sequence itself.
        self.leading_ids = [] if self.chat else self.tokens.leading_ids

    @property
    def stop_ids(self) -> list[int]:
        """Return the tokens that end an answer."""
        ends = [] if self.tokens.eos_id is None else [self.tokens.eos_id]
        return list(dict.fromkeys([*ends, *(self.chat.turn_end_ids if self.chat else ())]))

    def encode_records(self, records: Sequence[Record]) -> list[Encoded]:
        """Encode records in order."""
        split: Callable[[Record], list[Part]] = self._split_chat if self.chat else self._split_text
        parts, num_special_text = [], []
        for record in records:
            before = self.tokens.num_special_text
            parts.append(split(record))
            num_special_text.append(self.tokens.num_special_text - before)
        ids = self.tokens.encode_parts([[text for text, _ in record_parts] for record_parts in parts])
        encoded = [
            self._assemble(record, [answer for _, answer in record_parts], part_ids)
            for record, record_parts, part_ids in zip(records, parts, ids, strict=True)
        ]
        for item, count in zip(encoded, num_special_text, strict=True):
            item.num_special_text = count
        self._refuse_untrained([item for item in encoded if item.is_lost or not any(item.tokens.trained)])
        return encoded

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
        return self.chat.split(protected, record.num_prompt_messages, record.source)

    def _split_text(self, record: Record) -> list[Part]:
        """Cut a pair into prompt and answer; plain text is all answer."""
        if self.tokens.eos_id is None:
            raise no_end_of_sequence(record.source)
        protect = self.tokens.protect
        if record.text is not None:
            return [(protect(record.text), True)]
        prompt, context, system, completion = map(protect, as_pair(record, self.template))
        return [(self.template.fill(prompt, context, system), False), (completion, True)]

    def _assemble(self, record: Record, answers: list[bool], part_ids: list[list[int]]) -> Encoded:
        """Put the parts of a record together, cut at the maximum length."""
        lead = self._with_leading(part_ids[0])[: -len(part_ids[0])] if part_ids[0] else self.leading_ids
        token_ids, trained = list(lead), [False] * len(lead)
        prompt_ids: list[int] = []
        for answer, ids in zip(answers, part_ids, strict=True):
            if answer:
                prompt_ids = list(token_ids)
            token_ids += ids
            trained += [answer or self.train_on == "all"] * len(ids)
        if not self.chat:
            assert self.tokens.eos_id is not None
            token_ids, trained = [*token_ids, self.tokens.eos_id], [*trained, True]
        trained[0] = False
        cut = max(0, len(token_ids) - self.max_length)
        tokens = EncodedRecord(token_ids[: self.max_length], trained[: self.max_length], record.source, cut)
        is_lost = not any(ids for answer, ids in zip(answers, part_ids, strict=True) if answer)
        return Encoded(record, tokens, prompt_ids, is_lost)

    def _refuse_untrained(self, untrained: list[Encoded]) -> None:
        """Refuse records of whose answer nothing is trained."""
        if not untrained:
            return
        remarks = [Remark(item.record.source, self._tell_untrained(item)) for item in untrained]
        more = len(remarks) - 1
        others = f" (and {more} more such record{'s'[: more > 1]}; laptime data lists them)" if more else ""
        raise RecordsError(f"{remarks[0].source}: nothing left to train: {remarks[0].text}{others}", remarks)

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


def _make_questions(
    spec: AnswerSpec, train: list[Encoded], held_out: list[Encoded], encoder: _Encoder
) -> list[Question]:
    """Return the asked questions, else the first held-out ones, else the first trained ones."""
    if spec.ask:
        return [_look_up(question, train, held_out, encoder) for question in spec.ask]
    chosen = [("held_out", item) for item in held_out] or [("trained", item) for item in train]
    return [
        _make_question(item, source)
        for source, item in chosen[: spec.max_questions]
        if item.record.text is None
    ]


def _look_up(question: str, train: list[Encoded], held_out: list[Encoded], encoder: _Encoder) -> Question:
    """Give an asked question the reference and the source of the record that asks the same, if any does."""
    for source, items in (("trained", train), ("held_out", held_out)):
        for item in items:
            if item.record.text is None and item.record.is_alone and _same(item.record.question, question):
                return _make_question(item, source)
    return Question(question, encoder.encode_question(question), None, "asked")


def _make_question(item: Encoded, source: Any) -> Question:
    """Ask what a record asks; a conversation's last question comes with its history."""
    return Question(item.record.question, item.prompt_ids, item.record.answer, source)


def _same(one: str, other: str) -> bool:
    return one.strip() == other.strip()


def _count(
    trained: list[EncodedRecord], held_out: list[EncodedRecord], num_special_text: int, unknown_id: int | None
) -> Counts:
    """Count tokens of both sets."""
    both = [*trained, *held_out]
    unknown = sum(record.token_ids.count(unknown_id) for record in both) if unknown_id is not None else 0
    return Counts(
        num_records=len(trained),
        num_held_out=len(held_out),
        num_tokens=sum(len(record.token_ids) for record in trained),
        num_trained_tokens=sum(sum(record.trained) for record in trained),
        num_held_out_tokens=sum(len(record.token_ids) for record in held_out),
        num_held_out_trained_tokens=sum(sum(record.trained) for record in held_out),
        num_cut=sum(record.cut > 0 for record in both),
        num_cut_tokens=sum(record.cut for record in both),
        num_special_text=num_special_text,
        num_unknown_tokens=unknown,
    )
