"""The frozen layers below the lowest trained one: their output is the same in every epoch.

It is computed record by record, so that a record's output does not depend on its neighbours in a batch:
with and without a store the numbers are the same to the last bit.

Shapes: T tokens of all records of a batch, t of one record, D width.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from laptime.decoder.decoder import Decoder
from laptime.util.atomic import remove_files

if TYPE_CHECKING:
    from laptime.data.batches import Batch


PROOF = "proof"  # in the metadata of a file
CACHE_FILES = (f"{32 * '[0-9a-f]'}.safetensors", f"{32 * '[0-9a-f]'}.part")


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


class DamagedError(Exception):
    """A file does not hold what was kept under its name."""


def prove(key: str, hidden_tD: torch.Tensor) -> str:
    """Return what binds hidden states (CPU, contiguous) to their record: its key, a digest of their bytes."""
    content = hidden_tD.reshape(-1).view(torch.uint8).numpy()
    return f"{key} {hashlib.blake2b(content.data, digest_size=16).hexdigest()}"


class Store:
    """Keeps hidden states in memory up to a limit, beyond it as files; with `keeps_all`, all as files too."""

    def __init__(self, folder: Path, memory_bytes: int, keeps_all: bool = False) -> None:
        self.folder = folder
        self.left_bytes = memory_bytes
        self.keeps_all = keeps_all
        self.num_unkept = 0  # records that could not be kept as files, each as often as it was tried
        self.why_unkept = ""
        self._memory: dict[str, torch.Tensor] = {}
        self._proven: set[str] = set()  # keys whose file is known to be whole

    def get(self, key: str, device: torch.device) -> torch.Tensor | None:
        """Return what was kept for `key`, or None; a file that is not whole is as good as none."""
        if key in self._memory:
            return self._memory[key]
        try:
            hidden_tD = self._read(key).to(device)
        except (OSError, SafetensorError, DamagedError):
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
        hidden_tD = hidden_tD.contiguous().cpu()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file({"hidden": hidden_tD}, part, {PROOF: prove(key, hidden_tD)})
            part.replace(file)
            self._proven.add(key)
        except (OSError, SafetensorError) as error:
            self.num_unkept += 1
            self.why_unkept = self.why_unkept or str(error)
            with suppress(OSError):
                part.unlink()

    def _read(self, key: str) -> torch.Tensor:
        """Read the file of a record; the first time, prove that it is whole and that record's."""
        with safe_open(self._file(key), "pt") as file:
            if "hidden" not in file.keys():  # noqa: SIM118 - no mapping
                raise DamagedError
            proof, hidden_tD = (file.metadata() or {}).get(PROOF), file.get_tensor("hidden")
        if key not in self._proven and proof != prove(key, hidden_tD):
            raise DamagedError
        self._proven.add(key)
        return hidden_tD

    def close(self) -> None:
        """Let go of the memory, and of files that no later run is to find."""
        self._memory.clear()
        if self.keeps_all and self.num_unkept:
            why = (
                f"{self.num_unkept} records could not be kept for later in {self.folder} ({self.why_unkept})"
            )
            print(why, file=sys.stderr)
        if not self.keeps_all:
            remove_files(self.folder, CACHE_FILES)

    def count(self, keys: set[str]) -> tuple[int, int]:
        """Return how many of `keys` have a whole file, and how many a damaged one, which is taken away."""
        damaged = 0
        for key in keys:
            try:
                self._read(key)
            except FileNotFoundError:
                continue
            except (OSError, SafetensorError, DamagedError):
                damaged += 1
                self._discard(self._file(key))
        return len(self._proven & keys), damaged

    def _discard(self, file: Path) -> None:
        """Make room for a new file, whatever stands in its place."""
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file, ignore_errors=True)
        else:
            with suppress(OSError):
                file.unlink()

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
