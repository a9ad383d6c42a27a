"""Records to token ids, and which of them are trained.

The prompt is encoded by itself, as it will be when the model is asked: token for token the same in
training and in asking. What follows it is the answer; its end of sequence is trained.
"""

from __future__ import annotations

import time
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from laptime.data.bulk_tokens import DisagreementError
from laptime.data.chat import (
    give_template,
)
from laptime.data.encoded import (
    EncodedData,
    EncodedRecord,
    Question,
    read_encoded,
    write_encoded,
)
from laptime.data.encoder import Encoder
from laptime.data.flat_records import FlatRecords
from laptime.data.notes import Findings, make_notes
from laptime.data.questions import Questions
from laptime.data.records import RecordSet
from laptime.data.templates import Template, choose_template
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


def encode(
    records: RecordSet,
    tokenizer: Any,
    spec: DataSpec,
    answers: AnswerSpec,
    model_max_length: int | None,
    lists_bad: bool = False,
    num_processes: int = 1,
) -> EncodedData:
    """Encode the training set, the held-out set and the questions with a transformers tokenizer.

    Many records are encoded by `num_processes` at once. With `lists_bad` a refusal lists up to 1,000 records,
    else it comes as soon as it is sure. Raises UserError for a template that does not fit, a tokenizer
    without end of sequence, and a record whose prompt leaves no room for an answer.
    """
    given = give_template(tokenizer, spec.chat_template)
    template = choose_template(spec.template, records, has_chat_template(tokenizer), given.name)
    limit = choose_max_length(spec.max_length, model_max_length)

    def encode_all(in_bulk: bool, num_processes: int) -> EncodedData:
        encoder = Encoder(tokenizer, template, spec.train_on, limit, in_bulk)
        encoder.num_processes = num_processes
        encoder.skips_bad, encoder.lists_bad = spec.skip_bad, lists_bad
        data = _encode(records, encoder, answers)
        data.chat_template, data.chat_template_name = given.text, given.name
        data.turn_end = encoder.find_turn_end() if given.text else ""
        data.notes[:0] = given.notes
        return data

    try:
        return encode_all(True, num_processes)
    except BrokenProcessPool:  # one of several was killed, for want of memory most often
        return encode_all(True, 1)
    except DisagreementError as error:
        data = encode_all(False, num_processes)
        data.notes.append(f"encoded slowly, by tokenizers alone: {error}")
        return data


def _encode(records: RecordSet, encoder: Encoder, answers: AnswerSpec) -> EncodedData:
    """Encode all records and questions; raises DisagreementError where that has to be done otherwise."""
    began = time.perf_counter()
    template = encoder.template
    flat, questions = FlatRecords(), Questions(answers, encoder.encode_prompt)
    findings = Findings(template, encoder.tokens.unknown_id, records.remarks)
    for chosen, is_held_out in ((records.records, False), (records.held_out, True)):
        flat.begin_set()
        for piece in encoder.encode_records(chosen):
            flat.add(piece.words, piece.begins, piece.cuts, piece.sources)
            findings.add(piece, is_held_out)
            questions.add(piece, chosen, "held_out" if is_held_out else "trained")
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
    return Encoder(tokenizer, template, "answers", DEFAULT_MAX_LENGTH).encode_question(question)


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
