"""The C parts as functions of tensors.

Every tensor must be on the CPU and contiguous; shapes stand at each function. What is kept for the backward
pass is the caller's.

Shapes: T tokens, D width of a row, V words, K inputs, N outputs and r rank of a layer, R the ranks of a group
of layers, each up to an even number, H heads of queries, G of keys and values, E width of a head.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from ctypes import POINTER, Structure, byref, c_double, c_float, c_int, c_long, c_void_p
from functools import cache
from typing import Any

import torch
from msgspec import Struct

from laptime.kernels.build import NotBuiltError, find_library, find_openmp

POINTERS, LONGS = [c_void_p], [c_long]
NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


class Layer(Structure):
    """A linear layer of a group, as projections.c knows it."""

    _fields_ = [
        ("w", c_void_p), ("y", c_void_p), ("dw", c_void_p), ("a", c_void_p), ("b", c_void_p),
        ("da", c_void_p), ("db", c_void_p), ("n", c_long), ("r", c_long), ("s", c_float),
    ]  # fmt: skip


class Attention(Structure):
    """The shape of an attention, as attention.c knows it."""

    _fields_ = [
        ("begins", POINTER(c_long)), ("examples", c_long), ("T", c_long), ("H", c_long), ("G", c_long),
        ("E", c_long), ("scale", c_float), ("threads", c_int),
    ]  # fmt: skip


class Parameter(Structure):
    """What trains, as optimizer.c knows it."""

    _fields_ = [
        ("grad", c_void_p), ("master", c_void_p), ("m", c_void_p), ("v", c_void_p), ("weight", c_void_p),
        ("size", c_long), ("correction1", c_double), ("correction2", c_double),
    ]  # fmt: skip


SIGNATURES: dict[str, list[Any]] = {
    "norm_forward": [*POINTERS * 4, *LONGS * 2, c_float, c_int],
    "norm_backward": [*POINTERS * 6, *LONGS * 2, c_int],
    "gate_forward": [*POINTERS * 3, c_long, c_int],
    "gate_backward": [*POINTERS * 5, c_long, c_int],
    "cross_entropy": [*POINTERS * 3, *LONGS * 2, c_float, c_int, c_int],
    "round_to_codes": [*POINTERS * 4, c_long, c_int],
    "adamw": [POINTER(Parameter), c_long, *[c_double] * 6, c_int],
}
PROJECT: list[Any] = [c_void_p, POINTER(Layer), *LONGS * 3, c_void_p, c_int]
SQUARES_BLOCK = 4096  # numbers, as in optimizer.c
CODES_BLOCK = 64  # numbers that share a scale, as in parts.h


class LayerWeights(Struct):
    """A weight, N x K, and its adapter if any: float32 a, r x K, and b, N x r, and their scale."""

    weight_NK: torch.Tensor
    a_rK: torch.Tensor | None = None
    b_Nr: torch.Tensor | None = None
    scale: float = 1.0

    @property
    def rank(self) -> int:
        """Of the adapter, 0 where there is none."""
        return 0 if self.a_rK is None else len(self.a_rK)


class LayerGradients(Struct):
    """Of a layer's weight, in its dtype, and of its adapter, float32, where they are wanted."""

    weight_NK: torch.Tensor | None = None
    a_rK: torch.Tensor | None = None
    b_Nr: torch.Tensor | None = None


@cache
def load_library() -> ctypes.CDLL:
    """Load the library into torch's own threads; raises NotBuiltError where that can't be."""
    file, openmp = find_library(), find_openmp()
    try:
        ctypes.CDLL(str(openmp), ctypes.RTLD_GLOBAL | os.RTLD_NOLOAD)
        library = ctypes.CDLL(str(file))
    except OSError as error:
        raise NotBuiltError(f"they can't be loaded ({error})") from None
    for name in NAMES.values():
        for part, types in SIGNATURES.items():
            declare(library, f"{part}_{name}", types)
        declare(library, f"sum_squares_{name}", [POINTER(Parameter), c_long, c_void_p, c_int], c_double)
        if name == "float32" or library.has_bfloat16_products():
            declare(library, f"project_forward_{name}", PROJECT)
            declare(library, f"project_backward_{name}", [c_void_p, *PROJECT])
    if library.has_bfloat16_products():
        declare(library, "attention_forward", [POINTER(Attention), *POINTERS * 9])
        declare(library, "attention_backward", [POINTER(Attention), *POINTERS * 10])
    return library


def declare(library: ctypes.CDLL, name: str, types: Sequence[type], gives: type | None = None) -> None:
    """Tell ctypes what a function takes and returns."""
    function = getattr(library, name)
    function.argtypes, function.restype = types, gives


def has_products(dtype: torch.dtype) -> bool:
    """Tell whether the processor has an instruction for a product and its sum, and the library uses it."""
    library = load_library()
    known = {torch.float32: library.has_float32_products, torch.bfloat16: library.has_bfloat16_products}
    return dtype in known and bool(known[dtype]())


def part_for(name: str, tensor: torch.Tensor) -> ctypes._NamedFuncPointer:
    """Return a part for the numbers of `tensor`."""
    return getattr(load_library(), f"{name}_{NAMES[tensor.dtype]}")


def address(tensor: torch.Tensor | None) -> int | None:
    """Return where the numbers of a tensor lie; None for none."""
    return None if tensor is None else tensor.data_ptr()


def norm_forward(
    x_TD: torch.Tensor, weight_D: torch.Tensor, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the normalized rows, and the scale of each; `weight_D` is float32."""
    y_TD, width = torch.empty_like(x_TD), x_TD.shape[-1]
    num_rows = x_TD.numel() // width
    scale_T = torch.empty(num_rows)
    part_for("norm_forward", x_TD)(
        x_TD.data_ptr(), weight_D.data_ptr(), y_TD.data_ptr(), scale_T.data_ptr(), num_rows, width, epsilon,
        torch.get_num_threads(),
    )  # fmt: skip
    return y_TD, scale_T


def norm_backward(
    grad_TD: torch.Tensor,
    x_TD: torch.Tensor,
    weight_D: torch.Tensor,
    scale_T: torch.Tensor,
    needs_x: bool,
    needs_weight: bool,
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return the gradients of x and, in float32, of the weight, where they are needed."""
    threads, width = torch.get_num_threads(), x_TD.shape[-1]
    grad_x_TD = torch.empty_like(x_TD) if needs_x else None
    parts_D = torch.zeros(threads, width) if needs_weight else None
    part_for("norm_backward", x_TD)(
        grad_TD.data_ptr(), x_TD.data_ptr(), weight_D.data_ptr(), scale_T.data_ptr(), address(grad_x_TD),
        address(parts_D), x_TD.numel() // width, width, threads,
    )  # fmt: skip
    return grad_x_TD, None if parts_D is None else parts_D.sum(0)


def gate_forward(gate_TF: torch.Tensor, up_TF: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) up."""
    y_TF = torch.empty_like(gate_TF)
    part_for("gate_forward", gate_TF)(
        gate_TF.data_ptr(), up_TF.data_ptr(), y_TF.data_ptr(), y_TF.numel(), torch.get_num_threads()
    )
    return y_TF


def gate_backward(
    grad_TF: torch.Tensor, gate_TF: torch.Tensor, up_TF: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of gate and up."""
    grad_gate_TF, grad_up_TF = torch.empty_like(gate_TF), torch.empty_like(up_TF)
    part_for("gate_backward", gate_TF)(
        grad_TF.data_ptr(), gate_TF.data_ptr(), up_TF.data_ptr(), grad_gate_TF.data_ptr(),
        grad_up_TF.data_ptr(), grad_TF.numel(), torch.get_num_threads(),
    )  # fmt: skip
    return grad_gate_TF, grad_up_TF


def cross_entropy(
    logits_TV: torch.Tensor, targets_T: torch.Tensor, factor: float, needs_gradient: bool
) -> torch.Tensor:
    """Return the loss of each row; the gradient of `factor` times the loss takes the place of the logits."""
    losses_T = torch.empty(len(logits_TV))
    part_for("cross_entropy", logits_TV)(
        logits_TV.data_ptr(), targets_T.data_ptr(), losses_T.data_ptr(), *logits_TV.shape, factor,
        needs_gradient, torch.get_num_threads(),
    )  # fmt: skip
    return losses_T


def round_to_codes(weight_NK: torch.Tensor, bounds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes of 4 bits, two a byte, (N K / 2) x 1, and the largest size in each block of 64, float32.

    `bounds` are the 15 between codes, float32; N K is a multiple of 64.
    """
    num_blocks = weight_NK.numel() // CODES_BLOCK
    codes = torch.empty(num_blocks * CODES_BLOCK // 2, 1, dtype=torch.uint8)
    scales = torch.empty(num_blocks)
    part_for("round_to_codes", weight_NK)(
        weight_NK.data_ptr(), bounds.data_ptr(), codes.data_ptr(), scales.data_ptr(), num_blocks,
        torch.get_num_threads(),
    )  # fmt: skip
    return codes, scales


def list_layers(
    layers: Sequence[LayerWeights],
    ys_TN: Sequence[torch.Tensor],
    grads: Sequence[LayerGradients] | None = None,
) -> ctypes.Array[Layer]:
    """Return layers with their outputs, or the gradients of those, as projections.c wants them."""
    listed = (Layer * len(layers))()
    for index, (one, y_TN) in enumerate(zip(layers, ys_TN, strict=True)):
        place = listed[index]
        place.w, place.y, place.n = one.weight_NK.data_ptr(), y_TN.data_ptr(), len(one.weight_NK)
        if one.a_rK is not None and one.b_Nr is not None:
            place.a, place.b, place.r, place.s = one.a_rK.data_ptr(), one.b_Nr.data_ptr(), one.rank, one.scale
        if grads is not None:
            wanted = grads[index]
            place.dw, place.da, place.db = (
                address(wanted.weight_NK),
                address(wanted.a_rK),
                address(wanted.b_Nr),
            )
    return listed


def project_forward(
    x_TK: torch.Tensor, layers: Sequence[LayerWeights]
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return x W^T + s (x A^T) B^T of every layer, T x N, and all x A^T, T x R; at most eight layers."""
    ys_TN = [x_TK.new_empty(len(x_TK), len(one.weight_NK)) for one in layers]
    per_word = 4 // x_TK.itemsize  # ranks of a layer fill whole words
    down_TR = x_TK.new_empty(len(x_TK), sum(-(-one.rank // per_word) * per_word for one in layers))
    part_for("project_forward", x_TK)(
        x_TK.data_ptr(), list_layers(layers, ys_TN), len(layers), *x_TK.shape, down_TR.data_ptr(),
        torch.get_num_threads(),
    )  # fmt: skip
    return ys_TN, down_TR


def project_backward(
    x_TK: torch.Tensor | None,
    down_TR: torch.Tensor | None,
    layers: Sequence[LayerWeights],
    grads_TN: Sequence[torch.Tensor],
    needs_x: bool = True,
    needs_weights: Sequence[bool] = (),
) -> tuple[torch.Tensor | None, list[LayerGradients]]:
    """Return the gradient of x and those of the layers, all adapters' among them.

    x and x A^T may be left out where neither weights nor adapters want a gradient.
    """
    num_tokens, width = len(grads_TN[0]), layers[0].weight_NK.shape[1]
    grad_TK = grads_TN[0].new_empty(num_tokens, width) if needs_x else None
    grads = [
        LayerGradients(
            torch.empty_like(one.weight_NK) if wants else None,
            None if one.a_rK is None else torch.empty_like(one.a_rK),
            None if one.b_Nr is None else torch.empty_like(one.b_Nr),
        )
        for one, wants in zip(layers, needs_weights or [False] * len(layers), strict=True)
    ]
    part_for("project_backward", grads_TN[0])(
        address(x_TK), address(down_TR), list_layers(layers, grads_TN, grads), len(layers), num_tokens, width,
        address(grad_TK), torch.get_num_threads(),
    )  # fmt: skip
    return grad_TK, grads


def describe_attention(
    query_THE: torch.Tensor, num_key_heads: int, lengths: Sequence[int], scale: float
) -> Attention:
    """Return the shape of an attention within examples whose `lengths` add up to T."""
    begins = (c_long * (len(lengths) + 1))()
    for index, length in enumerate(lengths):
        begins[index + 1] = begins[index] + length
    num_tokens, num_heads, width = query_THE.shape
    return Attention(
        begins, len(lengths), num_tokens, num_heads, num_key_heads, width, scale, torch.get_num_threads()
    )


def attention_forward(
    shape: Attention,
    query_THE: torch.Tensor,
    key_TGE: torch.Tensor,
    value_TGE: torch.Tensor,
    cos_TE: torch.Tensor,
    sin_TE: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return what the heads gathered, THE, the rotated queries and keys, and log-sum-exp, float32 HT."""
    turned_THE, turned_TGE, out_THE = (torch.empty_like(x) for x in (query_THE, key_TGE, query_THE))
    lse_HT = torch.empty(shape.H, shape.T)
    tensors = (query_THE, key_TGE, value_TGE, cos_TE, sin_TE, turned_THE, turned_TGE, lse_HT, out_THE)
    load_library().attention_forward(byref(shape), *(x.data_ptr() for x in tensors))
    return out_THE, turned_THE, turned_TGE, lse_HT


def attention_backward(
    shape: Attention,
    turned_THE: torch.Tensor,
    turned_TGE: torch.Tensor,
    value_TGE: torch.Tensor,
    cos_TE: torch.Tensor,
    sin_TE: torch.Tensor,
    lse_HT: torch.Tensor,
    grad_THE: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of queries and keys before their rotation, and of values."""
    grads = tuple(torch.empty_like(x) for x in (turned_THE, turned_TGE, value_TGE))
    tensors = (turned_THE, turned_TGE, value_TGE, cos_TE, sin_TE, lse_HT, grad_THE, *grads)
    load_library().attention_backward(byref(shape), *(x.data_ptr() for x in tensors))
    return grads  # type: ignore[return-value]


class Trained(Struct):
    """What is updated together: float32 masters and moments; `weights` are the masters, or bfloat16.

    `steps` are the updates of each, this one among them.
    """

    gradients: list[torch.Tensor]
    masters: list[torch.Tensor]
    weights: list[torch.Tensor]
    averages: list[torch.Tensor]
    squares: list[torch.Tensor]
    steps: list[float]


def sum_squares(gradients: Sequence[torch.Tensor]) -> float:
    """Return the sum of the squares of all numbers of `gradients`, of one dtype."""
    listed, num_blocks = (Parameter * len(gradients))(), 0
    for place, gradient in zip(listed, gradients, strict=True):
        place.grad, place.size = gradient.data_ptr(), gradient.numel()
        num_blocks += -(-gradient.numel() // SQUARES_BLOCK)
    parts = torch.empty(num_blocks, dtype=torch.float64)
    part = part_for("sum_squares", gradients[0])
    return float(part(listed, len(listed), parts.data_ptr(), torch.get_num_threads()))


def update_adamw(
    trained: Trained,
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
    decay: float,
    divisor: float,
) -> None:
    """Make one update of AdamW with gradients, of one dtype, that are divided by `divisor`."""
    listed = (Parameter * len(trained.gradients))()
    for index, place in enumerate(listed):
        place.grad, place.size = trained.gradients[index].data_ptr(), trained.gradients[index].numel()
        place.master, place.weight = trained.masters[index].data_ptr(), trained.weights[index].data_ptr()
        place.m, place.v = trained.averages[index].data_ptr(), trained.squares[index].data_ptr()
        place.correction1, place.correction2 = (1.0 - beta ** trained.steps[index] for beta in betas)
    part_for("adamw", trained.gradients[0])(
        listed, len(listed), rate, *betas, epsilon, decay, divisor, torch.get_num_threads()
    )
