"""The weights are read from the disk while the libraries are imported.

The work stands in `startup/page_cache.py`: it begins before torch is imported, for it goes on meanwhile.
"""

from __future__ import annotations

from typing import ClassVar

from laptime.speedups.speedup import Claim, NoEffect, Part, Setup, Speedup
from laptime.startup.page_cache import present_reading


class ReadAhead(Speedup):
    """Says what came of what began before torch was imported."""

    name: ClassVar[str] = "read_ahead"
    summary: ClassVar[str] = "reads the weights from the disk while the libraries are imported"
    claims: ClassVar[Claim] = "bitwise"
    part: ClassVar[Part] = "load"

    def apply(self, setup: Setup) -> str:
        """Say how much was read."""
        reading = present_reading()
        if reading is None:
            raise NoEffect("no weight files, or more than half the memory holds")
        if not reading.had_effect():
            raise NoEffect("the system had the files in memory already")
        return f"{reading.num_bytes_read / 1e6:.0f} MB"
