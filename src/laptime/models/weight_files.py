"""Safetensors files of which only the tensor that is just being converted is mapped.

safetensors maps a whole file, and all that was read of it counts as the process's memory until it is
closed: 2.5 GB on top of the 5 GB that a model of bfloat16 weights takes in float32. With a mapping for
each tensor the bytes leave the process together with it.
"""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import modeling_utils

MOST_TENSORS = 10_000  # Linux lets a process have 65,530 mappings


class WeightFile:
    """A safetensors file, to be used as what `safetensors.safe_open` returns."""

    def __init__(self, path: Any, *args: Any, **options: Any) -> None:
        self._opened = safe_open(path, *args, **options)
        self._path = Path(path)
        self._spans = read_spans(self._path) if options.get("backend") == "mmap" else {}

    def get_slice(self, name: str) -> Any:
        """Return a tensor that is read when it is indexed."""
        stored = self._opened.get_slice(name)
        dtype = getattr(modeling_utils, "str_to_torch_dtype", {}).get(stored.get_dtype())
        begin, end = self._spans.get(name, (0, 0))
        return StoredTensor(stored, self._path, begin, end, dtype) if dtype and begin < end else stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)

    def __enter__(self) -> WeightFile:
        self._opened.__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        self._opened.__exit__(*reason)


class StoredTensor:
    """A tensor in a file, to be used as a slice of safetensors."""

    def __init__(self, stored: Any, path: Path, begin: int, end: int, dtype: torch.dtype) -> None:
        self._stored, self._path, self._begin, self._end, self._dtype = stored, path, begin, end, dtype

    def __getitem__(self, index: Any) -> torch.Tensor:
        if index is not Ellipsis:
            return self._stored[index]
        whole = map_tensor(self._path, self._begin, self._end, self._dtype)
        return whole.reshape(self._stored.get_shape())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stored, name)


def map_tensor(path: Path, begin: int, end: int, dtype: torch.dtype) -> torch.Tensor:
    """Map the bytes from `begin` to `end` as a flat tensor; they are unmapped with it.

    Writing to it leaves the file as it is.
    """
    skipped = begin % mmap.ALLOCATIONGRANULARITY
    with path.open("rb") as file:
        mapping = mmap.mmap(
            file.fileno(), end - begin + skipped, access=mmap.ACCESS_COPY, offset=begin - skipped
        )
    return torch.frombuffer(mapping, dtype=dtype, offset=skipped)


def read_spans(path: Path) -> dict[str, tuple[int, int]]:
    """Return where each tensor begins and ends in the file; empty for a file of very many."""
    with path.open("rb") as file:
        num_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(num_bytes))
    first = 8 + num_bytes
    spans = {
        name: (first + tensor["data_offsets"][0], first + tensor["data_offsets"][1])
        for name, tensor in header.items()
        if name != "__metadata__"
    }
    return spans if len(spans) <= MOST_TENSORS else {}
