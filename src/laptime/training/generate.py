"""Answers of a model: greedy, with a stop that is checked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from msgspec.structs import replace
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from laptime.data.encoding import Question
from laptime.models.shape import FAMILIES
from laptime.runs.events import Answer, Answering

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PACE_SECONDS = 2.0
CACHE_BYTES = 1 << 29  # of keys and values of the questions that are asked at once
Hear = Callable[[int, list[list[int]]], None]


@torch.no_grad()
def answer_questions(
    model: PreTrainedModel,
    tokenizer: Any,
    questions: Sequence[Question],
    stop_ids: Sequence[int],
    max_new_tokens: int,
    write: Callable[[Answer | Answering], None],
    hear: Hear | None = None,
) -> None:
    """Ask all questions, several at once where the model can, and hand the answers to `write` in order.

    How far the answering has come is handed to it too, now and then. `hear` gets the tokens of those that are
    answered together as they come, behind the number of the first.
    """
    model.eval()
    forget_generation_settings(model)
    answered = 0
    for together in group_questions(model, questions, max_new_tokens):
        prompts = [question.prompt_ids for question in together]
        pace = Pace(len(questions), answered, len(together), write, hear)
        answers = generate_or_divide(model, prompts, stop_ids, max_new_tokens, pace)
        for question, token_ids in zip(together, answers, strict=True):
            write(make_answer(question, token_ids, tokenizer, stop_ids))
        answered += len(together)


def make_answer(question: Question, token_ids: list[int], tokenizer: Any, stop_ids: Sequence[int]) -> Answer:
    """Return the answer that the tokens are."""
    ended = bool(token_ids) and token_ids[-1] in stop_ids
    text = tokenizer.decode(token_ids[:-1] if ended else token_ids, skip_special_tokens=False)
    return Answer(
        question=question.question,
        text=text.strip(),
        reference=question.reference,
        source=question.source,
        num_tokens=len(token_ids),
        stopped="end_of_sequence" if ended else "length",
    )


class Pace(StoppingCriteria):
    """Stops nothing: transformers asks it after every token, and it says how far the answering has come."""

    def __init__(
        self,
        num_questions: int,
        answered: int,
        together: int,
        write: Callable[[Answering], None],
        hear: Hear | None = None,
    ) -> None:
        self.done = Answering(
            num_questions=num_questions, answered=answered, together=together, tokens=0, most_tokens=0
        )
        self._write, self._hear = write, hear
        self._said = time.monotonic()

    def begin(self, prompt_tokens: int, most_tokens: int) -> None:
        """Learn how many tokens stand before the first one of an answer, and how many may follow."""
        self._before = prompt_tokens
        self.done = replace(self.done, most_tokens=most_tokens)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Say so, not more often than every PACE_SECONDS."""
        if time.monotonic() - self._said >= PACE_SECONDS:
            self._said = time.monotonic()
            self._write(replace(self.done, tokens=input_ids.shape[1] - self._before))
        if self._hear:
            self._hear(self.done.answered, input_ids[:, self._before :].tolist())
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def group_questions(
    model: PreTrainedModel, questions: Sequence[Question], max_new_tokens: int
) -> Iterator[list[Question]]:
    """Yield the questions in order, those together that are asked at once.

    Reading the weights takes most of the time of a token, so that ten answers cost hardly more than one.
    Asked together are those whose answers end within the model's positions, as many as `CACHE_BYTES` hold the
    keys and values of; and only models whose family is known to leave padding on the left alone.
    """
    most = CACHE_BYTES // cache_bytes_per_token(model.config) if knows_padding(model) else 0
    limit = count_positions(model)
    group: list[Question] = []
    longest = 0
    for question in questions:
        longest = max(longest, len(question.prompt_ids))
        tokens = longest + max_new_tokens
        if group and ((len(group) + 1) * tokens > most or tokens > limit):
            yield group
            group, longest = [], len(question.prompt_ids)
        group.append(question)
    if group:
        yield group


def knows_padding(model: PreTrainedModel) -> bool:
    """Tell whether what is padded on the left of a prompt changes nothing of the answer."""
    code = type(find_base(model)).__module__
    known = model.config.model_type in FAMILIES and code.startswith("transformers.")
    return known and not count_own_tokens(model)  # PEFT forgets where padded prompts begin


def find_base(model: PreTrainedModel) -> Any:
    """Return the model of transformers within what PEFT made of it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def count_positions(model: PreTrainedModel) -> float:
    """Return the tokens that a prompt and its answer may have together; infinite where nothing says."""
    most = getattr(model.config, "max_position_embeddings", None) or math.inf
    return most - count_own_tokens(model)


def count_own_tokens(model: PreTrainedModel) -> int:
    """Return how many tokens PEFT puts before whatever is asked."""
    return getattr(getattr(model, "active_peft_config", None), "num_virtual_tokens", None) or 0


def cache_bytes_per_token(config: Any) -> int:
    """Return the bytes of the keys and values of a token in all layers, at four bytes a number."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * 4 * int(config.num_hidden_layers * heads * width)


def forget_generation_settings(model: PreTrainedModel) -> None:
    """Drop the model's own generation settings: transformers would fill in what ours leave open."""
    model.generation_config = find_base(model).generation_config = GenerationConfig()


def generate_or_divide(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    stop_ids: Sequence[int],
    max_new_tokens: int,
    pace: Pace,
) -> list[list[int]]:
    """Return what `generate` does; prompts that a GPU has no room for together are asked one by one."""
    try:
        return generate(model, prompts, stop_ids, max_new_tokens, pace)
    except torch.OutOfMemoryError:
        if len(prompts) == 1:
            raise
    torch.cuda.empty_cache()
    pace.done = replace(pace.done, together=1)
    answers = []
    for prompt in prompts:
        answers += generate(model, [prompt], stop_ids, max_new_tokens, pace)
        pace.done = replace(pace.done, answered=pace.done.answered + 1)
    return answers


def generate(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    stop_ids: Sequence[int],
    max_new_tokens: int,
    pace: Pace | None = None,
) -> list[list[int]]:
    """Return the greedy continuation of each of `prompts`, the stop token included.

    The model's own generation settings (sampling, penalties) are left out on purpose: every method is
    asked in the same way. One prompt and its answer stay within the model's positions; several must.
    """
    longest = max(map(len, prompts))
    room = int(max(1, min(max_new_tokens, count_positions(model) - longest)))
    padding = stop_ids[0]
    rows = [[padding] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    settings = GenerationConfig(
        max_new_tokens=room, do_sample=False, num_beams=1, eos_token_id=list(stop_ids), pad_token_id=padding
    )
    if pace:
        pace.begin(longest, room)
    with contiguous_head(model):
        output_BT = model.generate(
            input_ids=torch.tensor(rows, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            generation_config=settings,
            stopping_criteria=StoppingCriteriaList([pace] if pace else []),
        )
    return [cut_at_stop(ids, stop_ids) for ids in output_BT[:, longest:].tolist()]


@contextmanager
def contiguous_head(model: PreTrainedModel) -> Iterator[None]:
    """Let the head have the last state of each prompt as a tensor of its own.

    transformers gives it a slice of all states, for which torch multiplies batch by batch, and copies the
    vocabulary's matrix once for every prompt to do so.
    """
    head = find_base(model).get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, states: (states[0].contiguous(),)) if head else None
    try:
        yield
    finally:
        if hook:
            hook.remove()


def cut_at_stop(token_ids: list[int], stop_ids: Sequence[int]) -> list[int]:
    """Return the tokens up to the first that ends an answer, that one included: padding stands behind it."""
    ends = [place for place, token in enumerate(token_ids) if token in stop_ids]
    return token_ids[: ends[0] + 1] if ends else token_ids
