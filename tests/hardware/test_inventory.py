"""What a machine is, from stated files of the system."""

from __future__ import annotations

from pathlib import Path

import pytest

from laptime.hardware import inventory as system_machine
from laptime.hardware.inventory import cpu_flags, cpu_name, describe_hardware, gpu_names, name_processor

CPUINFO = """processor\t: 0
model name\t: A Processor @ 2.00GHz
flags\t\t: fpu avx2

processor\t: 1
model name\t: Another
"""


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(system_machine, "PROC", tmp_path)
    return tmp_path


def test_the_first_processor_names_them_all(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (proc / "cpuinfo").write_text(CPUINFO)
    monkeypatch.setattr(system_machine, "allowed_processors", lambda: {0, 1, 5})
    monkeypatch.setattr(system_machine, "total_bytes", lambda: 1_000)
    facts = describe_hardware()
    assert facts == {
        "cpu": "A Processor @ 2.00GHz", "instructions": ["avx2"], "cores": 3, "memory_bytes": 1_000
    }  # fmt: skip
    assert name_processor(facts, "cpu") == "A Processor @ 2.00GHz; avx2"
    assert name_processor({"gpu": "Tesla T4"}, "cuda") == "Tesla T4"
    assert cpu_flags() == {"fpu", "avx2"}


def test_a_system_that_tells_nothing(proc: Path) -> None:
    assert cpu_name() and cpu_flags() == frozenset() and gpu_names() == set()


def test_the_driver_names_its_gpus(proc: Path) -> None:
    for number, name in enumerate(("Tesla T4", "Tesla T4", "NVIDIA H100 80GB HBM3")):
        folder = proc / "driver" / "nvidia" / "gpus" / f"0000:0{number}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {name}\nIRQ:   \t\t 0\nGPU UUID: \t GPU-1\n")
    assert gpu_names() == {"Tesla T4", "NVIDIA H100 80GB HBM3"}
