"""The training loop: the same for every method, no wait for the device, one screen."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import torch

from laptime.data.batches import Batch, TrainStep
from laptime.methods.method import Method
from laptime.spec import TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training.checkpoint_schedule import SavePoints
from laptime.training.meter import StepTimer
from laptime.training.optimizer import Optimizer, scheduled_rate

Collect = Callable[[Sequence[torch.Tensor]], list[torch.Tensor]]


def train(
    forward: Forward,
    method: Method,
    steps: Sequence[TrainStep],
    optimizer: Optimizer,
    learning_rate: float,
    training: TrainingSpec,
    timer: StepTimer,
    save_points: SavePoints | None = None,
    num_done: int = 0,
    collect: Collect | None = None,
) -> None:
    """Make every optimizer step after `num_done`; a step's loss is the mean over all its trained tokens.

    Where several processes go through shares of a step, `collect` sums their gradients and returns the losses
    of all: they make the same update.
    Raises NotFiniteError, before the update, when a loss or a gradient is not finite, and StoppedError
    after a step when a signal has come.
    """
    model = forward.model.train()
    optimizer.before_update = partial(method.before_update, model)
    with closing(make_ahead(steps, num_done)) as coming:
        for step in coming:
            timer.begin()
            method.before_step(model, step.step, optimizer.forget)
            losses: list[torch.Tensor] = []
            factor = optimizer.scale(torch.ones((), device=model.device) / step.num_trained_tokens)
            for cpu_batch in step.batches:
                batch = cpu_batch.to(model.device)
                timer.mark("data")
                batch_loss = forward.sum_loss(batch, factor)
                timer.mark("forward")
                (batch_loss * factor).backward()
                losses.append(batch_loss.detach() / step.num_trained_tokens)
                timer.mark("backward")
            rate = scheduled_rate(learning_rate, step.step, len(steps), training)
            if collect is not None:
                losses = collect(losses)
                timer.mark("exchange")
            if (penalty := method.penalty(model)) is not None:  # once, whatever the processes
                optimizer.scale(penalty).backward()
                timer.mark("backward")
            norm, left_out = optimizer.step(rate, torch.stack(losses).sum())
            method.after_step(model, step.step)
            timer.mark("optimizer")
            timer.end(step, rate, losses, norm, left_out, optimizer.used_scale)
            if save_points is not None:
                save_points.after_step(step.step)
    timer.write_arrived(wait=True)


def make_ahead(steps: Sequence[TrainStep], num_done: int) -> Generator[TrainStep, None, None]:
    """Yield the steps after the first `num_done`, each made while the one before it trains."""
    if num_done >= len(steps):
        return
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(steps.__getitem__, num_done)
        for place in range(num_done + 1, len(steps)):
            step, coming = coming.result(), thread.submit(steps.__getitem__, place)
            yield step
        yield coming.result()


@torch.no_grad()
def evaluate(forward: Forward, batches: Iterable[Batch]) -> tuple[float, int]:
    """Return the mean loss over the trained tokens of `batches`, and how many there are."""
    sums, counts = evaluate_each(forward, batches)
    return sum(sums) / sum(counts), sum(counts)


@torch.no_grad()
def evaluate_each(forward: Forward, batches: Iterable[Batch]) -> tuple[list[float], list[int]]:
    """Return the sum of the losses of each batch's trained tokens, and how many these are."""
    model = forward.model.eval()
    sums, counts = [], []
    for batch in batches:
        sums.append(forward.sum_loss(batch.to(model.device)).double())
        counts.append(len(batch.targets_N))
    return torch.stack(sums).tolist() if sums else [], counts
