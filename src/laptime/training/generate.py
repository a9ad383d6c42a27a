"""Answers of a model: greedy, with a stop that is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig

from laptime.data.encoding import Question
from laptime.runs.events import Answer

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@torch.no_grad()
def answer_questions(
    model: PreTrainedModel,
    tokenizer: Any,
    questions: Sequence[Question],
    stop_ids: Sequence[int],
    max_new_tokens: int,
    write: Callable[[Answer], None],
) -> None:
    """Ask each question and hand its answer to `write` as soon as it is there."""
    model.eval()
    forget_generation_settings(model)
    for question in questions:
        token_ids = generate(model, question.prompt_ids, stop_ids, max_new_tokens)
        ended = bool(token_ids) and token_ids[-1] in stop_ids
        text = tokenizer.decode(token_ids[:-1] if ended else token_ids, skip_special_tokens=False)
        write(
            Answer(
                question=question.question,
                text=text.strip(),
                reference=question.reference,
                source=question.source,
                num_tokens=len(token_ids),
                stopped="end_of_sequence" if ended else "length",
            )
        )


def forget_generation_settings(model: PreTrainedModel) -> None:
    """Drop the model's own generation settings: transformers would fill in what ours leave open."""
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    bare.generation_config = GenerationConfig()
    model.generation_config = bare.generation_config


def generate(
    model: PreTrainedModel, prompt_ids: Sequence[int], stop_ids: Sequence[int], max_new_tokens: int
) -> list[int]:
    """Return the greedy continuation of `prompt_ids`, the stop token included.

    The model's own generation settings (sampling, penalties) are left out on purpose: every method is
    asked in the same way. The prompt and the answer stay within the model's positions.
    """
    limit = getattr(model.config, "max_position_embeddings", None)
    room = max_new_tokens if limit is None else max(1, min(max_new_tokens, limit - len(prompt_ids)))
    prompt_BT = torch.tensor([list(prompt_ids)], device=model.device)
    settings = GenerationConfig(
        max_new_tokens=room,
        do_sample=False,
        num_beams=1,
        eos_token_id=list(stop_ids),
        pad_token_id=stop_ids[0],
    )
    output_BT = model.generate(
        input_ids=prompt_BT,
        attention_mask=torch.ones_like(prompt_BT),
        generation_config=settings,
    )
    return output_BT[0, len(prompt_ids) :].tolist()
