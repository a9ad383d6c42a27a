"""The update in C is torch's: the same masters, moments and steps, and the same roundings of them."""

from __future__ import annotations

import pytest
import torch

from laptime.kernels.build import NotBuiltError
from laptime.kernels.library import load_library
from laptime.spec import TrainingSpec
from laptime.speedups.compiled_optimizer import compiled_norm, compiled_update
from laptime.speedups.speedup import OptimizerKernels
from laptime.training.optimizer import Optimizer

TRAINING = TrainingSpec(weight_decay=0.03, max_grad_norm=0.5, schedule="constant", warmup_ratio=0)
KERNELS = OptimizerKernels(norm=compiled_norm, update=compiled_update)
SHAPES = [(70, 131), (5,), (3, 4097)]


@pytest.fixture(autouse=True)
def built(seeded: None) -> None:
    try:
        load_library()
    except NotBuiltError as reason:
        pytest.skip(f"no C parts: {reason}")


def make_pair(dtype: torch.dtype) -> tuple[Optimizer, Optimizer]:
    """Return an optimizer of ours and one of torch's, over the same numbers."""
    weights = [torch.randn(shape).to(dtype) for shape in SHAPES]
    ours, theirs = ([torch.nn.Parameter(w.clone()) for w in weights] for _ in range(2))
    return (
        Optimizer([{"params": ours}], TRAINING, loss_scaling=False, kernels=KERNELS),
        Optimizer([{"params": theirs}], TRAINING, loss_scaling=False),
    )


def step(optimizers: tuple[Optimizer, Optimizer], gradients: list[torch.Tensor | None]) -> list[torch.Tensor]:
    """Make a step of both; returns their norms."""
    norms = []
    for optimizer in optimizers:
        for parameter, gradient in zip(optimizer.parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else gradient.clone()
        norms.append(optimizer.step(1e-2)[0])
        assert all(p.grad is None for p in optimizer.parameters)
    return norms


def hold_together(optimizers: tuple[Optimizer, Optimizer]) -> None:
    """Hold everything that the next steps depend on against torch's."""
    mine, others = (
        one.capture({p: str(index) for index, p in enumerate(one.parameters)}) for one in optimizers
    )
    assert mine.keys() == others.keys()
    for name, value in mine.items():
        assert value.dtype == others[name].dtype
        torch.testing.assert_close(value, others[name], rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_the_update_of_torch(dtype: torch.dtype) -> None:
    optimizers = make_pair(dtype)
    for number in range(5):
        gradients = [torch.randn(shape).to(dtype) * 10**number for shape in SHAPES]
        ours, theirs = step(optimizers, [*gradients[:2], None if number == 2 else gradients[2]])
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=0)
        hold_together(optimizers)
    assert [float(state["step"]) for state in optimizers[0].chunks[0].rule.state.values()] == [5.0, 5.0, 4.0]


def test_a_gradient_that_is_not_finite_makes_no_update() -> None:
    optimizers = make_pair(torch.bfloat16)
    good = [torch.randn(shape).to(torch.bfloat16) for shape in SHAPES]
    step(optimizers, [*good])
    before = [p.detach().clone() for p in optimizers[0].parameters]
    bad = [gradient.clone() for gradient in good]
    bad[2][1, 4000] = float("inf")
    assert not torch.isfinite(step(optimizers, [*bad])[0])
    assert all(torch.equal(p, kept) for p, kept in zip(optimizers[0].parameters, before, strict=True))


def test_the_norm_is_the_same_for_any_number_of_threads() -> None:
    gradients = [torch.randn(shape) for shape in [*SHAPES, (300_001,)]]
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(compiled_norm(gradients))
    finally:
        torch.set_num_threads(before)
    assert found[0] is not None and torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])
    exact = torch.cat([g.flatten() for g in gradients]).double().norm()
    torch.testing.assert_close(found[0].double(), exact, rtol=1e-6, atol=0)


def test_what_it_does_not_know_is_left_to_torch() -> None:
    """A gradient of another layout or type, as hooks may leave one."""
    turned = torch.randn(4, 6).t()
    assert compiled_norm([turned]) is None
    assert compiled_norm([torch.randn(3, dtype=torch.float64)]) is None
    weight = torch.nn.Parameter(torch.randn(6, 4))
    adam = torch.optim.AdamW([weight], fused=True)
    assert not compiled_update(adam, [weight], [weight], [turned], 1e-3, 1.0) and not adam.state
