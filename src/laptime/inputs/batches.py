"""The order of the batches: a pure function of (records, seed, epoch), the same for every method.

Shapes: B records of a micro-batch, T tokens of the longest of them, N trained tokens in all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from laptime.inputs.encoded import EncodedRecord, digest_step, digest_tokens
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
    lengths: list[int]  # of the records, without padding
    keys: list[str]  # of the records: equal for equal token ids
    packed: bool = False  # the records stand one after another in a single row

    @property
    def segments(self) -> list[int]:
        """The number of places of each record in the flattened batch."""
        return self.lengths if self.packed else [self.token_ids_BT.shape[1]] * len(self.lengths)

    def pin(self) -> Batch:
        """Move to memory from which a GPU copies by itself."""
        mask_BT = self.attention_mask_BT
        return msgspec.structs.replace(
            self,
            token_ids_BT=self.token_ids_BT.pin_memory(),
            attention_mask_BT=None if mask_BT is None else mask_BT.pin_memory(),
            positions_N=self.positions_N.pin_memory(),
            targets_N=self.targets_N.pin_memory(),
        )

    def to(self, device: torch.device) -> Batch:
        """Move to `device` without waiting for it."""
        mask_BT = self.attention_mask_BT
        return msgspec.structs.replace(
            self,
            token_ids_BT=self.token_ids_BT.to(device, non_blocking=True),
            attention_mask_BT=None if mask_BT is None else mask_BT.to(device, non_blocking=True),
            positions_N=self.positions_N.to(device, non_blocking=True),
            targets_N=self.targets_N.to(device, non_blocking=True),
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


def make_batch(records: Sequence[EncodedRecord], pin: bool = False, packed: bool = False) -> Batch:
    """Lay out records: one a row, padded on the right to the longest, or `packed` into a single row.

    `pin` for copies that a GPU need not wait for.
    """
    import torch

    lengths = [len(record.token_ids) for record in records]
    room = sum(lengths) if packed else max(lengths)
    ids_BT = torch.zeros(1 if packed else len(records), room, dtype=torch.long)
    flat_ids = ids_BT.view(-1)
    positions: list[int] = []
    targets: list[int] = []
    for row, (record, length) in enumerate(zip(records, lengths, strict=True)):
        begin = sum(lengths[:row]) if packed else row * room
        flat_ids[begin : begin + length] = torch.tensor(record.token_ids)
        # From 1: the first token has nothing before it that could predict it.
        trained = [place for place in range(1, length) if record.trained[place]]
        positions += [begin + place - 1 for place in trained]
        targets += [record.token_ids[place] for place in trained]
    is_padded = not packed and min(lengths) < room
    mask_BT = torch.tensor([[1] * n + [0] * (room - n) for n in lengths]) if is_padded else None
    batch = Batch(
        token_ids_BT=ids_BT,
        attention_mask_BT=mask_BT,
        positions_N=torch.tensor(positions, dtype=torch.long),
        targets_N=torch.tensor(targets, dtype=torch.long),
        lengths=lengths,
        keys=[digest_tokens(record.token_ids) for record in records],
        packed=packed,
    )
    return batch.pin() if pin else batch


def make_steps(
    records: Sequence[EncodedRecord],
    training: TrainingSpec,
    seed: int,
    pin: bool = False,
    packed: bool = False,
) -> list[TrainStep]:
    """Turn the plan into tensors, once, before the clock of the training starts."""
    steps = []
    for plan in plan_steps(len(records), training, seed):
        chosen = [[records[i] for i in micro] for micro in plan.micro_batches]
        batches = [make_batch(micro, pin, packed) for micro in chosen]
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
