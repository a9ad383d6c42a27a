"""Energy over the training phase, from a counter or not at all: a TDP times seconds is a guess."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from laptime.events import Energy

SHORTEST_WINDOW_SECONDS = 10.0  # counters tick every 20 to 100 ms and lag behind
RAPL_FOLDER = Path("/sys/class/powercap")


class EnergyCounter:
    """Reads the energy that the device (NVML) or the CPU package (RAPL) has used so far."""

    def __init__(self, device_index: int | None, rapl_folder: Path = RAPL_FOLDER) -> None:
        self.source = "not measured: no energy counter is readable here"
        self._read: Callable[[], float] | None = None
        readers = [("NVML", lambda: _nvml_joules(device_index))] if device_index is not None else []
        readers.append(("RAPL", lambda: _rapl_joules(rapl_folder)))
        for name, read in readers[:1]:  # a GPU's training is not the energy of its CPU
            try:
                read()
            except Exception:  # absent, or readable by root only
                continue
            self._read, self.source = read, f"{name}, idle not subtracted"
        self._before = self._read() if self._read else 0.0

    def finish(self, seconds: float) -> Energy:
        """Return the energy since the counter was made, `seconds` ago."""
        if self._read is None:
            return Energy(source=self.source)
        if seconds < SHORTEST_WINDOW_SECONDS:
            return Energy(source=f"not measured: shorter than {SHORTEST_WINDOW_SECONDS:.0f} s")
        joules = self._read() - self._before
        if joules < 0:  # RAPL's counter starts over at its end
            return Energy(source="not measured: the counter wrapped around")
        return Energy(joules=joules, source=self.source)


def _nvml_joules(device_index: int | None) -> float:
    """Return the energy of a GPU since the driver was loaded; raises where there is no such counter."""
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(device_index)
    return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000


def _rapl_joules(folder: Path) -> float:
    """Return the energy of all CPU packages; raises where the kernel does not show it."""
    packages = sorted(folder.glob("intel-rapl:[0-9]"))
    if not packages:
        raise FileNotFoundError(folder)
    return sum(int((package / "energy_uj").read_text()) for package in packages) / 1e6
