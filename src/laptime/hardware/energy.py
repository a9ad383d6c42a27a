"""Energy over the training phase, from a counter or not at all: a TDP times seconds is a guess."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from laptime.hardware import nvml

SHORTEST_WINDOW_SECONDS = 10.0  # counters tick every 20 to 100 ms and lag behind
RAPL_FOLDER = Path("/sys/class/powercap")


class EnergyUsed(NamedTuple):
    """What a counter counted and where it was read, or why there is no figure."""

    joules: float | None
    source: str


class EnergyCounter:
    """Reads the energy that all GPUs of a run (NVML) or the CPU packages (RAPL) have used so far."""

    def __init__(self, devices: Sequence[torch.device], rapl_folder: Path = RAPL_FOLDER) -> None:
        self.source = "not measured: no energy counter is readable here"
        self._read: Callable[[], float] | None = None
        # A GPU's training is not the energy of its CPU; processes on a CPU share its packages.
        gpus = [device for device in devices if device.type == "cuda"]
        name = f"NVML, {len(gpus)} GPUs" if len(gpus) > 1 else "NVML" if gpus else "RAPL"
        read = partial(_nvml_joules, gpus) if gpus else partial(_rapl_joules, rapl_folder)
        self._before = 0.0
        with suppress(Exception):  # absent, or readable by root only
            self._before = read()
            self._read, self.source = read, f"{name}, idle not subtracted"

    def finish(self, seconds: float) -> EnergyUsed:
        """Return the energy since the counter was made, `seconds` ago."""
        if self._read is None:
            return EnergyUsed(None, self.source)
        if seconds < SHORTEST_WINDOW_SECONDS:
            return EnergyUsed(None, f"not measured: shorter than {SHORTEST_WINDOW_SECONDS:.0f} s")
        joules = self._read() - self._before
        if joules < 0:  # RAPL's counter starts over at its end
            return EnergyUsed(None, "not measured: the counter wrapped around")
        return EnergyUsed(joules, self.source)


def _nvml_joules(gpus: Sequence[torch.device]) -> float:
    """Return the energy of all of these GPUs; raises where that of one is not known."""
    return sum(nvml.energy_joules(gpu) for gpu in gpus)


def _rapl_joules(folder: Path) -> float:
    """Return the energy of all CPU packages; raises where the kernel does not show it."""
    packages = sorted(folder.glob("intel-rapl:[0-9]"))
    if not packages:
        raise FileNotFoundError(folder)
    return sum(int((package / "energy_uj").read_text()) for package in packages) / 1e6
