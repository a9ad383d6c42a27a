"""The order of the batches: a pure function of (records, seed, epoch), the same for every method.

Shapes: B records of a micro-batch, T tokens of the longest of them.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from laptime.spec import TrainingSpec

if TYPE_CHECKING:
    import torch

    from laptime.inputs.encoding import EncodedRecord


class StepPlan(Struct, frozen=True):
    """One optimizer step: the indices of its records, one list a micro-batch; `epoch` counts from 1."""

    step: int
    epoch: int
    micro_batches: list[list[int]]


class Batch(Struct):
    """A micro-batch as tensors; padding is known by length, never by a token id."""

    token_ids_BT: torch.Tensor
    attention_mask_BT: torch.Tensor
    trained_BT: torch.Tensor  # bool; False on padding and on the prompt

    def to(self, device: torch.device) -> Batch:
        """Move to `device` without waiting for it."""
        return Batch(
            self.token_ids_BT.to(device, non_blocking=True),
            self.attention_mask_BT.to(device, non_blocking=True),
            self.trained_BT.to(device, non_blocking=True),
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


def digest_records(records: Sequence[EncodedRecord]) -> str:
    """Return a short SHA-256 over the token ids and trained positions of `records`, in order."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(len(record.token_ids).to_bytes(4, "little"))
        digest.update(b"".join(token.to_bytes(4, "little") for token in record.token_ids))
        digest.update(bytes(record.trained))
    return digest.hexdigest()[:16]


def make_batch(records: Sequence[EncodedRecord], pin: bool = False) -> Batch:
    """Pad `records` on the right to the longest of them."""
    import torch

    longest = max(len(record.token_ids) for record in records)
    ids_BT = torch.zeros(len(records), longest, dtype=torch.long)
    mask_BT = torch.zeros(len(records), longest, dtype=torch.long)
    trained_BT = torch.zeros(len(records), longest, dtype=torch.bool)
    for row, record in enumerate(records):
        length = len(record.token_ids)
        ids_BT[row, :length] = torch.tensor(record.token_ids)
        mask_BT[row, :length] = 1
        trained_BT[row, :length] = torch.tensor(record.trained)
    # The first token has nothing before it that could predict it.
    trained_BT[:, 0] = False
    if pin:
        return Batch(ids_BT.pin_memory(), mask_BT.pin_memory(), trained_BT.pin_memory())
    return Batch(ids_BT, mask_BT, trained_BT)


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
                num_trained_tokens=sum(int(batch.trained_BT.sum()) for batch in batches),
                num_tokens=sum(len(record.token_ids) for record in flat),
                num_padded_tokens=sum(batch.token_ids_BT.numel() for batch in batches),
                digest=digest_records(flat),
            )
        )
    return steps
