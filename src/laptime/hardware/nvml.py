"""What NVIDIA's management library (NVML) says of the GPU that torch trains on.

torch counts the GPUs that CUDA_VISIBLE_DEVICES leaves it, NVML all there are: the two agree on UUIDs alone.
Every function raises where NVML is absent, closed to containers, or does not know.
"""

from __future__ import annotations

import os
from typing import Any

import torch

MIG = "MIG-"  # a slice of a GPU that its driver has cut up


def energy_joules(device: torch.device) -> float:
    """Return the energy of a whole GPU since its driver was loaded; raises for a slice: it has no counter."""
    nvml, handle = find_gpu(device)
    if is_cut_up(nvml, handle):
        raise LookupError("the counter is that of all slices together")
    return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000


def process_bytes(device: torch.device) -> int | None:
    """Return what this process holds on the device now; None where the driver keeps no such figure."""
    nvml, handle = find_gpu(device)
    processes = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    return next((one.usedGpuMemory for one in processes if one.pid == os.getpid()), None)


def driver_version() -> str:
    """Return the version of the driver."""
    return str(load().nvmlSystemGetDriverVersion())


def describe_link(device: torch.device) -> tuple[str, str]:
    """Return generation and width of the PCIe link now, and the most that card and slot can do: "3 x16".

    An idle card lowers its generation, never its width.
    """
    nvml, handle = find_gpu(device)
    now = nvml.nvmlDeviceGetCurrPcieLinkGeneration(handle), nvml.nvmlDeviceGetCurrPcieLinkWidth(handle)
    most = nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle), nvml.nvmlDeviceGetMaxPcieLinkWidth(handle)
    return f"{now[0]} x{now[1]}", f"{most[0]} x{most[1]}"


def list_slowdowns(device: torch.device) -> list[str]:
    """Return what lowers the clocks of a GPU at the moment, idleness left out."""
    nvml, handle = find_gpu(device)
    reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    known = {
        "heat": nvml.nvmlClocksThrottleReasonSwThermalSlowdown
        | nvml.nvmlClocksThrottleReasonHwThermalSlowdown,
        "its power limit": nvml.nvmlClocksThrottleReasonSwPowerCap,
        "a power brake": nvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown,
    }
    return [name for name, bits in known.items() if reasons & bits]


def find_gpu(device: torch.device) -> tuple[Any, Any]:
    """Return the library and its handle of a device of torch."""
    nvml = load()
    for uuid in name_gpu(device):
        try:
            return nvml, nvml.nvmlDeviceGetHandleByUUID(uuid)
        except Exception:  # no GPU, or no slice, of that name
            continue
    raise LookupError(f"NVML knows no GPU of the UUID of {device}")


def name_gpu(device: torch.device) -> list[str]:
    """Return the names under which NVML may know a device of torch, the most certain first."""
    index = device.index or 0
    visible = [one.strip() for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    named = [visible[index]] if index < len(visible) and visible[index].startswith(MIG) else []
    uuid = str(torch.cuda.get_device_properties(index).uuid)
    return [*named, *([uuid] if uuid.startswith(("GPU-", MIG)) else [f"GPU-{uuid}", f"{MIG}{uuid}"])]


def is_cut_up(nvml: Any, handle: Any) -> bool:
    """Tell whether the driver has cut a GPU into slices."""
    try:
        return bool(nvml.nvmlDeviceGetMigMode(handle)[0])
    except Exception:  # a GPU that cannot be
        return False


def load() -> Any:
    """Return the library, ready to be asked."""
    import pynvml

    pynvml.nvmlInit()
    return pynvml
