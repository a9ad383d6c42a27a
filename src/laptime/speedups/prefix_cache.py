"""What the frozen layers below the lowest trained one give is kept instead of computed in every epoch.

The layers themselves run in `decoder/prefix.py`, with a cache and without.

Shapes: t tokens of one example, D width.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
import torch
import transformers
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from laptime.kernels.build import name_library
from laptime.speedups.speedup import Claim, NoEffect, Setup, Speedup
from laptime.util.atomic import remove_files
from laptime.util.user_cache import shared_prefixes

if TYPE_CHECKING:
    from laptime.data.input_manifest import InputManifest
    from laptime.methods.method import Method
    from laptime.spec import RunSpec

MEMORY_BYTES = 2 << 30  # of hidden states in memory; more goes to disk: 260,000 tokens of 2,048 floats
PROOF = "proof"  # in the metadata of a file
CACHE_FILES = (f"{32 * '[0-9a-f]'}.safetensors", f"{32 * '[0-9a-f]'}.part")


class PrefixCache(Speedup):
    """Nothing below the lowest trained layer changes, so its output is made once for each example."""

    name: ClassVar[str] = "prefix_cache"
    summary: ClassVar[str] = "computes the frozen layers below the lowest trained one once for each example"
    claims: ClassVar[Claim] = "bitwise"
    needs: ClassVar[tuple[str, ...]] = ("fused_blocks",)
    keeps_weights: ClassVar[bool] = True

    def apply(self, setup: Setup) -> str:
        """Give the prefix a store."""
        prefix = setup.forward.prefix
        if prefix is None:
            raise NoEffect("the lowest layer trains")
        keeps_all = bool(setup.method and getattr(setup.method.options, "reuse_cache", False))
        prefix.store = store = Store(setup.cache_folder, MEMORY_BYTES, keeps_all)
        note = f"the {prefix.num_layers} lowest of {len(prefix.decoder.layers)} layers"
        self.reused, num_damaged = store.count(setup.example_keys)
        if self.reused:
            note += f"; {self.reused} of {len(setup.example_keys)} examples were cached by an earlier run"
        if num_damaged:
            note += f"; {num_damaged} cached files were damaged and are made again"
        return note


def find_cache_folder(
    spec: RunSpec, method: Method | None, manifest: InputManifest, compute: str, processor: str, longest: int
) -> Path | None:
    """Return the folder that a run shares with later ones, named by all that its bits depend on.

    None where the run was not asked to leave them to others. `compute` is the format of the arithmetic,
    `longest` the tokens of the longest example, which decide about the attention.
    """
    if not getattr(getattr(method, "options", None), "reuse_cache", False):
        return None
    training = spec.training
    same_bits = [
        manifest.model_digest, spec.method_options.get("top_layers"), compute,
        processor, torch.get_num_threads(), str(torch.__version__), transformers.__version__,
        training.plain, training.without, training.speedups, longest, name_library(),
    ]  # fmt: skip
    key = hashlib.sha256(msgspec.json.encode(same_bits)).hexdigest()[:32]
    return shared_prefixes() / key


class DamagedCacheError(Exception):
    """A file does not hold what was kept under its name."""


def prove_states(key: str, hidden_tD: torch.Tensor) -> str:
    """Return what binds hidden states (CPU, contiguous) to an example: its key, a digest of their bytes."""
    content = hidden_tD.reshape(-1).view(torch.uint8).numpy()
    return f"{key} {hashlib.blake2b(content.data, digest_size=16).hexdigest()}"


class Store:
    """Keeps hidden states in memory up to a limit, beyond it as files; with `keeps_all`, all as files too."""

    def __init__(self, folder: Path, memory_bytes: int, keeps_all: bool = False) -> None:
        self.folder = folder
        self.left_bytes = memory_bytes
        self.keeps_all = keeps_all
        self.num_unkept = 0  # examples that could not be kept as files, each as often as it was tried
        self.why_unkept = ""
        self._memory: dict[str, torch.Tensor] = {}
        self._proven: set[str] = set()  # keys whose file is known to be whole

    def get(self, key: str, device: torch.device) -> torch.Tensor | None:
        """Return what was kept for `key`, or None; a file that is not whole is as good as none."""
        if key in self._memory:
            return self._memory[key]
        try:
            hidden_tD = self._read(key).to(device)
        except (OSError, SafetensorError, DamagedCacheError):
            return None
        self._remember(key, hidden_tD)
        return hidden_tD

    def put(self, key: str, hidden_tD: torch.Tensor) -> None:
        """Keep the hidden states of an example; where neither memory nor disk has room they are made anew."""
        fits = self._remember(key, hidden_tD)
        if fits and not self.keeps_all:
            return
        file = self._file(key)
        part = file.with_suffix(".part")
        hidden_tD = hidden_tD.contiguous().cpu()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file({"hidden": hidden_tD}, part, {PROOF: prove_states(key, hidden_tD)})
            part.replace(file)
            self._proven.add(key)
        except (OSError, SafetensorError) as error:
            self.num_unkept += 1
            self.why_unkept = self.why_unkept or str(error)
            with suppress(OSError):
                part.unlink()

    def _read(self, key: str) -> torch.Tensor:
        """Read the file of an example; the first time, prove that it is whole and that example's."""
        with safe_open(self._file(key), "pt") as file:
            if "hidden" not in file.keys():  # noqa: SIM118 - no mapping
                raise DamagedCacheError
            proof, hidden_tD = (file.metadata() or {}).get(PROOF), file.get_tensor("hidden")
        if key not in self._proven and proof != prove_states(key, hidden_tD):
            raise DamagedCacheError
        self._proven.add(key)
        return hidden_tD

    def close(self) -> None:
        """Let go of the memory, and of files that no later run is to find."""
        self._memory.clear()
        if self.keeps_all and self.num_unkept:
            why = (
                f"{self.num_unkept} examples could not be kept for later in {self.folder} ({self.why_unkept})"
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
            except (OSError, SafetensorError, DamagedCacheError):
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
        """Return the file of an example."""
        return self.folder / f"{key}.safetensors"
