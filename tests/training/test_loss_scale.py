"""The first loss scale in fp16: as large as the first batch allows with headroom, and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from laptime.methods.method import make_method
from laptime.runs.record import RecordWriter
from laptime.spec import TrainingSpec
from laptime.training.loop import train
from laptime.training.loss_scale import calibrate_loss_scale, find_largest
from laptime.training.meter import StepTimer
from laptime.training.optimizer import FIRST_LOSS_SCALE, Optimizer

CPU = torch.device("cpu")


@pytest.mark.parametrize("largest", [None, *range(2, 19)])
def test_the_largest_is_found_in_few_trials(largest: int | None) -> None:
    tried: list[int] = []

    def holds(number: int) -> bool:
        tried.append(number)
        return largest is not None and number <= largest

    assert find_largest(holds, 2, 18) == largest
    assert len(tried) <= 6 and tried[0] == 18


class Steep(nn.Module):
    """A model of one weight, computed in fp16, whose gradient is `slope` times the loss's."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))
        self.slope = slope
        self.drop = nn.Dropout(0.5)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.weight.device


class SteepForward:
    """Its forward pass; every loss it gives is finite."""

    def __init__(self, slope: float) -> None:
        self.model = Steep(slope)

    def sum_loss(self, batch: Any, factor: torch.Tensor | None = None) -> torch.Tensor:
        """Return the loss; the gradient passes through fp16."""
        kept = self.model.drop(torch.ones(4)) + 1.0
        return ((self.model.weight * kept).half().float() * self.model.slope).sum()


class Batch:
    """A batch of one example."""

    lengths = (3,)

    def to(self, device: torch.device) -> Batch:
        """Stay."""
        return self


def make_step(number: int) -> Any:
    """Return a step of two trained tokens."""
    return SimpleNamespace(
        step=number, epoch=1, batches=[Batch()], num_trained_tokens=2, num_tokens=3, num_padded_tokens=0,
        digest="d", loss_sources=[["a.jsonl:1"]], sources=["a.jsonl:1"],
    )  # fmt: skip


def make_optimizer(forward: SteepForward) -> Optimizer:
    """Return an optimizer with loss scaling."""
    groups = [{"params": [forward.model.weight]}]
    return Optimizer(groups, TrainingSpec(schedule="constant", warmup_ratio=0), loss_scaling=True)


@pytest.mark.parametrize(
    ("slope", "expected"),
    # slope * scale / 2 tokens is what fp16 must hold, up to 65504, four times over.
    [(0.01, 2**16), (0.4, 2**16), (1.0, 2**14), (30.0, 2**10), (1000.0, 2**5)],
)
def test_it_is_the_largest_power_of_two_with_headroom(slope: float, expected: int) -> None:
    forward: Any = SteepForward(slope)
    optimizer = make_optimizer(forward)
    calibrate_loss_scale(forward, make_step(1), optimizer)
    assert optimizer.loss_scale == expected
    assert slope * expected * 4 / 2 <= 65504
    assert expected == FIRST_LOSS_SCALE or slope * expected * 8 / 2 > 65504


def test_nothing_else_changes() -> None:
    forward: Any = SteepForward(30.0)
    optimizer = make_optimizer(forward)
    before, weight = torch.get_rng_state(), forward.model.weight.detach().clone()
    calibrate_loss_scale(forward, make_step(1), optimizer)
    assert torch.equal(torch.get_rng_state(), before), "its dropout drew numbers"
    assert torch.equal(forward.model.weight, weight) and forward.model.weight.grad is None
    assert not optimizer.chunks[0].rule.state


def test_where_no_scale_helps_the_training_says_so() -> None:
    forward: Any = SteepForward(30.0)
    forward.sum_loss = lambda *words: (forward.model.weight * float("nan")).sum()
    optimizer = make_optimizer(forward)
    calibrate_loss_scale(forward, make_step(1), optimizer)
    assert optimizer.loss_scale == FIRST_LOSS_SCALE


def test_without_loss_scaling_nothing_is_tried() -> None:
    forward: Any = SteepForward(1.0)
    forward.sum_loss = lambda *words: pytest.fail("tried")
    optimizer = Optimizer([{"params": [forward.model.weight]}], TrainingSpec(), loss_scaling=False)
    calibrate_loss_scale(forward, make_step(1), optimizer)


@pytest.mark.parametrize(("calibrates", "lost"), [(False, 4), (True, 0)])
def test_no_step_is_lost(tmp_path: Path, calibrates: bool, lost: int) -> None:
    """At 2**16 the first updates overflow; the record tells the scale of each step."""
    forward: Any = SteepForward(16.0)
    optimizer = make_optimizer(forward)
    steps = [make_step(number) for number in range(1, 9)]
    if calibrates:
        calibrate_loss_scale(forward, steps[0], optimizer)
    writer = RecordWriter(tmp_path)
    timer = StepTimer(writer, CPU, loss_scaling=True)
    method = make_method("full", {})
    train(forward, method, steps, optimizer, 1e-4, TrainingSpec(), timer)  # type: ignore[arg-type]
    writer.close()
    rows = [msgspec.json.decode(line) for line in (tmp_path / "record.jsonl").read_bytes().splitlines()]
    assert sum(row["skipped"] for row in rows) == lost
    assert rows[0]["loss_scale"] == (2**10 if calibrates else 2**16)
    assert rows[-1]["loss_scale"] == (2**10 if calibrates else 2**12)
