"""What the frozen layers below the lowest trained one give is kept instead of computed in every epoch."""

from __future__ import annotations

from typing import ClassVar

from laptime.decoder.prefix import Store
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup

MEMORY_BYTES = 2 << 30  # of hidden states in memory; more goes to disk: 260,000 tokens of 2,048 floats


class PrefixCache(Speedup):
    """Nothing below the lowest trained layer changes, so its output is made once for each record."""

    name: ClassVar[str] = "prefix_cache"
    summary: ClassVar[str] = "computes the frozen layers below the lowest trained one once for each record"
    claims: ClassVar[Claim] = "bitwise"
    needs: ClassVar[tuple[str, ...]] = ("fused_blocks",)

    def apply(self, setup: Setup) -> str:
        """Give the prefix a store."""
        prefix = setup.forward.prefix
        if prefix is None:
            raise NoEffect("the lowest layer trains")
        keeps_all = bool(setup.method and getattr(setup.method.options, "reuse_cache", False))
        prefix.store = Store(setup.cache_folder, MEMORY_BYTES, keeps_all)
        note = f"the {prefix.num_layers} lowest of {len(prefix.decoder.layers)} layers"
        self.reused, num_damaged = prefix.store.count(setup.record_keys)
        if self.reused:
            note += f"; {self.reused} of {len(setup.record_keys)} records were cached by an earlier run"
        if num_damaged:
            note += f"; {num_damaged} cached files were damaged and are made again"
        return note
