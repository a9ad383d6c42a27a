"""The state of every random number generator as tensors, so that no pickle is needed to keep it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

NO_GAUSS = float("nan")  # python's generator keeps the second of two normal numbers, or None


def seed_random(seed: int) -> None:
    """Begin every generator at `seed`."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def capture_random() -> dict[str, torch.Tensor]:
    """Return the state of torch (CPU and every CUDA device), of python's `random` and of numpy."""
    version, words, gauss = random.getstate()
    state: Any = np.random.get_state(legacy=True)
    kind, keys, position, has_gauss, cached = state
    assert (version, kind) == (3, "MT19937")
    tensors = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor(words, dtype=torch.int64),
        "python_gauss": torch.tensor(NO_GAUSS if gauss is None else gauss, dtype=torch.float64),
        "numpy": torch.from_numpy(keys.astype(np.int64)),
        "numpy_place": torch.tensor([position, has_gauss], dtype=torch.int64),
        "numpy_gauss": torch.tensor(cached, dtype=torch.float64),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states = torch.cuda.get_rng_state_all()
        tensors |= {f"cuda_{index}": state for index, state in enumerate(states)}
    return tensors


def restore_random(tensors: Mapping[str, torch.Tensor]) -> None:
    """Put back what `capture_random` returned; a CUDA device that is not there is left out."""
    torch.set_rng_state(tensors["torch"].clone())
    gauss = tensors["python_gauss"].item()
    random.setstate((3, tuple(tensors["python"].tolist()), None if gauss != gauss else gauss))
    position, has_gauss = tensors["numpy_place"].tolist()
    keys = tensors["numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, position, has_gauss, tensors["numpy_gauss"].item()))
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        if f"cuda_{index}" in tensors:
            torch.cuda.set_rng_state(tensors[f"cuda_{index}"].clone(), index)
