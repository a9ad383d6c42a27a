"""The memory that this process may use on its device."""

from __future__ import annotations

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
