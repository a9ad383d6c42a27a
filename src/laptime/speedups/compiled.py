"""What the speedups in C have in common: where they can't run."""

from __future__ import annotations

from laptime.kernels.build import NotBuiltError
from laptime.kernels.library import has_bfloat16_products, load_library
from laptime.speedups.speedup import Setup


def reason_against_c() -> str:
    """Say why the C parts can't be used; "" where they can."""
    try:
        load_library()
    except NotBuiltError as reason:
        return f"the C parts can't be used: {reason}"
    return ""


def reason_against_c_products(setup: Setup) -> str:
    """Say why the C products of bfloat16 can't be used; "" where they can."""
    if reason := reason_against_c():
        return reason
    if str(setup.model.dtype) != "torch.bfloat16":
        return f"for bfloat16 only, not {setup.model.dtype}"
    if "bfloat16" not in setup.native_formats or not has_bfloat16_products():
        return "the processor, or the C compiler, has no product of bfloat16 pairs (avx512_bf16)"
    return ""


def is_asked_instead(other: str, name: str, setup: Setup) -> bool:
    """Tell whether the user asked by name for another way of doing the same, and not for `name`."""
    return other in setup.training.speedups and name not in setup.training.speedups
