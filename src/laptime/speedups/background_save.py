"""The result is written while the held-out set is evaluated.

The work stands in `training/result.py`, which writes the result in a thread with the speedup and without;
what is decided here is whether the evaluation waits for it.
"""

from __future__ import annotations

from typing import ClassVar

from laptime.speedups.speedup import Claim, NoEffect, Part, Setup, Speedup


class BackgroundSave(Speedup):
    """After training no weight changes any more, so writing and reading them can go on together."""

    name: ClassVar[str] = "background_save"
    summary: ClassVar[str] = "writes the result while the held-out set is evaluated"
    claims: ClassVar[Claim] = "bitwise"
    part: ClassVar[Part] = "save"

    def apply(self, setup: Setup) -> str:
        """Ask the run to save in a thread."""
        if not setup.evaluates:
            raise NoEffect("nothing is left to do beside it: no held-out set")
        from peft.tuners.lora.layer import ParamWrapper

        # While one thread lists the weights, the other would put them into other modules and back.
        if any(isinstance(module, ParamWrapper) for module in setup.model.modules()):
            raise NoEffect("every forward pass takes the model apart: adapters change weights of experts")
        setup.saves_in_background = True
        return "beside the evaluation"
