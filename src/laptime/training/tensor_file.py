"""Safetensors files written tensor by tensor: no copy of the whole, one digest on the way.

Format: https://huggingface.co/docs/safetensors - the length of the header (8 bytes, little-endian), the
header (JSON: dtype, shape and place of every tensor), the tensors. `safetensors.safe_open` reads it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct

from laptime.models.weight_files import map_tensor

CHUNK_BYTES = 1 << 24
METADATA = "__metadata__"
FORMATS = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8",
}  # fmt: skip


class FileFacts(Struct, frozen=True, kw_only=True):
    """What proves that a file is whole."""

    num_bytes: int
    sha256: str


def write_file(path: Path, chunks: Iterable[bytes | memoryview]) -> FileFacts:
    """Write a new file from chunks of bytes; returns its size and digest. Raises OSError."""
    digest = hashlib.sha256()
    num_bytes = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        for chunk in gather(chunks):
            left = memoryview(chunk)
            digest.update(left)
            num_bytes += len(left)
            while left:  # a write may be short
                left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)
    return FileFacts(num_bytes=num_bytes, sha256=digest.hexdigest())


def gather(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Give the same bytes in pieces of at most CHUNK_BYTES, small chunks joined."""
    small = bytearray()
    for chunk in chunks:
        if small and len(small) + len(chunk) > CHUNK_BYTES:
            yield bytes(small)
            small.clear()
        if len(chunk) == CHUNK_BYTES:
            yield chunk
        else:
            small += chunk
    yield bytes(small)


def read_file_facts(path: Path) -> FileFacts:
    """Return the size and the digest of a file. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileFacts(num_bytes=file.tell(), sha256=digest.hexdigest())


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> FileFacts:
    """Write tensors from any device to a new safetensors file. Raises OSError."""
    return write_file(path, _lay_out(tensors, metadata))


def _lay_out(
    tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None
) -> Iterator[bytes | memoryview]:
    """Give the bytes of the file, piece by piece; wide numbers first, so that each stands at its multiple."""
    ordered = dict(sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])))
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    end = 0
    for name, tensor in ordered.items():
        begin, end = end, end + tensor.nbytes
        places = {"shape": list(tensor.shape), "data_offsets": [begin, end]}
        header[name] = {"dtype": FORMATS[tensor.dtype]} | places
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for tensor in ordered.values():
        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        yield from (memoryview(chunk.numpy()) for chunk in flat.split(CHUNK_BYTES))


class TensorFile(Mapping[str, torch.Tensor]):
    """The tensors of a safetensors file, each mapped when it is asked for and unmapped with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            self._header: dict[str, Any] = json.loads(file.read(length))
        self._header.pop(METADATA, None)
        self._first = 8 + length

    def __getitem__(self, name: str) -> torch.Tensor:
        tensor = self._header[name]
        begin, end = (self._first + place for place in tensor["data_offsets"])
        dtype = next(dtype for dtype, word in FORMATS.items() if word == tensor["dtype"])
        if begin == end:
            return torch.empty(tensor["shape"], dtype=dtype)
        return map_tensor(self.path, begin, end, dtype).reshape(tensor["shape"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._header)

    def __len__(self) -> int:
        return len(self._header)
