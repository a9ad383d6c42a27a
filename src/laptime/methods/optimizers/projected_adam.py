"""AdamW whose moments are those of gradients seen in few directions (Zhao et al. 2024, arXiv:2403.03507).

Of a weight's gradient only the part along its largest singular directions is kept, looked for anew every some
steps; moments and update live there. The weights themselves are whole, and so is what becomes of them.

Shapes: a gradient is NxK, its shorter side has S numbers and the longer L; r is the rank.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

SPARE, ROUNDS = 2, 2  # times the rank, and rounds, of the iteration that finds the directions


class ProjectedAdam(torch.optim.Optimizer):
    """Updates matrices of which both sides are above the rank.

    A state holds `projection` (Sxr) and the moments of what is left of the gradient (rxL). `scale` is what an
    update is multiplied with, `interval` the steps that directions are kept.
    """

    state_parts: ClassVar[tuple[str, ...]] = ("step", "exp_avg", "exp_avg_sq", "projection")

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        *,
        rank: int,
        interval: int,
        scale: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        lr: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)
        self.rank, self.interval, self.scale = rank, interval, scale

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Make one update."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        """Update one matrix."""
        assert parameter.grad is not None
        is_wide = parameter.shape[0] <= parameter.shape[1]
        gradient_SL = parameter.grad if is_wide else parameter.grad.t()
        state = self.state[parameter]
        count = state.get("step", 0)
        if count % self.interval == 0:
            state["projection"] = find_directions(gradient_SL, self.rank, count)
        seen_rL = state["projection"].t() @ gradient_SL
        if not count:
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(seen_rL), torch.zeros_like(seen_rL)
        state["step"] = count + 1
        update_SL = state["projection"] @ find_update(state, seen_rL, group["betas"], group["eps"])
        rate = group["lr"]
        parameter.mul_(1 - rate * group["weight_decay"])
        parameter.add_(update_SL if is_wide else update_SL.t(), alpha=-rate * self.scale)


def find_update(
    state: dict[str, Any], gradient: torch.Tensor, betas: tuple[float, float], epsilon: float
) -> torch.Tensor:
    """Let a gradient into the moments, and return Adam's step of rate 1."""
    first, second = betas
    state["exp_avg"].lerp_(gradient, 1 - first)
    state["exp_avg_sq"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
    size = (state["exp_avg_sq"] / (1 - second ** state["step"])).sqrt_().add_(epsilon)
    update: torch.Tensor = state["exp_avg"] / (1 - first ** state["step"]) / size
    return update


def find_directions(matrix_SL: torch.Tensor, rank: int, seed: int) -> torch.Tensor:
    """Return the left singular vectors of the largest values, Sxr: the same in every process.

    Exact where twice the rank fills the shorter side, by subspace iteration else.
    """
    width = min(SPARE * rank, len(matrix_SL))
    if width == len(matrix_SL):
        return settle_signs(torch.linalg.svd(matrix_SL, full_matrices=False)[0][:, :rank])
    generator = torch.Generator().manual_seed(seed)
    random_Lw = torch.randn(matrix_SL.shape[1], width, generator=generator).to(matrix_SL)
    basis_Sw = torch.linalg.qr(matrix_SL @ random_Lw)[0]
    for _ in range(ROUNDS):
        basis_Lw = torch.linalg.qr(matrix_SL.t() @ basis_Sw)[0]
        basis_Sw = torch.linalg.qr(matrix_SL @ basis_Lw)[0]
    inner_ww = torch.linalg.svd(basis_Sw.t() @ matrix_SL, full_matrices=False)[0]
    return settle_signs(basis_Sw @ inner_ww[:, :rank])


def settle_signs(directions_Sr: torch.Tensor) -> torch.Tensor:
    """Let the largest number of each direction be positive: else rounding decides, which moments keep."""
    places_1r = directions_Sr.abs().argmax(0, keepdim=True)
    return directions_Sr * directions_Sr.gather(0, places_1r).sign()
