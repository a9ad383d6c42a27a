"""The order of the batches: a pure function of (records, seed, epoch), the same for every method.

Shapes: B records of a micro-batch, T tokens of the longest of them, N trained tokens in all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from laptime.inputs.encoded import EncodedRecord, digest_step
from laptime.spec import TrainingSpec

if TYPE_CHECKING:
    import torch


class StepPlan(Struct, frozen=True):
    """One optimizer step: the indices of its records, one list a micro-batch; `epoch` counts from 1."""

    step: int
    epoch: int
    micro_batches: list[list[int]]


class Batch(Struct):
    """A micro-batch as tensors; padding is known by length, never by a token id.

    Trained tokens are named by index, not by a mask: selecting by a mask would make a GPU wait for the
    host to count them. N of them: `targets_N`, predicted at `positions_N` (row * T + column).
    """

    token_ids_BT: torch.Tensor
    attention_mask_BT: torch.Tensor | None  # None without padding: attention is then causal, nothing else
    positions_N: torch.Tensor
    targets_N: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """Move to `device` without waiting for it."""
        mask_BT = self.attention_mask_BT
        return Batch(
            self.token_ids_BT.to(device, non_blocking=True),
            None if mask_BT is None else mask_BT.to(device, non_blocking=True),
            self.positions_N.to(device, non_blocking=True),
            self.targets_N.to(device, non_blocking=True),
        )


class TrainStep(Struct):
    """One optimizer step with its batches and counts; `digest` proves which work it was."""

    step: int
    epoch: int
    batches: list[Batch]
    sources: list[str]
    num_trained_tokens: int
    num_tokens: int
    num_padded_tokens: int
    digest: str


def plan_steps(num_records: int, training: TrainingSpec, seed: int) -> list[StepPlan]:
    """Lay out every step: records are shuffled anew each epoch, the last batch of an epoch may be short."""
    plans: list[StepPlan] = []
    records_per_step = training.batch_size * training.gradient_accumulation
    for epoch in range(1, training.epochs + 1):
        order = list(range(num_records))
        random.Random(f"{seed}-{epoch}").shuffle(order)
        for start in range(0, num_records, records_per_step):
            chosen = order[start : start + records_per_step]
            micro = [chosen[i : i + training.batch_size] for i in range(0, len(chosen), training.batch_size)]
            plans.append(StepPlan(len(plans) + 1, epoch, micro))
            if len(plans) == training.max_steps:
                return plans
    return plans


def make_batch(records: Sequence[EncodedRecord], pin: bool = False) -> Batch:
    """Pad `records` on the right to the longest of them; `pin` for copies that a GPU need not wait for."""
    import torch

    longest = max(len(record.token_ids) for record in records)
    ids_BT = torch.zeros(len(records), longest, dtype=torch.long)
    mask_BT = torch.zeros(len(records), longest, dtype=torch.long)
    positions: list[int] = []
    targets: list[int] = []
    for row, record in enumerate(records):
        ids_BT[row, : len(record.token_ids)] = torch.tensor(record.token_ids)
        mask_BT[row, : len(record.token_ids)] = 1
        # From 1: the first token has nothing before it that could predict it.
        trained = [column for column in range(1, len(record.token_ids)) if record.trained[column]]
        positions += [row * longest + column - 1 for column in trained]
        targets += [record.token_ids[column] for column in trained]
    is_padded = any(len(record.token_ids) < longest for record in records)
    tensors = [
        ids_BT,
        mask_BT,
        torch.tensor(positions, dtype=torch.long),
        torch.tensor(targets, dtype=torch.long),
    ]
    ids_BT, mask_BT, positions_N, targets_N = (t.pin_memory() if pin else t for t in tensors)
    return Batch(ids_BT, mask_BT if is_padded else None, positions_N, targets_N)


def make_steps(
    records: Sequence[EncodedRecord], training: TrainingSpec, seed: int, pin: bool = False
) -> list[TrainStep]:
    """Turn the plan into tensors, once, before the clock of the training starts."""
    steps = []
    for plan in plan_steps(len(records), training, seed):
        chosen = [[records[i] for i in micro] for micro in plan.micro_batches]
        batches = [make_batch(micro, pin) for micro in chosen]
        flat = [record for micro in chosen for record in micro]
        steps.append(
            TrainStep(
                step=plan.step,
                epoch=plan.epoch,
                batches=batches,
                sources=[record.source for record in flat],
                num_trained_tokens=sum(len(batch.targets_N) for batch in batches),
                num_tokens=sum(len(record.token_ids) for record in flat),
                num_padded_tokens=sum(batch.token_ids_BT.numel() for batch in batches),
                digest=digest_step(flat),
            )
        )
    return steps
