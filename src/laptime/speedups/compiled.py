"""What the speedups in C have in common: where they can't run."""

from __future__ import annotations

import torch

from laptime.kernels.build import NotBuiltError
from laptime.kernels.library import has_products, load_library
from laptime.speedups.speedup import Setup

MARGIN = 0.05  # that two timings of the same may differ by


def reason_against_c() -> str:
    """Say why the C parts can't be used; "" where they can."""
    try:
        load_library()
    except NotBuiltError as reason:
        return f"the C parts can't be used: {reason}"
    return ""


def reason_against_c_products(setup: Setup) -> str:
    """Say why the C products can't be used in the format of the run; "" where they can."""
    if reason := reason_against_c():
        return reason
    if setup.compute not in setup.native_formats or not has_products(getattr(torch, setup.compute)):
        return f"the processor, or its C compiler, has no instruction for products of {setup.compute}"
    return ""


def reason_of_trial(setup: Setup, name: str) -> str:
    """Say that the C products are clearly slower than torch's here; "" where not, or asked for by `name`."""
    if setup.product_seconds is None or name in setup.training.speedups:
        return ""
    ours, theirs = (1000 * seconds for seconds in setup.product_seconds)
    if ours <= theirs * (1 + MARGIN):
        return ""
    return (
        f"torch's products were faster when both were tried: {theirs:.3g} against {ours:.3g} ms for a layer"
    )


def is_asked_instead(other: str, name: str, setup: Setup) -> bool:
    """Tell whether the user asked by name for another way of doing the same, and not for `name`."""
    return other in setup.training.speedups and name not in setup.training.speedups
