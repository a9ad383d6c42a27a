"""What is wrong with a machine: one finding for each thing, none on a machine where all is well."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from laptime.doctor.advice import advise
from laptime.doctor.facts import Examination
from laptime.doctor.telling import tell
from tests.doctor.machines import GB, make_machine

# What is changed of a machine with so many GPUs, as (part, its facts), and what is found.
CASES: list[tuple[int, list[tuple[str, dict[str, Any]]], list[str]]] = [
    (0, [], []),
    (1, [], ["note emulated_bf16"]),
    (0, [("cpu", {"instructions": ["avx2"]})], ["note emulated_bf16"]),
    (0, [("software", {"driver_gpus": ["NVIDIA L4"]})], ["wrong cpu_build"]),
    (0, [("software", {"driver_gpus": ["NVIDIA L4"], "cuda": "13.0"})], ["wrong no_driver"]),
    (
        0,
        [("software", {"driver_gpus": ["NVIDIA L4"], "cuda": "13.0", "visible": ""})],
        ["wrong hidden_gpus"],
    ),
    (
        1,
        [("software", {"driver_gpus": ["Tesla T4"] * 2, "visible": "0"})],
        ["note hidden_gpus", "note emulated_bf16"],
    ),
    (0, [("cpu", {"allowed": 1, "free": 1, "threads": 1})], ["wrong hidden_cores"]),
    (1, [("cpu", {"allowed": 1, "free": 1, "threads": 1})], ["note hidden_cores", "note emulated_bf16"]),
    (0, [("cpu", {"quota": 0.5})], ["wrong quota"]),
    (0, [("cpu", {"threads": 1, "threads_reason": "as OMP_NUM_THREADS says"})], ["wrong few_threads"]),
    (0, [("cpu", {"threads": 64})], ["wrong many_threads"]),
    (0, [("cpu", {"free": 1})], ["wrong load"]),
    (0, [("cpu", {"free": None})], []),
    (0, [("cpu", {"throttle_count": 12})], ["note throttled"]),
    (0, [("memory", {"free_bytes": 4 * GB})], ["note memory_limit"]),
    (0, [("memory", {"free_bytes": GB, "system_free_bytes": GB})], ["wrong little_memory"]),
    (0, [("memory", {"free_bytes": None})], []),
    (0, [("memory", {"swap_used_bytes": 2 * GB})], ["note swap"]),
    (0, [("disk", {"free_bytes": GB})], ["wrong little_disk"]),
    (0, [("disk", {"write_bytes_per_second": 30e6})], ["wrong slow_disk"]),
    (0, [("disk", {"write_bytes_per_second": None})], []),
    (0, [("disk", {"in_memory": True})], ["note disk_in_memory"]),
    (0, [("software", {"compiled_parts": "there is no C compiler", "compiler": None})], ["note no_compiler"]),
    (2, [("gpus", {"free_bytes": 9 * GB})], ["wrong gpu_taken", "wrong gpu_taken", "note emulated_bf16"]),
    (1, [("gpus", {"slowed_by": ["heat"]})], ["wrong gpu_slowed", "note emulated_bf16"]),
    (1, [("gpus", {"link_now": "3 x4"})], ["note narrow_link", "note emulated_bf16"]),
    (1, [("gpus", {"link_now": "1 x16"})], ["note emulated_bf16"]),  # an idle card
    (2, [("gpus", {"peers": []})], ["note no_peers", "note emulated_bf16"]),
    (1, [("gpus", {"has_kernels": False})], ["wrong no_kernels", "note emulated_bf16"]),
]


def change(machine: Examination, changes: list[tuple[str, dict[str, Any]]]) -> Examination:
    """Return a machine with other facts; those of GPUs are changed in all of them."""
    for part, facts in changes:
        before = getattr(machine, part)
        after = [replace(gpu, **facts) for gpu in before] if part == "gpus" else replace(before, **facts)
        machine = replace(machine, **{part: after})
    return machine


@pytest.mark.parametrize(("num_gpus", "changes", "expected"), CASES)
def test_what_is_wrong_is_found_and_nothing_else(
    num_gpus: int, changes: list[tuple[str, dict[str, Any]]], expected: list[str]
) -> None:
    found = advise(change(make_machine(num_gpus), changes))
    assert [f"{one.level} {one.code}" for one in found] == expected
    assert all(one.text and one.fix for one in found)


def test_the_lines_of_a_machine_are_these() -> None:
    machine = change(
        make_machine(), [("disk", {"write_bytes_per_second": 30e6}), ("cpu", {"throttle_count": 3})]
    )
    machine.advice = advise(machine)
    assert [*tell(machine)] == [
        "This machine",
        "  processor   AMD EPYC: 2 cores, 2 free now; avx2, avx512_bf16",
        "  memory      25.0 GB, 22.0 GB free for this process",
        "  disk        .: 100.0 GB free; writes 30.0 MB/s, reads 2.5 GB/s",
        "  GPUs        none that torch can use",
        "  software    laptime 0.1.0, Python 3.11.7, torch 2.13.0+cpu, peft 0.21.0",
        "",
        "Measured on cpu (256 tokens through the layers of meta-llama/Llama-3.2-1B)",
        "  float32     140 GFLOP/s (140 GFLOP/s to 140 GFLOP/s by the size of a layer)",
        "  bfloat16    410 GFLOP/s (300 GFLOP/s to 420 GFLOP/s by the size of a layer)",
        "  memory      21.5 GB/s, read and written",
        "",
        "A training here",
        "  device      cpu",
        "  threads     2 (all cores free)",
        "  precision   bfloat16: it is native",
        "  kernels     C parts",
        "",
        "To mend",
        "  - the disk of . takes 30.0 MB a second",
        "    give --out a local disk; checkpoints (--save-every) cost the most there",
        "",
        "Worth knowing",
        "  - the processor was slowed down for heat 3 times since the machine was started",
        "    look to its cooling; compare runs of many rounds only",
    ]


def test_a_machine_of_two_gpus_has_a_line_for_each() -> None:
    lines = [*tell(make_machine(2))]
    (line,) = (
        line for line in lines if line.startswith("  GPU 1       Tesla T4, compute capability 7.5: 15.8")
    )
    assert line.endswith(" 15.6 GB free; PCIe 3 x16; reads GPU 0 directly")
    assert lines[-1] == "Nothing is wrong."
