"""What the speedups in C have in common: where they can't run."""

from __future__ import annotations

from laptime.kernels.build import NotBuiltError
from laptime.kernels.library import has_products, load_library
from laptime.speedups.speedup import Setup


def reason_against_c() -> str:
    """Say why the C parts can't be used; "" where they can."""
    try:
        load_library()
    except NotBuiltError as reason:
        return f"the C parts can't be used: {reason}"
    return ""


def reason_against_c_products(setup: Setup) -> str:
    """Say why the C products can't be used with the weights of the model; "" where they can."""
    if reason := reason_against_c():
        return reason
    dtype = setup.model.dtype
    if str(dtype).removeprefix("torch.") not in setup.native_formats or not has_products(dtype):
        return f"the processor, or its C compiler, has no instruction for products of {dtype}"
    return ""


def is_asked_instead(other: str, name: str, setup: Setup) -> bool:
    """Tell whether the user asked by name for another way of doing the same, and not for `name`."""
    return other in setup.training.speedups and name not in setup.training.speedups
