"""The C parts against formulas in float64, at sizes that leave remainders everywhere."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F

from laptime.decoder.plain_parts import attend_examples, plain_gate, plain_norm, plain_rotate, sdpa_attend
from laptime.kernels import library
from laptime.kernels.build import NotBuiltError
from laptime.kernels.library import LayerWeights
from laptime.runs.exit_reason import means_shortage

TOLERANCES = {torch.float32: 2e-6, torch.bfloat16: 2e-2}
BF16 = torch.bfloat16


@pytest.fixture(autouse=True)
def built(seeded: None) -> None:
    try:
        library.load_library()
    except NotBuiltError as reason:
        pytest.skip(f"no C parts: {reason}")


@pytest.fixture
def products() -> None:
    if not library.has_products(BF16):
        pytest.skip("this CPU has no products of bfloat16")


def near(found: torch.Tensor | None, exact: torch.Tensor, dtype: torch.dtype = BF16) -> None:
    """Hold what was found against what is exact, as parts of its largest number."""
    assert found is not None
    assert (
        float((found.double() - exact.detach()).abs().max() / exact.detach().abs().max().clamp(min=1e-30))
        < TOLERANCES[dtype]
    )


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("rows", "width"), [(1, 1), (5, 33), (37, 576)])
def test_norm(dtype: torch.dtype, rows: int, width: int) -> None:
    x, weight = torch.randn(rows, width).to(dtype), torch.rand(width) + 0.5
    grad = torch.randn(rows, width).to(dtype)
    wide, wide_weight = x.double().requires_grad_(), weight.double().requires_grad_()
    exact = F.rms_norm(wide, (width,), wide_weight, 1e-5)
    exact.backward(grad.double())
    y, scale = library.norm_forward(x, weight, 1e-5)
    near(y, exact, dtype)
    grad_x, grad_weight = library.norm_backward(grad, x, weight, scale, True, True)
    assert wide.grad is not None and wide_weight.grad is not None
    near(grad_weight, wide_weight.grad, dtype)
    if width > 1:  # of a single number the gradient is what rounding leaves
        near(grad_x, wide.grad, dtype)
    assert library.norm_backward(grad, x, weight, scale, False, False) == (None, None)


def test_a_norm_rounds_as_transformers_does() -> None:
    x, weight = torch.randn(64, 96).to(BF16), torch.rand(96).to(BF16)
    assert torch.equal(library.norm_forward(x, weight.float(), 1e-5)[0], plain_norm(x, weight, 1e-5))


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_gate(dtype: torch.dtype) -> None:
    gate, up, grad = (torch.randn(7, 45).to(dtype) * 4 for _ in range(3))
    gate[0, :4] = torch.tensor([-80.0, 80.0, 0.0, -100.0])
    wide = [x.double().requires_grad_() for x in (gate, up)]
    plain_gate(*wide).backward(grad.double())
    near(library.gate_forward(gate, up), plain_gate(*wide), dtype)
    for found, one in zip(library.gate_backward(grad, gate, up), wide, strict=True):
        assert one.grad is not None
        near(found, one.grad, dtype)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("words", [1, 3, 97, 5000])
def test_cross_entropy(dtype: torch.dtype, words: int) -> None:
    logits, targets = (torch.randn(9, words) * 10).to(dtype), torch.randint(0, words, (9,))
    wide = logits.double().requires_grad_()
    exact = F.cross_entropy(wide, targets, reduction="none")
    (exact.sum() * 0.25).backward()
    kept = logits.clone()
    assert torch.equal(
        library.cross_entropy(kept, targets, 0.25, False), library.cross_entropy(logits, targets, 0.25, True)
    )
    assert not torch.equal(kept, logits) or words == 1
    near(library.cross_entropy(kept, targets, 1.0, False), exact, torch.float32)
    assert wide.grad is not None
    near(logits, wide.grad, dtype)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_stays_none(dtype: torch.dtype, bad: float) -> None:
    """The steps look for it: it must not become a number on the way."""
    x = torch.randn(3, 40).to(dtype)
    x[1, 7] = bad
    norm, _ = library.norm_forward(x, torch.ones(40), 1e-5)
    assert not torch.isfinite(norm[1]).all() or not torch.isfinite(x[1] * norm[1]).all()
    assert torch.isfinite(norm[0]).all() and torch.isfinite(norm[2]).all()
    assert not torch.isfinite(library.gate_forward(torch.ones_like(x), x)[1, 7])
    losses = library.cross_entropy(x, torch.tensor([0, 7, 0]), 1.0, True)
    assert torch.isfinite(losses[0]) and not torch.isfinite(losses[1])


SHAPES = [([40], 9, 3, 64), ([5, 1, 77, 30, 24, 25], 4, 2, 32), ([33, 2], 2, 2, 128), ([2], 2, 1, 96)]


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize(("lengths", "heads", "key_heads", "width"), SHAPES)
@pytest.mark.parametrize("threads", [1, 3])
def test_attention(lengths: list[int], heads: int, key_heads: int, width: int, threads: int) -> None:
    inputs = [torch.randn(sum(lengths), count, width).to(BF16) for count in (heads, key_heads, key_heads)]
    angles = torch.rand(sum(lengths), width) * 6
    cos, sin, grad = angles.cos().to(BF16), angles.sin().to(BF16), torch.randn_like(inputs[0])
    query, key, value = (x.double().requires_grad_() for x in inputs)
    turned = [plain_rotate(x, cos.double(), sin.double()) for x in (query, key)]
    exact = attend_examples(sdpa_attend, *turned, value, lengths, 0.3)
    exact.backward(grad.double())
    shape = library.describe_attention(inputs[0], key_heads, lengths, 0.3)
    shape.threads = threads
    out, *kept, lse = library.attention_forward(shape, *inputs, cos, sin)
    near(out, exact)
    found = library.attention_backward(shape, *kept, inputs[2], cos, sin, lse, grad)
    for one, wide in zip(found, (query, key, value), strict=True):
        assert wide.grad is not None
        near(one, wide.grad)


@pytest.mark.usefixtures("products")
def test_no_example_sees_another_or_what_comes_later() -> None:
    query, key, value = (torch.randn(50, 2, 32).to(BF16) for _ in range(3))
    cos, sin = torch.ones(50, 32).to(BF16), torch.zeros(50, 32).to(BF16)
    shape = library.describe_attention(query, 2, [30, 20], 0.2)
    before = library.attention_forward(shape, query, key, value, cos, sin)[0]
    key[27], value[27] = 100.0, 1000.0
    after = library.attention_forward(shape, query, key, value, cos, sin)[0]
    assert torch.equal(before[:27], after[:27]) and torch.equal(before[30:], after[30:])
    assert not torch.equal(before[27:30], after[27:30])


GROUPS = [
    (284, 576, (576, 192, 192), (16, 16, 16)),
    (7, 70, (34, 130), (5, 0)),
    (1, 64, (66,), (1,)),
    (100, 64, (50,), (64,)),
    (41, 128, (576, 30), (0, 0)),
    (401, 36, (194, 20), (3, 8)),
]


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("tokens", "inputs", "outputs", "ranks"), GROUPS)
@pytest.mark.parametrize("threads", [1, 3])
def test_projections(
    tokens: int, inputs: int, outputs: Sequence[int], ranks: Sequence[int], threads: int, dtype: torch.dtype
) -> None:
    if not library.has_products(dtype):
        pytest.skip("this CPU has no such products")
    x = torch.randn(tokens, inputs).to(dtype)
    layers = [make_layer(inputs, out, rank, dtype) for out, rank in zip(outputs, ranks, strict=True)]
    grads = [torch.randn(tokens, out).to(dtype) for out in outputs]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ys, down = library.project_forward(x, layers)
        grad_x, found = library.project_backward(
            x, down, layers, grads, True, [True, False, True][: len(layers)]
        )
        assert library.project_backward(x, down, layers, grads, needs_x=False)[0] is None
    finally:
        torch.set_num_threads(before)
    wide = x.double().requires_grad_()
    for index, (one, y, grad) in enumerate(zip(layers, ys, grads, strict=True)):
        weight, *adapter = (
            None if t is None else t.double().requires_grad_() for t in (one.weight_NK, one.a_rK, one.b_Nr)
        )
        assert weight is not None
        exact = wide @ weight.t()
        if adapter[0] is not None and adapter[1] is not None:
            exact = exact + one.scale * (wide @ adapter[0].t()) @ adapter[1].t()
        exact.backward(grad.double())
        near(y, exact, dtype)
        for mine, theirs in zip((found[index].a_rK, found[index].b_Nr), adapter, strict=True):
            assert (mine is None) == (theirs is None)
            if theirs is not None and theirs.grad is not None:
                near(mine, theirs.grad, dtype)
        assert (found[index].weight_NK is None) == (index == 1)
        if index != 1 and weight.grad is not None:
            near(found[index].weight_NK, weight.grad, dtype)
    assert wide.grad is not None
    near(grad_x, wide.grad, dtype)


def make_layer(inputs: int, outputs: int, rank: int, dtype: torch.dtype) -> LayerWeights:
    weight = (torch.randn(outputs, inputs) * inputs**-0.5).to(dtype)
    if not rank:
        return LayerWeights(weight)
    return LayerWeights(
        weight, torch.randn(rank, inputs) * inputs**-0.5, torch.randn(outputs, rank) * 0.2, 1.7
    )


@pytest.mark.usefixtures("products")
def test_a_sum_of_an_odd_number_of_rows_reads_nothing_beyond_them() -> None:
    """The weight's gradient sums over tokens; beyond the last of them lies what is no number."""
    rows = torch.full((4, 64), float("nan")).to(BF16)
    rows[:3] = torch.randn(3, 64).to(BF16)
    layers = [LayerWeights(torch.randn(64, 64).to(BF16))]
    _, (found,) = library.project_backward(rows[:3], None, layers, [rows[:3]], False, [True])
    near(found.weight_NK, rows[:3].double().t() @ rows[:3].double())


def test_where_memory_ends_the_last_line_says_so() -> None:
    """What watches a run reads it there: the run did not fit."""
    script = (
        "from laptime.kernels import library\n"
        "library.load_library().project_forward_float32(None, (library.Layer * 1)(library.Layer(r=1, n=2)),"
        " 1, 1, 1 << 55, None, 1)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGABRT
    assert means_shortage(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_no_tokens_make_no_outputs_and_gradients_of_zero(dtype: torch.dtype) -> None:
    """One of several processes may have no example of a step."""
    if not library.has_products(dtype):
        pytest.skip("this CPU has no such products")
    layers = [make_layer(64, 66, 3, dtype), make_layer(64, 10, 0, dtype)]
    ys, down = library.project_forward(torch.empty(0, 64, dtype=dtype), layers)
    assert [tuple(y.shape) for y in ys] == [(0, 66), (0, 10)]
    grad_x, found = library.project_backward(
        torch.empty(0, 64, dtype=dtype), down, layers, ys, True, [True, True]
    )
    assert grad_x is not None and grad_x.shape == (0, 64)
    for grads, layer in zip(found, layers, strict=True):
        for grad in (grads.weight_NK, *((grads.a_rK, grads.b_Nr) if layer.rank else ())):
            assert grad is not None and not grad.any()
    assert (
        len(
            library.cross_entropy(torch.empty(0, 7, dtype=dtype), torch.empty(0, dtype=torch.long), 1.0, True)
        )
        == 0
    )
    norm, scale = library.norm_forward(torch.empty(0, 8, dtype=dtype), torch.ones(8), 1e-5)
    assert len(norm) == len(scale) == 0
    empty = torch.empty(0, 8, dtype=dtype)
    assert library.norm_backward(empty, empty, torch.ones(8), scale, True, True)[1].abs().sum() == 0  # type: ignore[union-attr]


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_codes_of_four_bits_are_the_nearest(dtype: torch.dtype) -> None:
    codes = torch.linspace(-1, 1, 16) ** 3
    bounds = (codes[:-1] + codes[1:]) / 2
    weight_NK = torch.randn(24, 96, generator=torch.Generator().manual_seed(0)).to(dtype)
    weight_NK[2] = 0.0
    weight_NK[5, :16] = codes.to(dtype)
    packed, scales = library.round_to_codes(weight_NK, bounds)
    assert packed.shape == (24 * 96 // 2, 1)
    blocks = weight_NK.float().reshape(-1, 64)
    assert torch.equal(scales, blocks.abs().amax(1))
    share = blocks * (1.0 / scales.clamp(min=1e-38))[:, None]
    wanted = torch.bucketize(share, bounds).to(torch.uint8).flatten()
    assert torch.equal(packed[:, 0], wanted[::2] << 4 | wanted[1::2])


@pytest.mark.parametrize("lengths", [[], [0], [3, 0, 2]])
def test_attention_of_no_tokens(lengths: list[int]) -> None:
    query, key = torch.randn(sum(lengths), 4, 32).to(BF16), torch.randn(sum(lengths), 2, 32).to(BF16)
    angles = torch.ones(sum(lengths), 32).to(BF16)
    shape = library.describe_attention(query, 2, lengths, 0.2)
    out, *kept, lse = library.attention_forward(shape, query, key, key, angles, angles)
    grads = library.attention_backward(shape, *kept, key, angles, angles, lse, out)
    assert out.shape == query.shape and all(torch.isfinite(x).all() for x in (out, *grads))
