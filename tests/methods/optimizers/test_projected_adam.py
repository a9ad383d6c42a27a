"""The projected AdamW against its formula in float64, and its directions against singular vectors."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from laptime.methods.galore import GaloreOptions
from laptime.methods.optimizers.projected_adam import ProjectedAdam, find_directions
from laptime.spec import TrainingSpec
from tests.speedups.plain import PlainGalore

SETTINGS: dict[str, Any] = {"betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1, "lr": 0.02}
INTERVAL, SCALE, RANK = 3, 0.5, 4


@pytest.mark.parametrize("is_wide", [True, False])
def test_updates_are_those_of_the_formula(is_wide: bool) -> None:
    """Over a change of directions."""
    plain = PlainGalore(["w"], RANK, GaloreOptions(galore_interval=INTERVAL, galore_scale=SCALE))
    training = TrainingSpec(adam_beta1=0.8, adam_beta2=0.95, adam_epsilon=1e-6, weight_decay=0.1)
    generator = torch.Generator().manual_seed(0)
    weight, *gradients = (torch.randn(7, 12, dtype=torch.float64, generator=generator) for _ in range(4))
    trained = torch.nn.Parameter(weight.clone() if is_wide else weight.T.clone())
    adam = ProjectedAdam([trained], rank=RANK, interval=INTERVAL, scale=SCALE, **SETTINGS)
    for gradient in gradients:
        trained.grad = gradient if is_wide else gradient.T.contiguous()
        adam.step()
        weight.grad = gradient
        plain.step({"w": weight}, SETTINGS["lr"], training)
    torch.testing.assert_close(trained.detach() if is_wide else trained.detach().T, weight)
    state = adam.state[trained]
    assert state["exp_avg"].shape == state["exp_avg_sq"].shape == (RANK, 12), "the long side, whatever it is"
    assert state["projection"].shape == (7, RANK)


def test_directions_change_every_interval_and_moments_stay() -> None:
    generator = torch.Generator().manual_seed(0)
    trained = torch.nn.Parameter(torch.zeros(7, 12))
    adam = ProjectedAdam([trained], rank=RANK, interval=INTERVAL, scale=SCALE, **SETTINGS)
    kept = []
    for _ in range(4):
        trained.grad = torch.randn(7, 12, generator=generator)
        adam.step()
        kept.append(adam.state[trained]["projection"])
    assert kept[0] is kept[1] is kept[2] and not torch.allclose(kept[2], kept[3], atol=0.1)
    assert adam.state[trained]["step"] == 4
    left = torch.linalg.svd(trained.grad, full_matrices=False)[0][:, :RANK]
    torch.testing.assert_close(kept[3] @ kept[3].T, left @ left.T)


def test_directions_have_the_signs_of_their_largest_numbers() -> None:
    """Rounding, or another number of processes, must not turn what moments remember."""
    matrix = torch.randn(30, 40, generator=torch.Generator().manual_seed(0))
    for rank in (4, 20):
        found, turned = find_directions(matrix, rank, 0), find_directions(-matrix, rank, 0)
        largest = found.gather(0, found.abs().argmax(0, keepdim=True))
        assert bool((largest > 0).all())
        torch.testing.assert_close(turned, found, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [(6, 20), (40, 60)])
def test_directions_are_those_of_the_largest_singular_values(size: tuple[int, int]) -> None:
    """Some exact, some by iteration; random numbers of the run are left alone."""
    generator = torch.Generator().manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(size, generator=generator), full_matrices=False)
    matrix = left * 0.7 ** torch.arange(size[0]) @ right
    torch.manual_seed(5)
    before = torch.get_rng_state()
    found, again = (find_directions(matrix, RANK, 3) for _ in range(2))
    assert torch.equal(found, again) and torch.equal(before, torch.get_rng_state())
    torch.testing.assert_close(found.T @ found, torch.eye(RANK), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found @ found.T, left[:, :RANK] @ left[:, :RANK].T, rtol=1e-2, atol=1e-3)
