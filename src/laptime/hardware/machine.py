"""What this machine is: names, counts and versions; no host name, no user name, no secret."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from laptime.errors import UserError
from laptime.hardware import nvml
from laptime.hardware.devices import NO_CUDA, describe_cpu
from laptime.hardware.inventory import count_cores, describe_hardware, read_cpuinfo
from laptime.hardware.precision import Processor

PACKAGES = ["laptime", "torch", "transformers", "peft", "tokenizers", "safetensors", "numpy"]

# By name, never by prefix: a variable that merely looks like tuning may hold a secret.
TUNING_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG", "CUDA_LAUNCH_BLOCKING", "CUDA_VISIBLE_DEVICES", "KMP_AFFINITY",
    "KMP_BLOCKTIME", "MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_",
    "MKL_NUM_THREADS", "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS", "OMP_PROC_BIND", "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF", "THP_MEM_ALLOC_ENABLE",
)  # fmt: skip


def choose_device(wanted: str, named: str = "") -> torch.device:
    """Return the device of --device, or the one that is `named`; raises UserError for a missing GPU."""
    if named:
        return torch.device(named)
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError(NO_CUDA)
    return torch.device("cuda", 0) if wanted != "cpu" and torch.cuda.is_available() else torch.device("cpu")


def describe_processor(device: torch.device) -> Processor:
    """Return what precision depends on."""
    if device.type == "cuda":
        return Processor(
            kind="cuda",
            name=torch.cuda.get_device_name(device),
            capability=torch.cuda.get_device_capability(device),
            kernels=tuple(torch.cuda.get_arch_list()),
        )
    return describe_cpu()


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Return the facts that a repeated comparison needs."""
    facts: dict[str, Any] = {
        "platform": platform.platform(terse=True),
        "python": platform.python_version(),
        **describe_hardware(),
        "threads": torch.get_num_threads(),
        "device": str(device.type),
        "versions": {name: _version(name) for name in PACKAGES},
        "environment": {name: os.environ[name] for name in TUNING_VARIABLES if name in os.environ},
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        facts |= {
            "gpu": properties.name,
            "gpu_count": torch.cuda.device_count(),
            "gpu_memory_bytes": properties.total_memory,
            "gpu_capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
            "driver": _driver_version(),
        }
    return facts


def _version(package: str) -> str | None:
    """Return the installed version of a package; torch says whether it is a CUDA build."""
    if package == "torch":
        return str(torch.__version__)
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # run from source
        return None


def _driver_version() -> str | None:
    """Return the NVIDIA driver's version, where NVML tells it."""
    try:
        return nvml.driver_version()
    except Exception:  # no NVML here
        return None


def read_load() -> dict[str, Any]:
    """Read what else the machine is doing: load, swap, thermal throttling, clock."""
    return {
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "cores": count_cores(),
        "swapped_pages": _swapped_pages(),
        "throttle_count": _throttle_count(),
        "clock_mhz": float(mhz) if (mhz := read_cpuinfo().get("cpu MHz")) else None,
    }


def _swapped_pages() -> int | None:
    """Return the pages swapped in and out since boot."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    counts = dict(line.split() for line in lines)
    return int(counts.get("pswpin", 0)) + int(counts.get("pswpout", 0))


def _throttle_count() -> int | None:
    """Return the thermal throttle events of all cores since boot, where the kernel tells them."""
    files = list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))
    return sum(int(file.read_text()) for file in files) if files else None
