"""The frozen layers below the lowest trained one: their output is the same in every epoch.

It is computed record by record, so that a record's output does not depend on its neighbours in a batch:
with and without a store the numbers are the same to the last bit.

Shapes: T tokens of all records of a batch, t of one record, D width.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from laptime.decoder.decoder import Decoder

if TYPE_CHECKING:
    from laptime.inputs.batches import Batch


class Prefix:
    """Runs the lowest `num_layers` layers without gradients, or fetches what they gave before."""

    def __init__(self, decoder: Decoder, num_layers: int) -> None:
        self.decoder = decoder
        self.num_layers = num_layers
        self.store: Store | None = None

    @torch.no_grad()
    def run(self, batch: Batch) -> torch.Tensor:
        """Return the hidden states of a batch as it is laid out, TxD; places of padding hold zeros."""
        parts_tD: list[torch.Tensor] = []
        for (key, ids_t), room in zip(split_records(batch), batch.segments, strict=True):
            hidden_tD = self._hidden(key, ids_t)
            if padding := room - len(hidden_tD):
                hidden_tD = torch.cat([hidden_tD, hidden_tD.new_zeros(padding, hidden_tD.shape[1])])
            parts_tD.append(hidden_tD)
        return parts_tD[0] if len(parts_tD) == 1 else torch.cat(parts_tD)

    def _hidden(self, key: str, ids_t: torch.Tensor) -> torch.Tensor:
        """Return the output of the lowest layers for one record."""
        kept = self.store.get(key, ids_t.device) if self.store else None
        if kept is not None:
            return kept
        hidden_tD = self.decoder.run_layers(self.decoder.embed(ids_t), [len(ids_t)], 0, self.num_layers)
        if self.store:
            self.store.put(key, hidden_tD)
        return hidden_tD


def split_records(batch: Batch) -> Iterator[tuple[str, torch.Tensor]]:
    """Give the key and the token ids of each record of a batch, without padding."""
    begin = 0
    flat_T = batch.token_ids_BT.flatten()
    for key, length, room in zip(batch.keys, batch.lengths, batch.segments, strict=True):
        yield key, flat_T[begin : begin + length]
        begin += room


class Store:
    """Keeps hidden states in memory up to a limit, beyond it as files; with `keeps_all`, all as files too."""

    def __init__(self, folder: Path, memory_bytes: int, keeps_all: bool = False) -> None:
        self.folder = folder
        self.left_bytes = memory_bytes
        self.keeps_all = keeps_all
        self._memory: dict[str, torch.Tensor] = {}

    def get(self, key: str, device: torch.device) -> torch.Tensor | None:
        """Return what was kept for `key`, or None; a file that is not whole is as good as none."""
        if key in self._memory:
            return self._memory[key]
        try:
            hidden_tD = load_file(self._file(key))["hidden"].to(device)
        except (OSError, SafetensorError, KeyError):
            return None
        self._remember(key, hidden_tD)
        return hidden_tD

    def put(self, key: str, hidden_tD: torch.Tensor) -> None:
        """Keep the hidden states of a record; where neither memory nor disk has room they are made anew."""
        fits = self._remember(key, hidden_tD)
        if fits and not self.keeps_all:
            return
        file = self._file(key)
        part = file.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file({"hidden": hidden_tD.contiguous()}, part)
            part.replace(file)
        except (OSError, SafetensorError):
            with suppress(OSError):
                part.unlink()

    def close(self) -> None:
        """Let go of the memory, and of files that no later run is to find."""
        self._memory.clear()
        if not self.keeps_all:
            shutil.rmtree(self.folder, ignore_errors=True)

    def count(self, keys: set[str]) -> int:
        """Return how many of `keys` have a file."""
        return sum(self._file(key).exists() for key in keys)

    def _remember(self, key: str, hidden_tD: torch.Tensor) -> bool:
        """Keep in memory what fits there; tells whether it did."""
        if hidden_tD.nbytes > self.left_bytes:
            return False
        self.left_bytes -= hidden_tD.nbytes
        self._memory[key] = hidden_tD
        return True

    def _file(self, key: str) -> Path:
        """Return the file of a record."""
        return self.folder / f"{key}.safetensors"
