"""AdamW with moments of 8 bits: who may have it, what it holds, and that a run goes on with it bit by bit."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import nn

from laptime.errors import UserError
from laptime.memory_advice import find_remedies
from laptime.memory_estimate import OPTIMIZER_BYTES, MemoryEstimate
from laptime.methods.method import make_method
from laptime.runs import checks
from laptime.runs.checks import check_optimizer
from laptime.spec import RunSpec, TrainingSpec
from laptime.training.optimizer import Optimizer
from tests.runs.test_devices import make_manifest

has_library = pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")


def make(optimizer: str = "adamw8bit") -> tuple[nn.ParameterDict, Optimizer]:
    """Return a matrix with moments of 8 bits, a norm too small for them, and what trains them."""
    torch.manual_seed(0)
    weights = nn.ParameterDict({"matrix": torch.randn(64, 128), "norm": torch.ones(64)})
    training = TrainingSpec(optimizer=optimizer)  # type: ignore[arg-type]
    return weights, Optimizer([{"params": [*weights.values()]}], training, loss_scaling=False, fused=False)


def take_steps(weights: nn.ParameterDict, optimizer: Optimizer, seeds: range) -> None:
    """Make a step with random gradients for each seed."""
    for seed in seeds:
        torch.manual_seed(seed)
        for weight in weights.values():
            weight.grad = torch.randn_like(weight)
        optimizer.step(1e-2)


@has_library
def test_it_goes_where_adamw_goes() -> None:
    (small, with_8bit), (whole, plain) = make(), make("adamw")
    start = {name: weight.detach().clone() for name, weight in whole.items()}
    for weights, optimizer in ((small, with_8bit), (whole, plain)):
        take_steps(weights, optimizer, range(10))
    assert torch.equal(small["norm"], whole["norm"]) or torch.allclose(
        small["norm"], whole["norm"], atol=1e-6
    )
    way, difference = whole["matrix"] - start["matrix"], whole["matrix"] - small["matrix"]
    assert 0 < difference.norm() < 0.1 * way.norm()


@has_library
def test_a_run_goes_on_bit_by_bit() -> None:
    (whole, optimizer), (first, before) = make(), make()
    take_steps(whole, optimizer, range(6))
    take_steps(first, before, range(3))
    names = {weight: name for name, weight in first.items()}
    kept = {name: tensor.clone() for name, tensor in before.capture(names).items()}
    assert kept["state1.matrix"].dtype == torch.uint8 and "absmax1.norm" not in kept
    second, after = make()
    second.load_state_dict(first.state_dict())
    after.restore(kept, {weight: name for name, weight in second.items()})
    take_steps(second, after, range(3, 6))
    assert all(torch.equal(whole[name], second[name]) for name in whole)


@has_library
def test_a_gradient_that_is_not_finite_changes_nothing() -> None:
    weights, optimizer = make()
    take_steps(weights, optimizer, range(1))
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    weights["matrix"].grad, weights["norm"].grad = torch.full((64, 128), torch.inf), torch.ones(64)
    _, left_out = optimizer.step(1e-2)
    assert left_out and all(torch.equal(weights[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("words", "training", "message"),
    [
        ({"trainer": "trl"}, {}, "trl trains by AdamW here; leave it out"),
        ({}, {"devices": "2", "device": "cpu"}, "full on --devices 2 spreads the moments"),
        ({}, {}, r"needs bitsandbytes; install it with pip install 'laptime\[8bit\]'"),
    ],
)
def test_who_cannot_have_it_is_told(
    monkeypatch: pytest.MonkeyPatch, words: dict[str, Any], training: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    spec = RunSpec(method="full", training=TrainingSpec(optimizer="adamw8bit", **training), **words)
    with pytest.raises(UserError, match=f"^--optimizer adamw8bit: {message}"):
        check_optimizer(spec)


def test_full_fine_tuning_of_a_billion_fits_one_t4_with_it_and_that_is_advised() -> None:
    estimate = MemoryEstimate(
        shape=make_manifest().shape, method=make_method("full", {}), element_bytes=2, batch_size=1,
        longest=300, on_cuda=True, half="fp16", moment_bytes=OPTIMIZER_BYTES,
    )  # fmt: skip
    t4 = 15_800_000_000
    assert estimate.fixed_bytes > t4
    assert any(remedy.startswith("--optimizer adamw8bit (1") for remedy in find_remedies(estimate, t4))
