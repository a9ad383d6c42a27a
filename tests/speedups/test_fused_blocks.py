"""The fused norm, rotation and gate against the plain ones and the formulas."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from laptime.decoder.plain_parts import plain_gate, plain_keep, plain_norm, plain_rotate
from laptime.spec import TrainingSpec
from laptime.speedups.fused_blocks import fused_gate, fused_norm, fused_rotate, remade
from laptime.speedups.fused_projections import project
from laptime.speedups.speedup import apply_all
from tests.speedups.jobs import NAMED
from tests.speedups.kernels import draw, make_linears, same_gradients
from tests.speedups.ours import set_up

pytestmark = pytest.mark.usefixtures("seeded")


def draw_angles(num_tokens: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cos and sin as rotary embeddings lay them out: the two halves alike."""
    angles = torch.randn(num_tokens, width // 2, dtype=torch.float64).repeat(1, 2)
    return angles.cos(), angles.sin()


@pytest.mark.parametrize("shape", [(5, 12), (3, 2, 8)], ids=["tokens", "heads"])
@pytest.mark.parametrize("trains", [True, False], ids=["trained_weight", "frozen_weight"])
def test_norm(shape: tuple[int, ...], trains: bool) -> None:
    def formula(x: torch.Tensor, weight_D: torch.Tensor) -> torch.Tensor:
        return weight_D * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)

    x = draw(*shape, dtype=torch.float32)
    weight_D = draw(shape[-1], dtype=torch.float32, trains=trains)
    same_gradients(lambda x, w: fused_norm(x, w, 1e-5), formula, [x, weight_D], 2e-6)
    assert torch.allclose(fused_norm(x, weight_D, 1e-5), plain_norm(x, weight_D, 1e-5), atol=1e-6)
    assert torch.isfinite(fused_norm(torch.zeros(2, 4), torch.ones(4), 1e-5)).all()


def test_rotation() -> None:
    x_THE, angles = draw(5, 3, 8), draw_angles(5, 8)
    assert torch.autograd.gradcheck(lambda x: fused_rotate(x, *angles), (x_THE,))
    torch.testing.assert_close(fused_rotate(x_THE, *angles), plain_rotate(x_THE, *angles))
    turned = fused_rotate(x_THE, *angles)
    torch.testing.assert_close(turned.norm(dim=-1), x_THE.norm(dim=-1), msg="a rotation keeps lengths")


def test_gate() -> None:
    inputs = (draw(4, 6), draw(4, 6))
    assert torch.autograd.gradcheck(fused_gate, inputs)
    torch.testing.assert_close(fused_gate(*inputs), plain_gate(*inputs))


def test_what_the_gate_gives_is_made_again_instead_of_being_kept() -> None:
    gate_TF, up_TF = draw(4, 5), draw(4, 5)
    linears = make_linears(trains=True, adapters=(2,), bias=False)
    gated_TF = fused_gate(gate_TF, up_TF)
    leaves = [gate_TF, up_TF, linears[0].weight.weight_NK, linears[0].a_rK, linears[0].b_Nr]
    expected = torch.autograd.grad(project(gated_TF, linears)[0].pow(3).sum(), leaves, retain_graph=True)
    with remade(gated_TF, gate_TF, up_TF):
        (y_TN,) = project(gated_TF, linears)
    kept = y_TN.grad_fn.saved_tensors  # type: ignore[union-attr]
    assert gated_TF.data_ptr() not in {one.data_ptr() for one in kept if one is not None}
    found = torch.autograd.grad(y_TN.pow(3).sum(), leaves)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize(("job", "keep"), [("ragged", remade), ("recompute", plain_keep)])
def test_where_whole_layers_are_made_again_the_gate_is_not(job: str, keep: object, tmp_path: Path) -> None:
    training = TrainingSpec(plain=True, speedups=("fused_blocks",))
    setup = set_up(NAMED[job], training, torch.float32, frozenset({"float32"}), tmp_path)
    apply_all(setup)
    assert setup.decoder.keep_gated is keep
