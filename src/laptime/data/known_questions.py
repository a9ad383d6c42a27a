"""Finds the example that asks a question among the encoded ones, which keep no text of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from laptime.data.encoded import TOKEN, TRAINED, EncodedData, EncodedExample, EncodedExamples, Question


def find_question(
    question: str, prompt_ids: Sequence[int], encoded: EncodedData, tokenizer: Any
) -> Question | None:
    """Return `question` with its set and the answer there, None where no example begins with its tokens.

    `prompt_ids` is what the model is asked with: token for token what it saw in training.
    """
    if encoded.train_on == "all" and encoded.template == "plain":
        return None  # nothing tells where a question ends and its answer begins
    sets: tuple[tuple[Literal["trained", "held_out"], EncodedExamples], ...] = (
        ("trained", encoded.examples), ("held_out", encoded.held_out),
    )  # fmt: skip
    for source, examples in sets:
        for example in find_beginning(prompt_ids, examples):
            answer_ids = list(cut_answer(example, len(prompt_ids), encoded))
            if answer_ids:
                text = tokenizer.decode(answer_ids, clean_up_tokenization_spaces=False)
                return Question(question, list(prompt_ids), None if example.cut else text.strip(), source)
    return None


def find_beginning(prompt_ids: Sequence[int], examples: EncodedExamples) -> Iterator[EncodedExample]:
    """Yield the examples that begin with some tokens and go on."""
    import numpy

    words = numpy.asarray(examples.buffers.words)
    begins = numpy.asarray(examples.buffers.begins[examples.begin : examples.end]).astype(numpy.int64)
    places = numpy.flatnonzero(examples.lengths > len(prompt_ids))
    for offset in reversed(range(len(prompt_ids))):  # the beginning is that of the template, the same for all
        places = places[words[begins[places] + offset] & TOKEN == prompt_ids[offset]]
    for place in places:
        yield examples[int(place)]


def cut_answer(example: EncodedExample, begin: int, encoded: EncodedData) -> Iterator[int]:
    """Yield the tokens of the answer that begins at `begin`, up to its end; none where no answer does."""
    if encoded.train_on == "answers" and example.words[begin - 1] >= TRAINED:
        return
    for word in example.words[begin:]:
        if word < TRAINED or word & TOKEN in encoded.stop_ids:
            return
        yield word & TOKEN
