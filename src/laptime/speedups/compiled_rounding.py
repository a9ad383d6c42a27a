"""A base that is held in 4 bits is rounded to them in C, as its weights are read.

The work stands in `kernels/parts.h` and, before speedups are applied, in `methods/qlora.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import structs

from laptime.kernels import library
from laptime.speedups.compiled import reason_against_c
from laptime.speedups.speedup import Claim, NoEffect, Part, Setup, Speedup, is_wanted

if TYPE_CHECKING:
    import torch

    from laptime.methods.method import Rounding
    from laptime.spec import RunSpec


class CompiledRounding(Speedup):
    """Says what came of what was done while the base was read."""

    name: ClassVar[str] = "compiled_rounding"
    summary: ClassVar[str] = "rounds a base that is held in 4 bits as C code built for this CPU"
    claims: ClassVar[Claim] = "bitwise"
    part: ClassVar[Part] = "load"

    def apply(self, setup: Setup) -> str:
        """Say how many layers it rounded."""
        if setup.device.type != "cpu":
            raise NoEffect("for CPUs only")
        if not (setup.method and setup.method.quantises):
            raise NoEffect("no base is held in 4 bits as it is read")
        if setup.compute not in library.NAMES.values():
            raise NoEffect(f"for bfloat16 and float32, not {setup.compute}")
        if reason := reason_against_c():
            raise NoEffect(reason)
        num_layers = sum(type(weight).__name__ == "Params4bit" for weight in setup.model.parameters())
        return f"{num_layers} layers"


def find_rounding(spec: RunSpec, device: torch.device, compute: str) -> Rounding | None:
    """Return what rounds weights in C; None where that is switched off or can't be."""
    wanted = is_wanted(CompiledRounding.name, structs.asdict(spec.training))
    known = device.type == "cpu" and compute in library.NAMES.values()
    return library.round_to_codes if wanted and known and not reason_against_c() else None
