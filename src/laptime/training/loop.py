"""The training loop: the same for every method, no wait for the device, one screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from laptime.inputs.batches import Batch, TrainStep
from laptime.methods.method import Method
from laptime.spec import TrainingSpec
from laptime.training.meter import StepTimer
from laptime.training.optimizer import Optimizer, scheduled_rate

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def sum_loss(model: PreTrainedModel, batch: Batch) -> torch.Tensor:
    """Return the summed cross-entropy of the trained tokens of a batch, in float32.

    Only the logits that predict a trained token (N of them, V words each) become float32.
    """
    logits_BTV = model(
        input_ids=batch.token_ids_BT, attention_mask=batch.attention_mask_BT, use_cache=False
    ).logits
    logits_NV = logits_BTV.flatten(0, 1).index_select(0, batch.positions_N).float()
    return F.cross_entropy(logits_NV, batch.targets_N, reduction="sum")


def train(
    model: PreTrainedModel,
    method: Method,
    steps: Sequence[TrainStep],
    optimizer: Optimizer,
    learning_rate: float,
    training: TrainingSpec,
    timer: StepTimer,
) -> None:
    """Make every optimizer step; the loss of a step is the mean over all its trained tokens.

    Raises NotFiniteError, before the update, when a loss or a gradient is not finite.
    """
    model.train()
    for step in steps:
        timer.begin()
        loss = torch.zeros((), device=model.device)
        for cpu_batch in step.batches:
            batch = cpu_batch.to(model.device)
            timer.mark("data")
            batch_loss = sum_loss(model, batch) / step.num_trained_tokens
            timer.mark("forward")
            optimizer.scale(batch_loss).backward()
            loss += batch_loss.detach()
            timer.mark("backward")
        rate = scheduled_rate(learning_rate, step.step, len(steps), training)
        norm, left_out = optimizer.step(rate)
        method.after_step(model, step.step)
        timer.mark("optimizer")
        timer.end(step, rate, loss, norm, left_out)
    timer.write_arrived(wait=True)


@torch.no_grad()
def evaluate(model: PreTrainedModel, batches: Sequence[Batch]) -> tuple[float, int]:
    """Return the mean loss over the trained tokens of `batches`, and how many there are."""
    model.eval()
    total = torch.zeros((), device=model.device, dtype=torch.float64)
    for batch in batches:
        total += sum_loss(model, batch.to(model.device))
    num_tokens = sum(len(batch.targets_N) for batch in batches)
    return float(total) / num_tokens, num_tokens
