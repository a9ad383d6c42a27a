"""What the speedups in C have in common: where they can run."""

from __future__ import annotations

from laptime.kernels.build import NotBuiltError
from laptime.kernels.library import has_bfloat16_products, load_library
from laptime.speedups.speedup import NoEffect, Setup


def need_library(setup: Setup) -> None:
    """Raise NoEffect where there is no library of the C parts, or nothing for it to do."""
    if setup.device.type != "cpu":
        raise NoEffect("for CPUs only")
    try:
        load_library()
    except NotBuiltError as reason:
        raise NoEffect(f"the C parts can't be used: {reason}") from None


def need_bfloat16_products(setup: Setup) -> None:
    """Raise NoEffect where the C products of bfloat16 can't run or would not be used."""
    need_library(setup)
    if not has_bfloat16_products():
        raise NoEffect("the processor, or its C compiler, has no product of pairs of bfloat16 (avx512_bf16)")
    if str(setup.model.dtype) != "torch.bfloat16":
        raise NoEffect("for bfloat16 only")
