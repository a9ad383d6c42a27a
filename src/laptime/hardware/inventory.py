"""What this machine is, told without torch: processor, cores, memory, and the GPUs that a driver names."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

from laptime.hardware.processors import allowed_processors
from laptime.hardware.system_memory import PROC, read_lines

# What a step's speed depends on, in the words of /proc/cpuinfo.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16", "sve_bf16")


def describe_hardware() -> dict[str, Any]:
    """Return the processor's name, the cores that this process may use, and the bytes of memory."""
    return {
        "cpu": cpu_name(),
        "instructions": list_instructions(),
        "cores": count_cores(),
        "memory_bytes": total_bytes(),
    }


def list_instructions() -> list[str]:
    """Return those of the CPU's instructions that speed depends on: processors of one name differ in them."""
    flags = cpu_flags()
    return [name for name in INSTRUCTIONS if name in flags]


def name_processor(facts: Mapping[str, Any], device: str) -> str:
    """Return the name of what computed, from the facts of a machine: two of one name can do the same."""
    if device != "cpu":
        return str(facts.get("gpu"))
    return "; ".join([str(facts.get("cpu")), *facts.get("instructions", [])])


def cpu_name() -> str:
    """Return the CPU's model name."""
    return read_cpuinfo().get("model name", platform.processor() or platform.machine())


def cpu_flags() -> frozenset[str]:
    """Return the CPU's instruction flags as Linux names them (empty elsewhere)."""
    info = read_cpuinfo()
    return frozenset((info.get("flags") or info.get("Features") or "").split())


def read_cpuinfo() -> dict[str, str]:
    """Return the first block of /proc/cpuinfo."""
    lines = read_lines(PROC / "cpuinfo")
    first = lines[: lines.index("")] if "" in lines else lines
    pairs = (line.partition(":") for line in first)
    return {key.strip(): value.strip() for key, _, value in pairs}


def count_cores() -> int:
    """Return the cores that this process may use."""
    return len(allowed_processors())


def total_bytes() -> int:
    """Return the memory of the whole machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def list_gpus() -> dict[str, str]:
    """Return the models of NVIDIA's GPUs by their UUIDs, in the order of the bus."""
    found = {}
    for file in sorted((PROC / "driver" / "nvidia" / "gpus").glob("*/information")):
        facts = dict(line.split(":", 1) for line in read_lines(file) if ":" in line)
        if uuid := facts.get("GPU UUID", "").strip():
            found[uuid] = facts.get("Model", "").strip()
    return found


def gpu_names() -> set[str]:
    """Return the names of the NVIDIA GPUs that the driver shows; none where it is absent or shows none."""
    files = (PROC / "driver" / "nvidia" / "gpus").glob("*/information")
    pairs = (line.partition(":") for file in files for line in read_lines(file))
    return {value.strip() for key, _, value in pairs if key.strip() == "Model"}
