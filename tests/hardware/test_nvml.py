"""The GPU that NVML is asked about is the one that torch trains on, whatever CUDA_VISIBLE_DEVICES leaves."""

# ruff: noqa: N802 - the names are NVML's

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from laptime.hardware import nvml
from laptime.hardware.energy import EnergyCounter
from laptime.hardware.machine import _driver_version
from laptime.runs.record import RecordWriter
from laptime.training.meter import Meter

FIRST, SECOND = "11111111-aaaa-bbbb-cccc-000000000001", "22222222-aaaa-bbbb-cccc-000000000002"
SLICE = "33333333-aaaa-bbbb-cccc-000000000003"
GPU = torch.device("cuda", 0)


class Library:
    """Stands in for pynvml on a machine of two GPUs; the second is cut up where it has a slice."""

    def __init__(self, cut_up: bool = False) -> None:
        self.joules = {f"GPU-{FIRST}": 1000.0, f"GPU-{SECOND}": 2000.0}
        self.names = [*self.joules, *([f"MIG-{SLICE}"] if cut_up else [])]
        self.cut_up = cut_up
        self.is_ready = False

    def nvmlInit(self) -> None:
        self.is_ready = True

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return self.names[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        assert self.is_ready
        if uuid not in self.names:
            raise RuntimeError("Not Found")
        return uuid

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:
        if not self.cut_up:
            raise RuntimeError("Not Supported")
        return [int(SECOND in handle)] * 2

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        return int(1000 * self.joules[handle])

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:
        others = SimpleNamespace(pid=1, usedGpuMemory=1)
        own = {f"GPU-{SECOND}": 222, f"MIG-{SLICE}": 333}.get(handle)
        return [others, SimpleNamespace(pid=os.getpid(), usedGpuMemory=own)] if own else [others]

    def nvmlSystemGetDriverVersion(self) -> str:
        return "570.1"


def set_up(monkeypatch: pytest.MonkeyPatch, uuid: str, visible: str, cut_up: bool = False) -> Library:
    """Let torch see one GPU, as CUDA names it."""
    library = Library(cut_up)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=uuid))
    return library


@pytest.mark.parametrize("visible", ["1", f"GPU-{SECOND}", f"GPU-{SECOND[:8]}", "1,0"])
def test_the_energy_and_the_memory_are_those_of_the_gpu_in_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, visible: str
) -> None:
    library = set_up(monkeypatch, SECOND, visible)
    counter = EnergyCounter([GPU])
    library.joules[f"GPU-{FIRST}"] += 5
    library.joules[f"GPU-{SECOND}"] += 700
    energy = counter.finish(20.0)
    assert (energy.joules, energy.source) == (700.0, "NVML, idle not subtracted")
    assert nvml.process_bytes(GPU) == 222
    assert _driver_version() == "570.1"


def test_the_energy_is_that_of_all_gpus_that_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one of two used alone would be half of it; where one tells nothing, there is no figure."""
    library = set_up(monkeypatch, FIRST, "0,1")
    uuids = {0: FIRST, 1: SECOND, 2: "another"}
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=uuids[index]))
    two = [torch.device("cuda", index) for index in (0, 1)]
    counter = EnergyCounter(two)
    library.joules[f"GPU-{FIRST}"] += 5
    library.joules[f"GPU-{SECOND}"] += 700
    energy = counter.finish(20.0)
    assert (energy.joules, energy.source) == (705.0, "NVML, 2 GPUs, idle not subtracted")
    assert EnergyCounter([*two, torch.device("cuda", 2)]).finish(20.0).joules is None


def test_the_peak_holds_what_the_driver_counts_for_this_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_up(monkeypatch, SECOND, "1")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 4)
    meter = Meter(RecordWriter(tmp_path), 0.0)
    meter.device = GPU
    assert meter.peak_bytes()["process_device"] == 222
    set_up(monkeypatch, "another", "1")
    assert meter.peak_bytes().keys() == {"vm_hwm", "cuda_allocated", "cuda_reserved"}


@pytest.mark.parametrize(
    ("uuid", "visible"),
    [(SECOND, f"MIG-{SLICE}"), (SLICE, "0"), (f"MIG-{SLICE}", ""), (SLICE, f"MIG-{SLICE}")],
    ids=["named by the variable", "by torch", "by torch in full", "by both"],
)
def test_a_slice_has_its_memory_and_no_energy(
    monkeypatch: pytest.MonkeyPatch, uuid: str, visible: str
) -> None:
    set_up(monkeypatch, uuid, visible, cut_up=True)
    assert nvml.process_bytes(GPU) == 333
    assert EnergyCounter([GPU]).source == "not measured: no energy counter is readable here"


def test_a_gpu_that_is_cut_up_gives_no_energy_of_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some drivers let torch see the whole GPU's UUID for a slice."""
    set_up(monkeypatch, SECOND, "0", cut_up=True)
    assert EnergyCounter([GPU]).finish(60.0).joules is None


def test_without_the_library_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, SECOND, "1")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert EnergyCounter([GPU]).finish(60.0).joules is None
    assert _driver_version() is None
