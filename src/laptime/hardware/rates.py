"""How fast a device multiplies matrices and moves memory, sustained, by the clock.

Shapes: T tokens, K inputs, N outputs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch

FILL = 0.01  # what is multiplied: neither zero nor so small that a processor takes detours
COPIED_BYTES = 1 << 28  # more than any cache holds
TRANSFERRED_BYTES = 1 << 26


def sustained_seconds(
    work: Callable[[], object], device: torch.device, least_seconds: float = 0.3, least_repeats: int = 3
) -> float:
    """Return the mean seconds of `work` over repeats that last a while.

    The mean and not the best: a processor that slows down under load holds no ceiling of a moment.
    """

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    work()
    wait()
    begun, repeats = time.perf_counter(), 0
    while repeats < least_repeats or time.perf_counter() - begun < least_seconds:
        work()
        repeats += 1
        if device.type == "cuda" and repeats % 10 == 0:
            wait()
    wait()
    return (time.perf_counter() - begun) / repeats


def list_products(
    num_tokens: int, inputs: int, outputs: int, dtype: torch.dtype, device: torch.device
) -> dict[str, Callable[[], object]]:
    """Return x W^T in the ways that a device has for it."""
    x_TK = torch.full((num_tokens, inputs), FILL, device=device, dtype=dtype)
    w_NK = torch.full((outputs, inputs), FILL, device=device, dtype=dtype)
    ways: dict[str, Callable[[], object]] = {"plain": partial(torch.mm, x_TK, w_NK.t())}
    if device.type == "cpu" and torch.backends.mkldnn.is_available():
        ways["packed"] = packed_product(x_TK, w_NK)
    return ways


def packed_product(x_TK: torch.Tensor, w_NK: torch.Tensor) -> Callable[[], object]:
    """Return x W^T with the weight packed once for oneDNN's kernels."""
    packed = torch.ops.mkldnn._reorder_linear_weight(w_NK)
    return partial(torch.ops.mkldnn._linear_pointwise, x_TK, packed, None, "none", [], "")


def product_flops_per_second(
    num_tokens: int, inputs: int, outputs: int, dtype: torch.dtype, device: torch.device, seconds: float
) -> float:
    """Return the rate of a product, by the fastest of its ways; each is tried for `seconds`."""
    ways = list_products(num_tokens, inputs, outputs, dtype, device).values()
    return (
        2.0 * num_tokens * inputs * outputs / min(sustained_seconds(way, device, seconds, 2) for way in ways)
    )


def memory_bytes_per_second(device: torch.device, num_bytes: int = COPIED_BYTES) -> float:
    """Return the bytes a second that are read and written when memory is copied."""
    source = torch.full((num_bytes,), 1, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2.0 * num_bytes / sustained_seconds(partial(target.copy_, source), device)


def transfer_bytes_per_second(device: torch.device) -> tuple[float, float]:
    """Return the bytes a second to a GPU and back, from and to pinned memory."""
    host = torch.full((TRANSFERRED_BYTES,), 1, dtype=torch.uint8).pin_memory()
    there = torch.empty_like(host, device=device)
    to = sustained_seconds(lambda: there.copy_(host, non_blocking=True), device)
    back = sustained_seconds(lambda: host.copy_(there, non_blocking=True), device)
    return TRANSFERRED_BYTES / to, TRANSFERRED_BYTES / back
