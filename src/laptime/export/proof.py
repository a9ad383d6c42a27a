"""The proof of an export: logits and greedy answers of base plus adapter, else none is kept."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from msgspec import Struct

from laptime.errors import UserError
from laptime.export.subject import Subject, name_dtype
from laptime.training.generate import forget_generation_settings, generate

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MOST_EXAMPLES = 8
MOST_TOKENS = 64  # of an example whose logits are compared, and of an answer
MOST_ANSWERS = 8
# Of the largest logit: what a rounding of each weight may come to, or another order of addition alone.
ROUNDING = {torch.float32: 5e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
Q8_ROUNDING = 4e-2  # of a weight in 8 bits, with a scale for 32 of them

Logits = Callable[[list[int]], torch.Tensor]  # of token ids, as TV in float32


class Task(Struct):
    """What both models are given: token ids of examples, and of prompts."""

    examples: list[list[int]]
    prompts: list[list[int]]
    stop_ids: list[int]
    held_out: bool
    positions: float  # that a prompt and its answer may have together

    def room(self, prompt: Sequence[int]) -> int:
        """Return the most tokens of an answer."""
        return int(max(1, min(MOST_TOKENS, self.positions - len(prompt))))

    @property
    def num_tokens(self) -> int:
        """The tokens whose logits are compared."""
        return sum(map(len, self.examples))


class Evidence(Struct):
    """What the reference computes: logits TV of each example, the tokens of each greedy answer.

    `untrained` are the logits of the base without the adapter, none where a whole model was trained.
    """

    logits: list[torch.Tensor]
    answers: list[list[int]]
    dtype: torch.dtype
    untrained: list[torch.Tensor]


class Proof(Struct, kw_only=True):
    """How an export was proven; `parted` greedy answers part where two tokens lie within rounding."""

    num_examples: int
    num_tokens: int
    held_out: bool
    difference: float
    allowed: float
    num_answers: int
    parted: int
    dtype: str  # in which both were computed


def make_task(subject: Subject) -> Task:
    """Choose held-out examples, else trained ones, and the prompts of the run's questions, else theirs."""
    encoded = subject.encoded
    examples = list((encoded.held_out or encoded.examples)[:MOST_EXAMPLES])
    prompts = [question.prompt_ids for question in encoded.questions[:MOST_ANSWERS]]
    if not prompts:
        prompts = [one.token_ids[: max(1, one.trained.index(True))] for one in examples if any(one.trained)]
    return Task(
        examples=[one.token_ids[:MOST_TOKENS] for one in examples],
        prompts=prompts,
        stop_ids=encoded.stop_ids,
        held_out=bool(encoded.held_out),
        positions=subject.config.get("max_position_embeddings") or math.inf,
    )


def take_evidence(subject: Subject, task: Task) -> Evidence:
    """Let base plus adapter, or the saved model, compute what an export must."""
    dtype = subject.proof_dtype()
    model = subject.load_reference(dtype).eval()
    logits = [compute_logits(model, ids) for ids in task.examples]
    untrained = []
    if subject.is_adapter:
        with model.disable_adapter():
            untrained = [compute_logits(model, ids) for ids in task.examples]
    evidence = Evidence(logits, answer(model, task), dtype, untrained)
    del model
    gc.collect()
    return evidence


def prove_model(model: PreTrainedModel, task: Task, evidence: Evidence, share: float, what: str) -> Proof:
    """Set a model against the evidence; raises UserError, naming `what`, where it computes something else."""
    model.eval()
    return prove(
        lambda ids: compute_logits(model, ids), lambda: answer(model, task), task, evidence, share, what
    )


def prove(
    logits_of: Logits,
    answer_all: Callable[[], list[list[int]]],
    task: Task,
    evidence: Evidence,
    share: float,
    what: str,
) -> Proof:
    """Set what computes logits and answers against the evidence; `share` of the largest is allowed."""
    largest = max(float(logits.abs().max()) for logits in evidence.logits)
    allowed = share * largest
    found = [logits_of(ids) for ids in task.examples]
    difference = max(map(measure, found, evidence.logits))
    if not difference <= allowed:
        raise UserError(
            f"{what}: not what was trained: its logits differ from base plus adapter by {difference:.2g}, "
            f"where rounding comes to {allowed:.2g} at most; nothing is kept"
        )
    refuse_lost(found, evidence, what)
    answers = answer_all()
    parted = [i for i, (one, other) in enumerate(zip(answers, evidence.answers, strict=True)) if one != other]
    if parted and share <= ROUNDING[torch.float32]:
        raise UserError(
            f"{what}: not what was trained: {len(parted)} of {len(answers)} greedy answers are others; "
            f"nothing is kept"
        )
    for index in parted:
        refuse_far_answer(
            logits_of, task.prompts[index], evidence.answers[index], answers[index], allowed, what
        )
    return Proof(
        num_examples=len(task.examples), num_tokens=task.num_tokens, held_out=task.held_out,
        difference=difference, allowed=allowed, num_answers=len(answers), parted=len(parted),
        dtype=name_dtype(evidence.dtype),
    )  # fmt: skip


def refuse_lost(found: Sequence[torch.Tensor], evidence: Evidence, what: str) -> None:
    """Raise UserError where rounding took away what was learned: nearer to the base than to it."""
    if evidence.untrained and add_squares(found, evidence.logits) > add_squares(found, evidence.untrained):
        raise UserError(
            f"{what}: nearer to the base than to what was trained: what was learned is smaller than the "
            f"rounding; keep the adapter (--to card); nothing is kept"
        )


def add_squares(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    """Return the sum of the squares of how far logits differ."""
    return sum(float((cut(a, b) - cut(b, a)).square().sum()) for a, b in zip(one, other, strict=True))


def cut(logits_TV: torch.Tensor, other_TV: torch.Tensor) -> torch.Tensor:
    """Return logits as far as both vocabularies go: one may be padded."""
    return logits_TV[:, : other_TV.shape[-1]]


def refuse_far_answer(
    logits_of: Logits, prompt: list[int], expected: list[int], found: list[int], allowed: float, what: str
) -> None:
    """Raise UserError where an answer parts from the expected one at tokens that rounding cannot exchange."""
    place = next((i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), None)
    if place is None:
        raise UserError(f"{what}: not what was trained: a greedy answer ends elsewhere; nothing is kept")
    last = logits_of([*prompt, *expected[:place]])[-1]
    gap = float(last[found[place]] - last[expected[place]])
    if not gap <= 2 * allowed:
        raise UserError(
            f"{what}: not what was trained: a greedy answer is another by {gap:.2g}, where rounding comes to "
            f"{2 * allowed:.2g} at most; nothing is kept"
        )


def measure(logits_TV: torch.Tensor, expected_TV: torch.Tensor) -> float:
    """Return the largest difference."""
    return float((cut(logits_TV, expected_TV) - cut(expected_TV, logits_TV)).abs().max())


@torch.no_grad()
def compute_logits(model: PreTrainedModel, token_ids: Sequence[int]) -> torch.Tensor:
    """Return the logits TV of an example in float32."""
    ids_BT = torch.tensor([list(token_ids)], device=model.device)
    return model(input_ids=ids_BT, use_cache=False).logits[0].float()


@torch.no_grad()
def answer(model: PreTrainedModel, task: Task) -> list[list[int]]:
    """Return the greedy answers to all prompts."""
    forget_generation_settings(model)
    return [generate(model, [prompt], task.stop_ids, MOST_TOKENS)[0] for prompt in task.prompts]
