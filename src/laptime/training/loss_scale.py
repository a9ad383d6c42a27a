"""The first loss scale of a training in fp16, found on its first batch: no step is lost to a guess.

At 2**16, where others begin, the first updates of a training overflow and are left out: three of fifty steps
of a short job, and the rates of its warm-up with them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from laptime.data.batches import TrainStep
from laptime.speedups.forward import Forward
from laptime.training.optimizer import FIRST_LOSS_SCALE, Optimizer
from laptime.training.random_state import capture_random, restore_random

HEADROOM = 2  # powers of two between the scale and the largest one at which nothing overflows


def calibrate_loss_scale(forward: Forward, step: TrainStep, optimizer: Optimizer) -> None:
    """Set the largest power of two, up to 2**16, that leaves headroom on the first batch of `step`.

    No update is made; gradients and random numbers are as they were. Where no scale keeps the gradients
    finite nothing is set: the training will say of which examples.
    """
    if optimizer.loss_scale is None:
        return
    device = optimizer.loss_scale.device
    batch = step.batches[0].to(device)
    before = capture_random(device)
    forward.model.train()

    def is_finite(exponent: int) -> bool:
        restore_random(before, device)
        factor = torch.tensor(2.0**exponent / step.num_trained_tokens, device=device)
        (forward.sum_loss(batch, factor) * factor).backward()
        finite = optimizer.has_finite_gradients()
        optimizer.forget_gradients()
        return finite

    largest = find_largest(is_finite, HEADROOM, FIRST_LOSS_SCALE.bit_length() - 1 + HEADROOM)
    restore_random(before, device)
    if largest is not None:
        optimizer.loss_scale.fill_(2.0 ** (largest - HEADROOM))


def find_largest(holds: Callable[[int], bool], least: int, most: int) -> int | None:
    """Return the largest number from `least` to `most` for which `holds`; None where it holds for none.

    What holds for a number holds for all below it. The largest is tried first: most often it does.
    """
    if holds(most):
        return most
    low, high = least - 1, most - 1  # it holds for low or for none, and may for high
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low if low >= least else None
