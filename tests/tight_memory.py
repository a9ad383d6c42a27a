"""So little memory that by estimate a job goes through in micro-batches of the size wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace

from laptime.data.encoded import read_inputs
from laptime.memory_estimate import SPARE
from laptime.methods.method import make_method
from laptime.spec import RunSpec, TrainingSpec
from laptime.training.failure import estimate_memory


def find_room(inputs: Path, method: str, size: int, num_ranks: int = 1, **training: Any) -> int:
    """Return the bytes that are enough for `size` examples at once in fp32 on a CPU, and for no more."""
    manifest, encoded = read_inputs(inputs)
    spec = RunSpec(method=method, training=TrainingSpec(device="cpu", **training))
    job = estimate_memory(
        spec, make_method(method, {}), manifest, encoded.examples, 4, torch.device("cpu"), num_ranks
    )
    needed = replace(job, recomputes=True, micro_batch=size).needed_bytes(0)
    more = replace(job, recomputes=True, micro_batch=size + 1).needed_bytes(0)
    available = int(needed / SPARE) + 2 + num_ranks
    assert more > SPARE * available
    return available
