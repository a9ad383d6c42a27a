"""The parts of the decoder against the formulas that autograd differentiates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from torch import nn

from laptime.decoder.linear_layers import Linear, Weight, call_modules, take_apart
from laptime.decoder.plain_parts import attend_records, plain_gate, plain_norm, plain_rotate, sdpa_attend
from laptime.speedups import answer_head, float32_products
from laptime.speedups.answer_head import answer_loss
from laptime.speedups.float32_products import WidenedWeight, weight_for
from laptime.speedups.fused_blocks import expanded_attend, fused_gate, fused_norm, fused_rotate, remade
from laptime.speedups.fused_projections import project
from laptime.speedups.prepacked_weights import PackedWeight
from laptime.speedups.short_attention import short_attend


@pytest.fixture(autouse=True)
def seed() -> Iterator[None]:
    torch.manual_seed(0)
    yield


def draw(*shape: int, dtype: torch.dtype = torch.float64, trains: bool = True) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype).requires_grad_(trains)


def draw_angles(num_tokens: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cos and sin as rotary embeddings lay them out: the two halves alike."""
    angles = torch.randn(num_tokens, width // 2, dtype=torch.float64).repeat(1, 2)
    return angles.cos(), angles.sin()


def same_gradients(
    ours: Callable[..., torch.Tensor],
    theirs: Callable[..., torch.Tensor],
    inputs: list[torch.Tensor],
    tolerance: float,
) -> None:
    """Hold values and gradients of a float32 function against those of a formula in float64."""
    wide = [x.detach().double().requires_grad_(x.requires_grad) for x in inputs]
    found, expected = ours(*inputs), theirs(*wide)
    pull = torch.randn_like(expected)
    found.backward(pull.to(found.dtype))
    expected.backward(pull)
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
    for mine, theirs_ in zip(inputs, wide, strict=True):
        if mine.requires_grad:
            torch.testing.assert_close(mine.grad.double(), theirs_.grad, rtol=tolerance, atol=tolerance)


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
    leaves = [gate_TF, up_TF, linears[0].weight_NK, linears[0].a_rK, linears[0].b_Nr]
    expected = torch.autograd.grad(project(gated_TF, linears)[0].pow(3).sum(), leaves, retain_graph=True)
    with remade(gated_TF, gate_TF, up_TF):
        (y_TN,) = project(gated_TF, linears)
    kept = y_TN.grad_fn.saved_tensors  # type: ignore[union-attr]
    assert gated_TF.data_ptr() not in {one.data_ptr() for one in kept if one is not None}
    found = torch.autograd.grad(y_TN.pow(3).sum(), leaves)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize(("heads", "key_heads"), [(4, 2), (3, 3), (4, 1)])
@pytest.mark.parametrize("num_tokens", [1, 5])
def test_short_attention(heads: int, key_heads: int, num_tokens: int) -> None:
    inputs = (draw(num_tokens, heads, 4), draw(num_tokens, key_heads, 4), draw(num_tokens, key_heads, 3))
    assert torch.autograd.gradcheck(lambda *x: short_attend(*x, 0.5), inputs)
    torch.testing.assert_close(short_attend(*inputs, 0.5), sdpa_attend(*inputs, 0.5))


@pytest.mark.parametrize("attend", [sdpa_attend, expanded_attend, short_attend])
def test_no_record_sees_another(attend: Any) -> None:
    lengths = [3, 1, 4]
    query, key, value = draw(8, 4, 4), draw(8, 2, 4), draw(8, 2, 4)
    together = attend_records(attend, query, key, value, lengths, 0.5)
    parts = zip(query.split(lengths), key.split(lengths), value.split(lengths), strict=True)
    alone = torch.cat([attend_records(attend, *part, [len(part[0])], 0.5) for part in parts])
    torch.testing.assert_close(together, alone, rtol=0, atol=0)


def make_linears(trains: bool, adapters: tuple[int, ...], bias: bool) -> list[Linear]:
    """Make layers that share five inputs; `adapters` are ranks, 0 for none."""
    linears = []
    for number, rank in enumerate(adapters):
        outputs = 3 + number
        weight = nn.Parameter(draw(outputs, 5), requires_grad=trains)
        bias_N = nn.Parameter(draw(outputs), requires_grad=trains) if bias else None
        linear = Linear(nn.Identity(), Weight(weight), weight, bias_N)
        if rank:
            linear.a_rK, linear.b_Nr = nn.Parameter(draw(rank, 5)), nn.Parameter(draw(outputs, rank))
            linear.scale = 0.5 + number
        linears.append(linear)
    return linears


def apply_plainly(x_TK: torch.Tensor, linears: list[Linear]) -> list[torch.Tensor]:
    outputs = []
    for one in linears:
        y_TN = F.linear(x_TK, one.weight_NK, one.bias_N)
        if one.a_rK is not None and one.b_Nr is not None:
            y_TN = y_TN + one.scale * (x_TK @ one.a_rK.t()) @ one.b_Nr.t()
        outputs.append(y_TN)
    return outputs


@pytest.mark.parametrize("trains", [True, False], ids=["trained", "frozen"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
@pytest.mark.parametrize("adapters", [(0,), (2,), (2, 0, 3), (0, 0)], ids=str)
@pytest.mark.parametrize("input_trains", [True, False], ids=["inner", "lowest"])
def test_projection(adapters: tuple[int, ...], bias: bool, trains: bool, input_trains: bool) -> None:
    linears = make_linears(trains, adapters, bias)
    x_TK = draw(4, 5, trains=input_trains)
    inputs = [x_TK, *(p for one in linears for p in (one.weight_NK, one.bias_N, one.a_rK, one.b_Nr))]
    leaves = [x for x in inputs if x is not None and x.requires_grad]
    for found, expected in zip(project(x_TK, linears), apply_plainly(x_TK, linears), strict=True):
        torch.testing.assert_close(found, expected)
    if leaves:
        found = torch.autograd.grad(sum(y.pow(3).sum() for y in project(x_TK, linears)), leaves)
        expected = torch.autograd.grad(sum(y.pow(3).sum() for y in apply_plainly(x_TK, linears)), leaves)
        torch.testing.assert_close(found, expected)


def test_projection_passes_gradcheck() -> None:
    linears = make_linears(True, (2, 3), bias=True)
    tensors = [t for one in linears for t in (one.weight_NK, one.bias_N, one.a_rK, one.b_Nr)]
    assert torch.autograd.gradcheck(lambda x, *_: tuple(project(x, linears)), (draw(3, 5), *tensors))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(5, 3), nn.Linear(5, 4, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.left(x), self.right(x)], -1)


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"lora_alpha": 3}], ids=str)
def test_layers_of_peft_are_taken_apart_and_compute_the_same(settings: dict[str, Any]) -> None:
    model = get_peft_model(Two(), LoraConfig(r=2, target_modules=["left"], **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    layers = [take_apart(model.base_model.model.left), take_apart(model.base_model.model.right)]
    linears = [layer for layer in layers if layer is not None]
    assert len(linears) == 2 and linears[0].a_rK is not None and linears[1].a_rK is None
    x_TK = torch.randn(6, 5)
    for fused, called in zip(project(x_TK, linears), call_modules(x_TK, linears), strict=True):
        torch.testing.assert_close(fused, called)


@pytest.mark.parametrize("settings", [{"use_dora": True}, {"lora_bias": True}], ids=str)
def test_relatives_of_lora_are_left_to_peft(settings: dict[str, Any]) -> None:
    model = get_peft_model(Two(), LoraConfig(r=2, target_modules=["left"], **settings))
    assert take_apart(model.base_model.model.left) is None


def test_what_is_no_plain_linear_layer_is_left_alone() -> None:
    class Special(nn.Linear):
        """Computes who knows what."""

    assert take_apart(Special(3, 3)) is None
    model = get_peft_model(Two(), LoraConfig(r=2, target_modules=["left"]))
    model.base_model.model.left.merge()
    assert take_apart(model.base_model.model.left) is None


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


def test_no_gradient_is_made_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation after full fine-tuning would else make one as large as the head."""
    made: list[int] = []
    real = answer_head.loss_and_gradient

    def watched(*words: Any) -> Any:
        made.append(words[4])
        return real(*words)

    monkeypatch.setattr(answer_head, "loss_and_gradient", watched)
    hidden_ND, weight_VD = draw(3, 4, dtype=torch.float32), draw(5, 4, dtype=torch.float32)
    with torch.no_grad():
        loss = answer_loss(hidden_ND, weight_VD, None, torch.tensor([1, 2, 3]))
    assert made == [False]
    expected = F.cross_entropy(hidden_ND @ weight_VD.t(), torch.tensor([1, 2, 3]), reduction="sum")
    torch.testing.assert_close(loss, expected.detach())


@pytest.mark.parametrize("block_elements", [1, 20, 1 << 22])
def test_a_widened_weight_multiplies_as_if_it_were_float32(
    monkeypatch: pytest.MonkeyPatch, block_elements: int
) -> None:
    monkeypatch.setattr(float32_products, "BLOCK_ELEMENTS", block_elements)
    weight_NK = torch.randn(7, 5).bfloat16()
    widened, plain = weight_for(weight_NK, torch.float32), Weight(weight_NK.float())
    assert type(widened) is WidenedWeight
    assert type(weight_for(weight_NK, torch.bfloat16)) is Weight
    x_TK, grad_TN, into_TK = torch.randn(3, 5), torch.randn(3, 7), torch.randn(3, 5)
    torch.testing.assert_close(widened.forward(x_TK), plain.forward(x_TK))
    torch.testing.assert_close(widened.backward(grad_TN), plain.backward(grad_TN))
    torch.testing.assert_close(
        widened.backward(grad_TN, into_TK.clone()), into_TK + grad_TN @ weight_NK.float()
    )


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_a_packed_weight_multiplies_as_it_was() -> None:
    weight_NK, x_TK, grad_TN = torch.randn(48, 32), torch.randn(6, 32), torch.randn(6, 48)
    packed, plain = PackedWeight(weight_NK), Weight(weight_NK)
    torch.testing.assert_close(packed.forward(x_TK), plain.forward(x_TK))
    torch.testing.assert_close(packed.backward(grad_TN), plain.backward(grad_TN))
