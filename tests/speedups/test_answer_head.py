"""The loss of the head in chunks against cross-entropy over all logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from laptime.speedups import answer_head
from laptime.speedups.answer_head import answer_loss, soften_rows
from tests.speedups.kernels import draw, same_gradients

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.parametrize("chunk", [2, 5, 100])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize("trains", [True, False], ids=["trained", "frozen"])
def test_answer_loss(monkeypatch: pytest.MonkeyPatch, chunk: int, bias: bool, trains: bool) -> None:
    monkeypatch.setattr(answer_head, "CHUNK_TOKENS", chunk)
    targets_N = torch.tensor([1, 0, 6, 3, 6])
    inputs = [draw(5, 4, dtype=torch.float32), draw(7, 4, dtype=torch.float32, trains=trains)]
    inputs += [draw(7, dtype=torch.float32, trains=trains)] if bias else []

    def ours(hidden_ND: torch.Tensor, weight_VD: torch.Tensor, *bias_V: torch.Tensor) -> torch.Tensor:
        return answer_loss(hidden_ND, weight_VD, bias_V[0] if bias_V else None, targets_N)

    def theirs(hidden_ND: torch.Tensor, weight_VD: torch.Tensor, *bias_V: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(F.linear(hidden_ND, weight_VD, *bias_V), targets_N, reduction="sum")

    same_gradients(ours, theirs, inputs, 2e-6)


def test_a_tied_head_gathers_both_gradients() -> None:
    ids, targets_N = torch.tensor([2, 0, 2]), torch.tensor([1, 2, 2])
    same_gradients(
        lambda weight_VD: answer_loss(F.embedding(ids, weight_VD), weight_VD, None, targets_N),
        lambda weight_VD: F.cross_entropy(
            F.embedding(ids, weight_VD) @ weight_VD.t(), targets_N, reduction="sum"
        ),
        [draw(6, 4, dtype=torch.float32)],
        2e-6,
    )


def head_errors(
    loss: Callable[..., torch.Tensor], inputs: list[torch.Tensor], targets_N: torch.Tensor, scale: float
) -> list[float]:
    """Return the 90th percentile of the relative errors of the rows of each gradient, of a scaled mean."""
    wide = [x.detach().double().requires_grad_() for x in inputs]
    F.cross_entropy(wide[0] @ wide[1].t(), targets_N).backward()
    mine = [x.detach().clone().requires_grad_() for x in inputs]
    factor = torch.tensor(scale / len(targets_N))
    (loss(*mine, factor) * factor).backward()
    return [
        float(
            ((m.grad.double() / scale - w.grad).norm(dim=1) / w.grad.norm(dim=1).clamp(min=1e-30)).quantile(
                0.9
            )
        )
        for m, w in zip(mine, wide, strict=True)
    ]


def test_float16_keeps_what_the_loss_scale_is_there_to_keep() -> None:
    """Words of small odds: their rows of the head's gradient are lost where they are made unscaled."""
    hidden_ND, weight_VD = draw(40, 64, trains=False) * 0.5, draw(4000, 64, trains=False) * 0.5
    hidden_ND[:, 0], weight_VD[400:, 0] = 4.0, -3.0
    inputs, targets_N = [hidden_ND.half(), weight_VD.half()], torch.randint(0, 400, (40,))

    def ours(hidden_ND: torch.Tensor, weight_VD: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        return answer_loss(hidden_ND, weight_VD, None, targets_N, factor)

    def plain(hidden_ND: torch.Tensor, weight_VD: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy((hidden_ND @ weight_VD.t()).float(), targets_N, reduction="sum")

    found, expected = (head_errors(one, inputs, targets_N, scale=2.0**16) for one in (ours, plain))
    assert max(found) < 1e-2
    assert found == pytest.approx(expected, rel=0.1)


def test_a_factor_that_was_foretold_wrongly_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden_ND, weight_VD = draw(3, 4, dtype=torch.float32), draw(5, 4, dtype=torch.float32)
    targets_N = torch.tensor([1, 2, 3])
    same_gradients(
        lambda h, w: answer_loss(h, w, None, targets_N, torch.tensor(8.0)),
        lambda h, w: F.cross_entropy(h @ w.t(), targets_N, reduction="sum"),
        [hidden_ND, weight_VD],
        2e-6,
    )


def test_no_gradient_is_made_where_none_is_wanted() -> None:
    """An evaluation after full fine-tuning would else make one as large as the head."""
    made: list[bool] = []

    def watched(*words: Any) -> Any:
        made.append(words[2])
        return soften_rows(*words)

    hidden_ND, weight_VD = draw(3, 4, dtype=torch.float32), draw(5, 4, dtype=torch.float32)
    with torch.no_grad():
        loss = answer_loss(hidden_ND, weight_VD, None, torch.tensor([1, 2, 3]), soften=watched)
    assert made == [False]
    expected = F.cross_entropy(hidden_ND @ weight_VD.t(), torch.tensor([1, 2, 3]), reduction="sum")
    torch.testing.assert_close(loss, expected.detach())
