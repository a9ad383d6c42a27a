"""The memory that this process may use on its device."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

import torch

from laptime.hardware.system_memory import PROC, free_bytes, read_kilobytes, read_lines


def available_bytes(device: torch.device, swap: bool = False) -> int | None:
    """Return the memory that this process may use in all: its own and what is free; None if unknown."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_allocated(device)
    free_here = free_bytes(swap)
    own = read_kilobytes(read_lines(PROC / "self" / "status"), "RssAnon:")
    return None if free_here is None else free_here + own


def give_back_memory() -> None:
    """Give the system back what nobody in this process needs any more."""
    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # glibc keeps freed memory: here it was told to
        ctypes.CDLL(None).malloc_trim(0)
