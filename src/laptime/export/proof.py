"""The proof of an export: logits and greedy answers of base plus adapter, else none is kept.

Two things are held apart: merging and writing, which must change nothing beyond the last digits, and the
rounding of weights to the number format of the export, which is measured. No fault hides behind a rounding.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from msgspec import Struct

from laptime.errors import UserError
from laptime.export.merging import merge_layers
from laptime.export.subject import Subject, name_dtype
from laptime.training.generate import forget_generation_settings, generate, knows_padding

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MOST_EXAMPLES = 5
MOST_TOKENS = 64  # of an example whose logits are compared
MOST_ANSWERS = 5
MOST_NEW_TOKENS = 32  # of an answer
# Of the largest logit: what another order of additions may come to.
EXACT = {torch.float32: 5e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
TOO_MUCH = 0.1  # of the largest logit: what no rounding of weights that is of use comes to

Logits = Callable[[list[int]], torch.Tensor]  # of token ids, as TV in float32
Rounding = Callable[[str, torch.Tensor], torch.Tensor]  # of a weight by its name, to what will be read back


class Task(Struct):
    """What all models are given: token ids of examples, and of prompts."""

    examples: list[list[int]]
    prompts: list[list[int]]
    stop_ids: list[int]
    held_out: bool
    positions: float  # that a prompt and its answer may have together

    def room(self, prompt: Sequence[int]) -> int:
        """Return the most tokens of an answer."""
        return int(max(1, min(MOST_NEW_TOKENS, self.positions - len(prompt))))

    @property
    def num_tokens(self) -> int:
        """The tokens whose logits are compared."""
        return sum(map(len, self.examples))


class Shown(Struct):
    """What a model computes: logits TV of each example, the tokens of greedy answers where it was asked."""

    logits: list[torch.Tensor]
    answers: list[list[int]] = []

    @property
    def largest(self) -> float:
        """The largest logit."""
        return max(float(logits.abs().max()) for logits in self.logits)


class Evidence(Struct, kw_only=True):
    """What is expected of an export: `trained`, and the same with weights rounded as the export has them."""

    trained: Shown
    rounded: Shown
    dtype: torch.dtype

    @property
    def rounding(self) -> float:
        """What the rounding of weights comes to, in logits."""
        return max(map(measure, self.rounded.logits, self.trained.logits))


class Proof(Struct, kw_only=True):
    """How an export was proven: its logits beside base plus adapter, and how many answers are equal."""

    num_examples: int
    num_tokens: int
    held_out: bool
    difference: float
    inexact: float  # of that, what is not the rounding of weights
    num_answers: int
    num_equal: int
    dtype: str  # in which all was computed


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


def take_evidence(
    subject: Subject, task: Task, merges: bool, rounding: Rounding | None, what: str
) -> Evidence:
    """Let base plus adapter, or the saved model, compute what an export must; once more merged and rounded.

    Raises UserError where merging changes it, or rounding takes it away; `what` begins the line.
    """
    dtype = subject.proof_dtype()
    model = subject.load_reference(dtype).eval()
    trained = show(model, task)
    untrained: list[torch.Tensor] = []
    if subject.is_adapter and merges:
        with model.disable_adapter():
            untrained = [compute_logits(model, ids) for ids in task.examples]
        merge_layers(model)
        model = model.unload()
        refuse_difference(look(model, task), trained, EXACT[dtype], f"{what}: merging changes")
    rounded = trained
    if rounding:
        for name, parameter in model.named_parameters():
            parameter.data = rounding(name, parameter.data)
        rounded = look(model, task)  # not asked: rounded weights may answer otherwise
        refuse_lost(rounded.logits, trained, untrained, what)
    del model
    gc.collect()
    return Evidence(trained=trained, rounded=rounded, dtype=dtype)


def prove(found: Shown, task: Task, evidence: Evidence, what: str, share: float | None = None) -> Proof:
    """Set what an export computes against the evidence; raises UserError where it is something else.

    `share` of the largest logit is allowed, where another program adds up in coarser numbers than ours.
    """
    refuse_difference(found, evidence.rounded, share or EXACT[evidence.dtype], f"{what}: changes")
    return Proof(
        num_examples=len(task.examples), num_tokens=task.num_tokens, held_out=task.held_out,
        difference=max(map(measure, found.logits, evidence.trained.logits)),
        inexact=max(map(measure, found.logits, evidence.rounded.logits)),
        num_answers=len(task.prompts),
        num_equal=sum(map(list.__eq__, found.answers, evidence.trained.answers)),
        dtype=name_dtype(evidence.dtype),
    )  # fmt: skip


def refuse_difference(found: Shown, expected: Shown, share: float, what: str) -> None:
    """Raise UserError for logits that are further away than a share of the largest, and for other answers."""
    difference, allowed = max(map(measure, found.logits, expected.logits)), share * expected.largest
    if not difference <= allowed:
        raise UserError(
            f"{what} the logits by {difference:.2g}, where {allowed:.2g} would be rounding; nothing is kept"
        )
    others = sum(map(list.__ne__, found.answers, expected.answers))  # none where one was not asked
    if others:
        raise UserError(f"{what} {others} of {len(expected.answers)} greedy answers; nothing is kept")


def refuse_lost(
    rounded: Sequence[torch.Tensor], trained: Shown, untrained: Sequence[torch.Tensor], what: str
) -> None:
    """Raise UserError where rounding the weights takes away what was learned, or the model itself."""
    difference = max(map(measure, rounded, trained.logits))
    if not difference <= TOO_MUCH * trained.largest:
        raise UserError(
            f"{what}: rounding the weights changes the logits by {difference:.2g}, of {trained.largest:.2g} "
            f"at most; take a wider number format; nothing is kept"
        )
    if untrained and add_squares(rounded, trained.logits) > add_squares(rounded, untrained):
        raise UserError(
            f"{what}: rounded weights are nearer to the base than to what was trained: too little was "
            f"learned to survive it; keep the adapter (--to card); nothing is kept"
        )


def measure(logits_TV: torch.Tensor, expected_TV: torch.Tensor) -> float:
    """Return the largest difference."""
    return float((cut(logits_TV, expected_TV) - cut(expected_TV, logits_TV)).abs().max())


def add_squares(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    """Return the sum of the squares of how far logits differ."""
    return sum(float((cut(a, b) - cut(b, a)).square().sum()) for a, b in zip(one, other, strict=True))


def cut(logits_TV: torch.Tensor, other_TV: torch.Tensor) -> torch.Tensor:
    """Return logits as far as both vocabularies go: one may be padded."""
    return logits_TV[:, : other_TV.shape[-1]]


def look(model: PreTrainedModel, task: Task) -> Shown:
    """Let a model compute the logits of the task, and answer nothing."""
    model.eval()
    return Shown([compute_logits(model, ids) for ids in task.examples])


def show(model: PreTrainedModel, task: Task) -> Shown:
    """Let a model compute all of the task."""
    return Shown(look(model, task).logits, answer(model, task))


@torch.no_grad()
def compute_logits(model: PreTrainedModel, token_ids: Sequence[int]) -> torch.Tensor:
    """Return the logits TV of an example in float32."""
    ids_BT = torch.tensor([list(token_ids)], device=model.device)
    return model(input_ids=ids_BT, use_cache=False).logits[0].float()


@torch.no_grad()
def answer(model: PreTrainedModel, task: Task) -> list[list[int]]:
    """Return the greedy answers to all prompts, asked together where that changes none."""
    forget_generation_settings(model)
    longest = max(map(len, task.prompts))
    if knows_padding(model) and longest + MOST_NEW_TOKENS <= task.positions:
        return generate(model, task.prompts, task.stop_ids, MOST_NEW_TOKENS)
    return [generate(model, [one], task.stop_ids, MOST_NEW_TOKENS)[0] for one in task.prompts]
