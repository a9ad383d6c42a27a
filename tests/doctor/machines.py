"""Machines for tests: what a look at them would have found."""

from __future__ import annotations

from laptime.doctor.facts import (
    Choice,
    Cpu,
    Disk,
    Examination,
    Gpu,
    Memory,
    Software,
)
from laptime.hardware.measurements import Measured, ProductRate

GB = 1_000_000_000


def make_gpu(index: int) -> Gpu:
    """Return a T4 that nobody uses."""
    return Gpu(
        index=index, name="Tesla T4", capability="7.5", total_bytes=15_800_000_000,
        free_bytes=15_600_000_000, has_kernels=True, link_now="3 x16", link_most="3 x16",
        peers=[1 - index],
    )  # fmt: skip


def make_machine(num_gpus: int = 0) -> Examination:
    """Return a machine of two cores on which nothing is wrong, with or without T4s."""
    device = "cuda:0" if num_gpus else "cpu"
    dtype = "float16" if num_gpus else "bfloat16"
    rates = [
        ProductRate(dtype=name, num_tokens=256, inputs=2048, outputs=outputs, flops_per_second=rate)
        for name, outputs, rate in [("float32", 2048, 140e9), (dtype, 512, 300e9), (dtype, 8192, 420e9)]
    ]
    return Examination(
        laptime="0.1.0",
        model="meta-llama/Llama-3.2-1B",
        cpu=Cpu(
            name="AMD EPYC", cores=2, allowed=2, quota=None, free=2, threads=2,
            threads_reason="all cores free",
            instructions=["avx2", "avx512_bf16"], load_average=0.1, clock_mhz=2600.0, throttle_count=None,
        ),
        memory=Memory(total_bytes=25 * GB, free_bytes=22 * GB, system_free_bytes=22 * GB, swap_used_bytes=0),
        disk=Disk(
            folder=".", free_bytes=100 * GB, write_bytes_per_second=1.2e9, read_bytes_per_second=2.5e9
        ),
        gpus=[make_gpu(index) for index in range(num_gpus)],
        software=Software(
            python="3.11.7", platform="Linux", versions={"torch": "2.13.0+cpu", "peft": "0.21.0"},
            cuda="13.0" if num_gpus else None, driver="580.65" if num_gpus else None,
            kernels=["sm_75", "sm_90"] if num_gpus else [], driver_gpus=["Tesla T4"] * num_gpus, visible=None,
            compiler="/usr/bin/cc", compiled_parts="",
        ),
        choice=Choice(device=device, precision=dtype, precision_reason="it is native", kernels="C parts"),
        measured=Measured(
            device=device, processor="AMD EPYC", threads=2, products=rates,
            memory_bytes_per_second=21.5e9, seconds=3.0,
        ),
    )  # fmt: skip
