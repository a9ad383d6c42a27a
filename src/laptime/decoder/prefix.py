"""The frozen layers below the lowest trained one: their output is the same in every epoch.

It is computed example by example, so that an example's output does not depend on its neighbours in a batch:
with and without a store the numbers are the same to the last bit.

Shapes: T tokens of all examples of a batch, t of one example, D width.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import torch

from laptime.decoder.decoder import Decoder

if TYPE_CHECKING:
    from laptime.data.batches import Batch


class HiddenStates(Protocol):
    """What may keep the output of the frozen layers, example by example under an example's key."""

    def get(self, key: str, device: torch.device) -> torch.Tensor | None:
        """Return what was kept, or None."""

    def put(self, key: str, hidden_tD: torch.Tensor) -> None:
        """Keep it."""

    def close(self) -> None:
        """Let go of what is kept."""


class Prefix:
    """Runs the lowest `num_layers` layers without gradients, or fetches what they gave before."""

    def __init__(self, decoder: Decoder, num_layers: int) -> None:
        self.decoder = decoder
        self.num_layers = num_layers
        self.store: HiddenStates | None = None

    @torch.no_grad()
    def run(self, batch: Batch) -> torch.Tensor:
        """Return the hidden states of a batch as it is laid out, TxD; places of padding hold zeros."""
        parts_tD: list[torch.Tensor] = []
        for (key, ids_t), room in zip(split_batch(batch), batch.segments, strict=True):
            hidden_tD = self._hidden(key, ids_t)
            if padding := room - len(hidden_tD):
                hidden_tD = torch.cat([hidden_tD, hidden_tD.new_zeros(padding, hidden_tD.shape[1])])
            parts_tD.append(hidden_tD)
        return parts_tD[0] if len(parts_tD) == 1 else torch.cat(parts_tD)

    def _hidden(self, key: str, ids_t: torch.Tensor) -> torch.Tensor:
        """Return the output of the lowest layers for one example."""
        kept = self.store.get(key, ids_t.device) if self.store else None
        if kept is not None:
            return kept
        hidden_tD = self.decoder.run_layers(self.decoder.embed(ids_t), [len(ids_t)], 0, self.num_layers)
        if self.store:
            self.store.put(key, hidden_tD)
        return hidden_tD


def split_batch(batch: Batch) -> Iterator[tuple[str, torch.Tensor]]:
    """Give the key and the token ids of each example of a batch, without padding."""
    begin = 0
    flat_T = batch.token_ids_BT.flatten()
    for key, length, room in zip(batch.keys, batch.lengths, batch.segments, strict=True):
        yield key, flat_T[begin : begin + length]
        begin += room
