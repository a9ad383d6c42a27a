"""What a model knows: its held-out loss and its answers; nothing of this counts as training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from laptime.data.batches import make_batch
from laptime.data.encoded import EncodedExample, Question
from laptime.data.encoding import encode_question, has_chat_template
from laptime.data.general import find_general
from laptime.data.templates import make_template
from laptime.runs.events import Answer, Answering, Evaluation, General, GeneralAnswer
from laptime.runs.record import RecordWriter
from laptime.speedups.forward import Forward
from laptime.training.generate import answer_questions
from laptime.training.loop import evaluate_each
from laptime.training.meter import Meter, NotFiniteError
from laptime.training.opening import Opened

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LONGEST_TEXT = 256  # tokens of a general text
LONGEST_ANSWER = 24  # tokens of an answer to a general question: how it begins tells enough
MOST_GROUPS = 1000  # of held-out examples in a record


def measure_held_out(
    opened: Opened,
    forward: Forward,
    record: RecordWriter,
    meter: Meter,
    when: Literal["before", "after"],
    packed: bool = False,
    num_steps: int = 0,
    micro_batch: int = 0,
) -> float | None:
    """Record the loss of the held-out set, if any; raises NotFiniteError, which names `num_steps`.

    `micro_batch` examples go through at once where those of the spec would not fit. Returns the loss.
    """
    if not opened.encoded.held_out:
        return None
    with meter.phase("evaluate"):
        sums, counts = evaluate_held_out(opened, forward, packed, micro_batch)
    loss, num_tokens = sum(sums) / sum(counts), sum(counts)
    if not math.isfinite(loss):
        raise NotFiniteError(num_steps, "held-out loss", ["of the held-out set"])
    sums, counts = fold(sums), fold(counts)
    record.write(Evaluation(when=when, loss=loss, num_tokens=num_tokens, sums=sums, counts=counts))
    return loss


def evaluate_held_out(
    opened: Opened, forward: Forward, packed: bool, micro_batch: int
) -> tuple[list[float], list[int]]:
    """Return the sum of the losses of each batch of the held-out set, and its trained tokens."""
    held_out = opened.encoded.held_out
    size = micro_batch or opened.spec.training.batch_size
    batches = (make_batch(held_out[i : i + size], packed=packed) for i in range(0, len(held_out), size))
    return evaluate_each(forward, batches)


def measure_general(opened: Opened, forward: Forward, record: RecordWriter, meter: Meter) -> None:
    """Record the loss of the general texts, and answers to a few questions of that kind.

    Nothing where there are no texts, or another run is the one that is asked.
    """
    in_comparison = bool(opened.job.comparison)  # else no base stands beside it
    texts = find_general(Path(opened.job.inputs)) if opened.job.asks and in_comparison else None
    if texts is None:
        return
    with meter.phase("evaluate"):
        most = min(LONGEST_TEXT, opened.encoded.max_length)
        examples = [encode_text(opened.tokenizer, text, most) for text in texts.texts]
        batches = (make_batch([example]) for example in examples if len(example.words) > 1)
        sums, counts = evaluate_each(forward, batches)
    loss = sum(sums) / max(1, sum(counts))
    if sums and math.isfinite(loss):
        record.write(General(name=texts.name, loss=loss, sums=sums, counts=counts))
    if texts.questions:
        with meter.phase("answer"):
            ask_general(opened, forward.model, texts.questions, record)


def ask_general(
    opened: Opened, model: PreTrainedModel, questions: Sequence[str], record: RecordWriter
) -> None:
    """Record short answers to questions that have nothing to do with the data, asked as those of the data."""
    template = make_template(opened.encoded.template, has_chat_template(opened.tokenizer))
    asked = [
        Question(text, encode_question(text, opened.tokenizer, template), None, "asked") for text in questions
    ]

    def write(event: Answer | Answering) -> None:
        if isinstance(event, Answer):
            record.write(
                GeneralAnswer(
                    question=event.question,
                    text=event.text,
                    num_tokens=event.num_tokens,
                    stopped=event.stopped,
                )
            )

    answer_questions(model, opened.tokenizer, asked, opened.encoded.stop_ids, LONGEST_ANSWER, write)


def encode_text(tokenizer: Any, text: str, most_tokens: int) -> EncodedExample:
    """Return a text as an example of which every token carries loss but the first."""
    token_ids = tokenizer(text)["input_ids"][:most_tokens]
    return EncodedExample(token_ids, [place > 0 for place in range(len(token_ids))], "general")


def fold(numbers: Sequence[float]) -> list[Any]:
    """Return at most MOST_GROUPS sums of neighbours: more tell no more of the error of their mean."""
    each = -(-len(numbers) // MOST_GROUPS)
    return [sum(numbers[place : place + each]) for place in range(0, len(numbers), max(1, each))]


def ask_questions(opened: Opened, model: PreTrainedModel | Any, record: RecordWriter, meter: Meter) -> None:
    """Record the answers to the questions, if there are any and this run is the one to answer them."""
    encoded = opened.encoded
    if not (encoded.questions and opened.job.asks):
        return
    with meter.phase("answer"):
        answer_questions(
            model,
            opened.tokenizer,
            encoded.questions,
            encoded.stop_ids,
            opened.spec.answers.max_new_tokens,
            record.write,
        )
