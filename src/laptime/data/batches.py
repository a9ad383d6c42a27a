"""The order of the batches: a pure function of (examples, seed, epoch), the same for every method.

Shapes: B examples of a micro-batch, T tokens of the longest of them, N trained tokens in all.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, overload

import msgspec
from msgspec import Struct

from laptime.data.encoded import TOKEN, TRAINED, EncodedExample, digest_key, digest_step, lengths_of
from laptime.spec import TrainingSpec

if TYPE_CHECKING:
    import torch


class StepPlan(Struct, frozen=True):
    """One optimizer step: the indices of its examples, one list a micro-batch; `epoch` counts from 1."""

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
    lengths: list[int]  # of the examples, without padding
    keys: list[str]  # of the examples: equal for equal token ids
    packed: bool = False  # the examples stand one after another in a single row

    @property
    def segments(self) -> list[int]:
        """The number of places of each example in the flattened batch."""
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


class Share(Struct, frozen=True):
    """Which of the processes that train together this one is: it gets its part of the examples of a step.

    With `even` all get as many micro-batches: those that a process lacks are of an example without a loss.
    """

    rank: int = 0
    size: int = 1
    even: bool = False


class TrainStep(Struct):
    """One optimizer step with its batches and counts; `digest` proves which work it was.

    `batches` are those of this process, all else is of the step as a whole. `loss_sources` name the examples
    of each loss that is recorded: one a micro-batch, or one a process where several train together.
    """

    step: int
    epoch: int
    batches: list[Batch]
    loss_sources: list[list[str]]
    num_trained_tokens: int
    num_tokens: int
    num_padded_tokens: int
    digest: str

    @property
    def sources(self) -> list[str]:
        """The names of all examples."""
        return [source for sources in self.loss_sources for source in sources]


@dataclass(frozen=True)
class StepPlans(Sequence[StepPlan]):
    """All steps of a training, each laid out when it is asked for; what is kept is the order of an epoch."""

    num_examples: int
    batch_size: int
    examples_per_step: int
    epochs: int
    max_steps: int | None
    seed: int
    first: tuple[int, ...] = ()  # examples that come first of all

    @property
    def steps_per_epoch(self) -> int:
        """The steps of a whole epoch; its last one may hold fewer examples."""
        return -(-self.num_examples // self.examples_per_step)

    @property
    def mean_epochs(self) -> float:
        """How often an example that is trained is passed over, on average: once at least.

        Fewer times than there are epochs where --max-steps ends the training before.
        """
        return max(1.0, len(self) / self.steps_per_epoch)

    def __len__(self) -> int:
        steps = self.steps_per_epoch * self.epochs
        return steps if self.max_steps is None else min(steps, self.max_steps)

    @overload
    def __getitem__(self, index: int) -> StepPlan: ...
    @overload
    def __getitem__(self, index: slice) -> list[StepPlan]: ...
    def __getitem__(self, index: int | slice) -> StepPlan | list[StepPlan]:
        places = range(len(self))[index]
        return (
            [self._lay_out(place) for place in places] if isinstance(places, range) else self._lay_out(places)
        )

    def count_looks(self) -> tuple[int, list[int]]:
        """Return how many epochs are whole, and the examples of the last one that is not."""
        whole, rest = divmod(len(self), self.steps_per_epoch)
        order = self._order(whole + 1) if rest else []
        return whole, list(order[: rest * self.examples_per_step])

    def _lay_out(self, place: int) -> StepPlan:
        """Return a step by its place among all."""
        epoch, step_of_epoch = divmod(place, self.steps_per_epoch)
        begin = step_of_epoch * self.examples_per_step
        order = self._order(epoch + 1)
        chosen = order[begin : begin + self.examples_per_step].tolist()
        size = self.batch_size
        return StepPlan(place + 1, epoch + 1, [chosen[i : i + size] for i in range(0, len(chosen), size)])

    def _order(self, epoch: int) -> array[int]:
        """Return the order of the examples in an epoch, which counts from 1."""
        return shuffle_examples(self.num_examples, self.seed, epoch, self.first if epoch == 1 else ())


def plan_steps(
    num_examples: int, training: TrainingSpec, seed: int, micro_batch: int = 0, first: tuple[int, ...] = ()
) -> StepPlans:
    """Lay out every step: examples are shuffled anew each epoch, the last batch of an epoch may be short.

    With `micro_batch` a step has the same examples in the same order, so many at a time. `first` is what
    `find_first` returns of the examples; without it the steps are as many.
    """
    return StepPlans(
        num_examples=num_examples,
        batch_size=micro_batch or training.batch_size,
        examples_per_step=training.batch_size * training.gradient_accumulation,
        epochs=training.epochs,
        max_steps=training.max_steps,
        seed=seed,
        first=first,
    )


def find_first(examples: Sequence[EncodedExample], training: TrainingSpec) -> tuple[int, ...]:
    """Return the places of the examples that come first of all: a step of the longest, where asked for."""
    import numpy

    if not training.longest_first:
        return ()
    of_step = training.batch_size * training.gradient_accumulation
    return tuple(numpy.argsort(-lengths_of(examples), kind="stable")[:of_step].tolist())


@lru_cache(2)
def shuffle_examples(num_examples: int, seed: int, epoch: int, first: tuple[int, ...] = ()) -> array[int]:
    """Return the order of the examples in an epoch, which counts from 1; `first` stand before all others."""
    order = array("I", range(num_examples))
    random.Random(f"{seed}-{epoch}").shuffle(order)
    if first:
        early = frozenset(first)
        order = array("I", [*first, *(place for place in order if place not in early)])
    return order


def make_batch(examples: Sequence[EncodedExample], pin: bool = False, packed: bool = False) -> Batch:
    """Lay out examples: one a row, padded on the right to the longest, or `packed` into a single row.

    `pin` for copies that a GPU need not wait for. Nothing of it is done by torch, whose threads train
    meanwhile.
    """
    import numpy
    import torch

    rows = [numpy.asarray(example.words) for example in examples]
    lengths = [len(row) for row in rows]
    room = sum(lengths) if packed else max(lengths)
    begins = [0, *accumulate(lengths[:-1])] if packed else [row * room for row in range(len(rows))]
    ids_BT = numpy.zeros((1 if packed else len(rows), room), numpy.int64)
    flat_ids = ids_BT.reshape(-1)
    positions: list[numpy.ndarray] = []
    for begin, row in zip(begins, rows, strict=True):
        flat_ids[begin : begin + len(row)] = row & TOKEN
        # From 1: the first token has nothing before it that could predict it.
        positions.append(begin + numpy.flatnonzero(row[1:] >= TRAINED))
    positions_N = numpy.concatenate(positions).astype(numpy.int64)
    is_padded = not packed and min(lengths) < room
    mask_BT = numpy.arange(room) < numpy.array(lengths)[:, None] if is_padded else None
    batch = Batch(
        token_ids_BT=torch.from_numpy(ids_BT),
        attention_mask_BT=None if mask_BT is None else torch.from_numpy(mask_BT.astype(numpy.int64)),
        positions_N=torch.from_numpy(positions_N),
        targets_N=torch.from_numpy(flat_ids[positions_N + 1]),
        lengths=lengths,
        keys=[digest_key(example) for example in examples],
        packed=packed,
    )
    return batch.pin() if pin else batch


def make_blank_batch(example: EncodedExample, pin: bool) -> Batch:
    """Lay out an example of which nothing is trained: a pass over it makes every gradient, of zeros."""
    batch = make_batch([example], pin)
    return msgspec.structs.replace(batch, positions_N=batch.positions_N[:0], targets_N=batch.targets_N[:0])


class TrainSteps(Sequence[TrainStep]):
    """The steps of a training as tensors, each made when it is asked for and kept by nobody here."""

    def __init__(
        self,
        examples: Sequence[EncodedExample],
        plans: Sequence[StepPlan],
        pin: bool,
        packed: bool,
        share: Share,
        batch_size: int,
    ) -> None:
        self.examples = examples
        self.share = share
        self.batch_size = batch_size
        self.plans = plans
        self.pin = pin
        self.packed = packed

    def __len__(self) -> int:
        return len(self.plans)

    def __iter__(self) -> Iterator[TrainStep]:
        return map(self._make, self.plans)

    @overload
    def __getitem__(self, index: int) -> TrainStep: ...
    @overload
    def __getitem__(self, index: slice) -> TrainSteps: ...
    def __getitem__(self, index: int | slice) -> TrainStep | TrainSteps:
        if isinstance(index, slice):
            plans = self.plans[index]
            return TrainSteps(self.examples, plans, self.pin, self.packed, self.share, self.batch_size)
        return self._make(self.plans[index])

    def _make(self, plan: StepPlan) -> TrainStep:
        """Turn the plan of a step into tensors."""
        chosen = [[self.examples[i] for i in micro] for micro in plan.micro_batches]
        flat = [example for micro in chosen for example in micro]
        shares = [chosen]
        if self.share.size > 1:
            shares = [cut(part, self.batch_size) for part in deal(flat, self.share.size)]
        own = shares[self.share.rank]
        num_missing = max(map(len, shares)) - len(own) if self.share.even else 0
        losses = (
            chosen if self.share.size == 1 else [[one for micro in part for one in micro] for part in shares]
        )
        return TrainStep(
            step=plan.step,
            epoch=plan.epoch,
            batches=[
                *(make_batch(micro, self.pin, self.packed) for micro in own),
                *(make_blank_batch(flat[0], self.pin) for _ in range(num_missing)),
            ],
            loss_sources=[[example.source for example in part] for part in losses],
            num_trained_tokens=sum(count_trained(example) for example in flat),
            num_tokens=sum(len(example.words) for example in flat),
            num_padded_tokens=sum(self._count_places(micro) for part in shares for micro in part),
            digest=digest_step(flat),
        )

    def _count_places(self, micro: Sequence[EncodedExample]) -> int:
        """Return the places of a micro-batch, padding included."""
        lengths = [len(example.words) for example in micro]
        return sum(lengths) if self.packed else max(lengths) * len(lengths)


def cut(examples: list[EncodedExample], size: int) -> list[list[EncodedExample]]:
    """Return the examples in micro-batches of `size`."""
    return [examples[i : i + size] for i in range(0, len(examples), size)]


def deal(examples: Sequence[EncodedExample], num_shares: int) -> list[list[EncodedExample]]:
    """Return a share of the examples for each process: as many each, about, and about as many tokens.

    The longest are dealt first, each to the share with the fewest tokens that has room; some may get none.
    """
    most = -(-len(examples) // num_shares)
    places: list[list[int]] = [[] for _ in range(num_shares)]
    tokens = [0] * num_shares
    for place in sorted(range(len(examples)), key=lambda place: -len(examples[place].words)):
        open_shares = [share for share in range(num_shares) if len(places[share]) < most]
        chosen = min(open_shares, key=lambda share: tokens[share])
        places[chosen].append(place)
        tokens[chosen] += len(examples[place].words)
    return [[examples[place] for place in sorted(share)] for share in places]


def count_trained(example: EncodedExample) -> int:
    """Return the tokens of an example that are trained: the first is predicted by nothing."""
    import numpy

    return int(numpy.count_nonzero(numpy.asarray(example.words)[1:] >= TRAINED))


def make_steps(
    examples: Sequence[EncodedExample],
    training: TrainingSpec,
    seed: int,
    pin: bool = False,
    packed: bool = False,
    share: Share | None = None,
    micro_batch: int = 0,
) -> TrainSteps:
    """Return the steps of a training: how many there are is known, what they hold is made as they come.

    With `share` their batches are those of one of several processes, with `micro_batch` of so many examples.
    """
    plans = plan_steps(len(examples), training, seed, micro_batch, find_first(examples, training))
    return TrainSteps(examples, plans, pin, packed, share or Share(), plans.batch_size)
