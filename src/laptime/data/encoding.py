"""Examples to token ids, and which of them are trained.

The prompt is encoded by itself, as it will be when the model is asked: token for token the same in
training and in asking. What follows it is the answer; its end of sequence is trained.
"""

from __future__ import annotations

import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from laptime.data.bulk_tokens import DisagreementError
from laptime.data.chat import (
    give_template,
)
from laptime.data.encoded import (
    EncodedData,
    EncodedExample,
    Question,
    read_encoded,
    write_encoded,
)
from laptime.data.encoder import Encoder
from laptime.data.examples import ExampleSet
from laptime.data.flat_examples import FlatExamples
from laptime.data.notes import Tally, make_notes
from laptime.data.questions import Questions
from laptime.data.room import Room
from laptime.data.templates import Template, choose_template
from laptime.models.config_shape import DEFAULT_MAX_LENGTH, choose_max_length
from laptime.spec import AnswerSpec, DataSpec

__all__ = [
    "EncodedData",
    "EncodedExample",
    "Question",
    "encode",
    "encode_question",
    "has_chat_template",
    "read_encoded",
    "write_encoded",
]


def encode(
    examples: ExampleSet,
    tokenizer: Any,
    spec: DataSpec,
    answers: AnswerSpec,
    model_max_length: int | None,
    lists_bad: bool = False,
    num_processes: int = 1,
    inputs: Path | None = None,
) -> EncodedData:
    """Encode the training set, the held-out set and the questions with a transformers tokenizer.

    Many examples are encoded by `num_processes` at once. With `lists_bad` a refusal lists up to 1,000
    examples, else it comes as soon as it is sure. `inputs` is the folder that is to keep them. Raises
    UserError for a template that does not fit, a tokenizer without end of sequence, an example whose prompt
    leaves no room for an answer, and a disk that will surely be full.
    """
    given = give_template(tokenizer, spec.chat_template)
    template = choose_template(spec.template, examples, has_chat_template(tokenizer), given.name)
    limit = choose_max_length(spec.max_length, model_max_length)

    def encode_all(in_bulk: bool, num_processes: int) -> EncodedData:
        encoder = Encoder(tokenizer, template, spec.train_on, limit, in_bulk)
        encoder.num_processes = num_processes
        encoder.skips_bad, encoder.lists_bad = spec.skip_bad, lists_bad
        data = _encode(examples, encoder, answers, inputs)
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


def _encode(examples: ExampleSet, encoder: Encoder, answers: AnswerSpec, inputs: Path | None) -> EncodedData:
    """Encode all examples and questions; raises DisagreementError where that has to be done otherwise."""
    began = time.perf_counter()
    template = encoder.template
    flat, questions = FlatExamples(), Questions(answers, encoder.encode_prompt)
    tally = Tally(template, encoder.tokens.unknown_id, examples.example_notes)
    room = Room(examples.examples, inputs)
    for chosen, is_held_out in ((examples.examples, False), (examples.held_out, True)):
        flat.begin_set()
        for piece in encoder.encode_examples(chosen):
            flat.add(piece.words, piece.begins, piece.cuts, piece.sources)
            if not is_held_out:
                room.look(flat.num_bytes, piece.places[-1] + 1)
            tally.add(piece, is_held_out)
            questions.add(piece, chosen, "held_out" if is_held_out else "trained")
        tally.add_skipped(encoder.end_set(chosen), examples, is_held_out)
    trained, held_out = flat.finish()
    return EncodedData(
        name=examples.name,
        digest=flat.digest,
        template=template.name,
        template_reason=template.reason,
        shape=examples.shape,
        examples=trained,
        held_out=held_out,
        questions=questions.make(encoder.encode_question),
        stop_ids=encoder.stop_ids,
        num_special_text=tally.counts.num_special_text,
        encode_seconds=time.perf_counter() - began,
        counts=tally.counts,
        max_length=encoder.max_length,
        train_on=encoder.train_on,
        held_out_name=examples.held_out_name,
        ignored_columns=examples.ignored_columns,
        notes=[
            *examples.notes,
            *tally.skipped_notes,
            *make_notes(tally, encoder.tokens, encoder.max_length),
        ],
        example_notes=tally.example_notes,
    )


def encode_question(question: str, tokenizer: Any, template: Template) -> list[int]:
    """Return the tokens of a question as the model saw its questions in training."""
    return Encoder(tokenizer, template, "answers", DEFAULT_MAX_LENGTH).encode_question(question)


def has_chat_template(tokenizer: Any) -> bool:
    """Tell whether the tokenizer brings a chat template (of several, one for chatting)."""
    template = getattr(tokenizer, "chat_template", None)
    return "default" in template if isinstance(template, dict) else bool(template)
