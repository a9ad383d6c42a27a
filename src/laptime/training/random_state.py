"""The state of every random number generator as tensors, so that no pickle is needed to keep it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from laptime.training.team import Team

NO_GAUSS = float("nan")  # python's generator keeps the second of two normal numbers, or None


def seed_random(seed: int) -> None:
    """Begin every generator at `seed`."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def capture_random(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the state of torch (CPU and `device`), of python's `random` and of numpy.

    No other GPU is asked: that would open a context there, and take memory from whoever uses it.
    """
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
    if device.type == "cuda":
        tensors[name_state(device)] = torch.cuda.get_rng_state(device)
    return tensors


def restore_random(tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Put back what `capture_random` returned; that of another device than `device` is left out."""
    torch.set_rng_state(tensors["torch"].clone())
    gauss = tensors["python_gauss"].item()
    random.setstate((3, tuple(tensors["python"].tolist()), None if gauss != gauss else gauss))
    position, has_gauss = tensors["numpy_place"].tolist()
    keys = tensors["numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, position, has_gauss, tensors["numpy_gauss"].item()))
    if device.type == "cuda" and name_state(device) in tensors:
        torch.cuda.set_rng_state(tensors[name_state(device)].clone(), device)


def capture_all(device: torch.device, team: Team) -> dict[str, torch.Tensor]:
    """Return the state of every process of a team; that of the first as if it were alone."""
    own = capture_random(device)
    gathered = {name: team.gather(tensor.cpu()) for name, tensor in sorted(own.items())}
    of_others = {
        f"rank{rank}.{name}": states[rank]
        for name, states in gathered.items()
        for rank in range(1, team.size)
    }
    return {name: states[0] for name, states in gathered.items()} | of_others


def restore_rank(tensors: Mapping[str, torch.Tensor], device: torch.device, team: Team) -> None:
    """Put back the state of this process of a team; one that was none of it then keeps what it has."""
    prefix = f"rank{team.rank}." if team.rank else ""
    if f"{prefix}torch" in tensors:
        names = [name.removeprefix(prefix) for name in tensors if name.startswith(prefix)]
        own = {name: tensors[prefix + name] for name in names if "." not in name}
        if prefix:  # a GPU is called as the first process calls its own
            own = {name_state(device) if name.startswith("cuda_") else name: own[name] for name in own}
        restore_random(own, device)


def name_state(device: torch.device) -> str:
    """Return the name of a GPU's state."""
    return f"cuda_{device.index or 0}"
