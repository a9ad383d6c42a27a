"""Modules that no run needs are not imported until something of theirs is used.

The work stands in `startup/imports.py`: it is done before torch is imported, before speedups are applied.
"""

from __future__ import annotations

from typing import ClassVar

from laptime.speedups.speedup import Claim, NoEffect, Part, Setup, Speedup
from laptime.startup.imports import num_deferred


class LightImports(Speedup):
    """Says what came of what began before torch was imported."""

    name: ClassVar[str] = "light_imports"
    summary: ClassVar[str] = "does not import what a run does not use: the compiler, sharding, quantisation"
    claims: ClassVar[Claim] = "bitwise"
    part: ClassVar[Part] = "load"

    def apply(self, setup: Setup) -> str:
        """Say how many modules were put off."""
        if not num_deferred():
            raise NoEffect("everything was imported already")
        return f"{num_deferred()} packages put off"
