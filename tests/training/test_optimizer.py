"""The optimizer against torch's own AdamW, and what half precision must not lose."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from laptime.spec import TrainingSpec
from laptime.training import optimizer as optimizer_module
from laptime.training.optimizer import Optimizer, scheduled_rate, split_parameters

TRAINING = TrainingSpec(weight_decay=0.01)


def network(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)).to(dtype)


def groups(model: nn.Module) -> list[dict]:
    return [{"params": list(model.parameters()), "rate_factor": 1.0}]


@pytest.mark.parametrize("max_grad_norm", [0.0, 0.05, 100.0])
def test_float32_steps_equal_plain_adamw_with_clipping(max_grad_norm: float) -> None:
    ours, plain = network(), network()
    training = TrainingSpec(weight_decay=0.01, max_grad_norm=max_grad_norm)
    optimizer = Optimizer(groups(ours), training, loss_scaling=False)
    reference = torch.optim.AdamW(plain.parameters(), lr=1e-2, weight_decay=0.01)
    inputs = torch.randn(32, 8)
    for _ in range(10):
        optimizer.scale(ours(inputs).square().mean()).backward()
        norm, left_out = optimizer.step(1e-2)
        reference.zero_grad()
        plain(inputs).square().mean().backward()
        plain_norm = nn.utils.clip_grad_norm_(plain.parameters(), max_grad_norm or 1e9)
        reference.step()
        torch.testing.assert_close(norm, plain_norm)
        assert left_out == 0
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-7)


def test_loss_scaling_changes_nothing_but_the_range() -> None:
    scaled, plain = network(), network()
    with_scale = Optimizer(groups(scaled), TRAINING, loss_scaling=True)
    without = Optimizer(groups(plain), TRAINING, loss_scaling=False)
    inputs = torch.randn(32, 8)
    for model, optimizer in ((scaled, with_scale), (plain, without)):
        optimizer.scale(model(inputs).square().mean()).backward()
        optimizer.step(1e-2)
    for mine, theirs in zip(scaled.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-7)


def test_an_overflow_leaves_the_weights_alone_and_halves_the_scale() -> None:
    model = network()
    before = copy.deepcopy(model.state_dict())
    optimizer = Optimizer(groups(model), TRAINING, loss_scaling=True)
    (model(torch.randn(4, 8)).sum() * float("inf")).backward()
    _, left_out = optimizer.step(1e-2)
    assert left_out == 1
    assert optimizer.loss_scale == 2.0**15
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_updates_of_1e_5_are_not_lost_in_bfloat16() -> None:
    """Near 1.0 bfloat16 steps by 1/128: a hundred updates of 1e-5 must still add up to 1e-3."""
    weight = nn.Parameter(torch.ones(1000, dtype=torch.bfloat16))
    optimizer = Optimizer(
        [{"params": [weight]}], TrainingSpec(max_grad_norm=0.0, weight_decay=0.0), loss_scaling=False
    )
    for _ in range(100):
        weight.grad = torch.ones_like(weight)  # AdamW then moves by the learning rate
        optimizer.step(1e-5)
    assert torch.equal(weight, torch.ones_like(weight)), "too small for a bfloat16 weight to show"
    torch.testing.assert_close(
        optimizer.chunks[0].masters[0], torch.full((1000,), 1 - 1e-3), rtol=0, atol=1e-5
    )
    for _ in range(700):
        weight.grad = torch.ones_like(weight)
        optimizer.step(1e-5)
    assert weight[0].item() == pytest.approx(1 - 8e-3, abs=4e-3), "but together they arrive"


def test_bfloat16_weights_are_the_rounding_of_masters_trained_in_float32() -> None:
    half, full = network(torch.bfloat16), network().to(torch.bfloat16).float()
    optimizer = Optimizer(groups(half), TRAINING, loss_scaling=False)
    reference = torch.optim.AdamW(full.parameters(), lr=1e-3, weight_decay=0.01)
    for step in range(5):
        torch.manual_seed(step)
        for mine, theirs in zip(half.parameters(), full.parameters(), strict=True):
            mine.grad = torch.randn(mine.shape).to(torch.bfloat16) * 0.01
            theirs.grad = mine.grad.float()
        optimizer.step(1e-3)
        reference.step()
    for mine, theirs in zip(half.parameters(), full.parameters(), strict=True):
        assert torch.equal(mine, theirs.to(torch.bfloat16))


def test_masters_are_updated_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = [nn.Parameter(torch.zeros(n)) for n in (5, 5, 20, 1)]
    monkeypatch.setattr(optimizer_module, "CHUNK_ELEMENTS", 10)
    assert [[p.numel() for p in chunk] for chunk in split_parameters(parameters)] == [[5, 5], [20], [1]]


def test_rate_factors_scale_the_learning_rate() -> None:
    slow, fast = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = Optimizer(
        [{"params": [slow], "rate_factor": 1.0}, {"params": [fast], "rate_factor": 16.0}],
        TrainingSpec(max_grad_norm=0.0),
        loss_scaling=False,
    )
    slow.grad = fast.grad = torch.ones(1)
    optimizer.step(1e-3)
    assert (fast / slow).item() == pytest.approx(16, rel=1e-5)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0.5, 1.0, 0.8, 0.6, 0.4, 0.2]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("cosine", [0.5, 1.0, 0.904508, 0.654508, 0.345492, 0.095492]),
    ],
)
def test_schedules_warm_up_and_then_fall_towards_zero(schedule: str, expected: list[float]) -> None:
    training = TrainingSpec(schedule=schedule, warmup_ratio=2 / 6)
    rates = [scheduled_rate(1.0, step, 6, training) for step in range(1, 7)]
    assert rates == pytest.approx(expected, abs=1e-6)


def test_no_warmup_starts_at_the_peak() -> None:
    assert scheduled_rate(3.0, 1, 10, TrainingSpec(warmup_ratio=0.0, schedule="constant")) == 3.0
