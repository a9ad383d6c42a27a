"""Looks at this machine: what it is, what is free of it, how fast it is, and what a training would use."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import torch

from laptime import __version__
from laptime.doctor import facts
from laptime.doctor.advice import advise
from laptime.doctor.disk_speed import is_in_memory, measure_disk
from laptime.errors import UserError
from laptime.hardware import nvml
from laptime.hardware.inventory import gpu_names, list_instructions, name_processor, total_bytes
from laptime.hardware.machine import choose_device, describe_machine, describe_processor, read_load
from laptime.hardware.measurements import Measured, ProductRate, keep_measurement, read_measurement
from laptime.hardware.precision import Precision, choose_precision, has_kernels, native_formats
from laptime.hardware.processors import Look, Threads, allowed_processors, cpu_quotas
from laptime.hardware.rates import (
    memory_bytes_per_second,
    product_flops_per_second,
    transfer_bytes_per_second,
)
from laptime.hardware.system_memory import PROC, free_bytes, read_kilobytes, read_lines, system_free_bytes
from laptime.kernels.build import build_library, find_compiler
from laptime.kernels.library import has_products
from laptime.models.shape import Shape
from laptime.speedups.compiled import reason_against_c

NUM_TOKENS = 256  # of a step of a small job: fewer multiply more slowly
PRODUCT_SECONDS = 0.1  # of each way of a product
MOST_SECONDS = 10.0  # of all products together; those that are left out are counted


def examine(
    look: Look, shape: Shape, model: str, folder: Path, device: str = "auto", fresh: bool = False
) -> facts.Examination:
    """Return all that can be found out in some seconds; `look` was begun before torch was imported.

    Products are those of a model of `shape`. What was measured before is used again, unless `fresh`. Raises
    UserError for a device that is not there.
    """
    begun = time.perf_counter()
    threads = look.choose(None)
    build_library()
    chosen = choose_device(device)
    with torch.inference_mode(), threads_of(threads):
        cpu, software = describe_cpu(threads), describe_software(chosen)
        measured = measure_once(chosen, shape, threads, fresh)
        found = facts.Examination(
            laptime=__version__,
            model=model,
            cpu=cpu,
            memory=describe_memory(),
            disk=describe_disk(folder),
            gpus=[describe_gpu(index) for index in range(torch.cuda.device_count())],
            software=software,
            choice=describe_choice(chosen),
            measured=measured,
        )
    found.advice = advise(found)
    found.seconds = time.perf_counter() - begun
    return found


@contextmanager
def threads_of(threads: Threads) -> Iterator[None]:
    """Compute with the threads that a training would get."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads.number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe_cpu(threads: Threads) -> facts.Cpu:
    """Return the processor and what this process gets of it."""
    load = read_load()
    return facts.Cpu(
        name=describe_machine(torch.device("cpu"))["cpu"],
        cores=os.cpu_count() or 1,
        allowed=len(allowed_processors()),
        quota=min(cpu_quotas(), default=None),
        free=threads.free,
        threads=threads.number,
        threads_reason=str(threads).partition("(")[2].rstrip(")"),
        instructions=list_instructions(),
        load_average=load["load_average"],
        clock_mhz=load["clock_mhz"],
        throttle_count=load["throttle_count"],
    )


def describe_memory() -> facts.Memory:
    """Return the main memory."""
    lines = read_lines(PROC / "meminfo")
    swap = read_kilobytes(lines, "SwapTotal:") - read_kilobytes(lines, "SwapFree:")
    return facts.Memory(
        total_bytes=total_bytes(),
        free_bytes=free_bytes(),
        system_free_bytes=system_free_bytes(),
        swap_used_bytes=swap,
    )


def describe_disk(folder: Path) -> facts.Disk:
    """Return the disk of a folder, or of the one in which it would be made; raises UserError."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"--out {folder}: a file; give a folder")
    disk = facts.Disk(
        folder=str(folder), free_bytes=shutil.disk_usage(there).free, in_memory=is_in_memory(there)
    )
    try:
        disk.write_bytes_per_second, disk.read_bytes_per_second = measure_disk(there)
    except OSError as error:
        raise UserError(f"--out {folder}: cannot be written to ({error.strerror})") from None
    return disk


def describe_gpu(index: int) -> facts.Gpu:
    """Return a GPU that torch sees."""
    device = torch.device("cuda", index)
    free, total = torch.cuda.mem_get_info(device)
    processor = describe_processor(device)
    gpu = facts.Gpu(
        index=index,
        name=processor.name,
        capability="{}.{}".format(*(processor.capability or (0, 0))),
        total_bytes=total,
        free_bytes=free,
        has_kernels=has_kernels(processor),
        peers=[
            other
            for other in range(torch.cuda.device_count())
            if other != index and torch.cuda.can_device_access_peer(index, other)
        ],
    )
    with suppress(Exception):  # no NVML here, or not for this card
        gpu.link_now, gpu.link_most = nvml.describe_link(device)
    with suppress(Exception):
        gpu.slowed_by = nvml.list_slowdowns(device)
    return gpu


def describe_software(device: torch.device) -> facts.Software:
    """Return what computes here."""
    machine = describe_machine(device)
    return facts.Software(
        python=machine["python"],
        platform=machine["platform"],
        versions=machine["versions"],
        cuda=torch.version.cuda,
        driver=machine.get("driver"),
        kernels=torch.cuda.get_arch_list() if torch.cuda.is_available() else [],
        driver_gpus=sorted(gpu_names()),
        visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        compiler=find_compiler(),
        compiled_parts=reason_against_c(),
    )


def describe_choice(device: torch.device) -> facts.Choice:
    """Return what a training would use on a device."""
    try:
        precision = choose_precision(describe_processor(device), "auto")
    except UserError as error:  # a card without kernels: the advice says what to do
        precision = Precision(compute="float32", reason=str(error))
    return facts.Choice(
        device=str(device),
        precision=precision.compute,
        precision_reason=precision.reason,
        kernels=name_kernels(device, precision),
    )


def name_kernels(device: torch.device, precision: Precision) -> str:
    """Return whose kernels multiply, and why, as a phrase."""
    if device.type == "cuda":
        return "torch's (cuBLAS, scaled_dot_product_attention)"
    if reason := reason_against_c():
        return f"torch's (oneDNN): {reason}"
    if not has_products(getattr(torch, precision.compute)):
        return f"torch's (oneDNN) for products, C parts for the rest: no instruction for {precision.compute}"
    return "C parts built for this processor, or torch's (oneDNN) where these are faster for a model's widths"


def measure_once(device: torch.device, shape: Shape, threads: Threads, fresh: bool) -> Measured:
    """Return what an earlier examination measured of the same, else measure; what is disturbed isn't kept."""
    name = name_measurement(device, shape, threads)
    if not fresh and (kept := read_measurement(name)):
        return kept
    measured = measure(device, shape, threads)
    if threads.free is None or threads.free >= len(allowed_processors()):
        keep_measurement(name, measured)
    return measured


def name_measurement(device: torch.device, shape: Shape, threads: Threads) -> str:
    """Return the name of a measurement: by machine, versions, shapes and threads."""
    machine = describe_machine(device)
    known = ("cpu", "instructions", "cores", "versions", "gpu", "gpu_count", "driver")
    depends = [[machine.get(name) for name in known], list_sizes(shape), threads.number, NUM_TOKENS]
    return hashlib.sha256(msgspec.json.encode(depends)).hexdigest()[:32]


def list_sizes(shape: Shape) -> list[tuple[int, int]]:
    """Return the sizes (inputs, outputs) of the model's layers, each once, without the head."""
    return sorted({size for name, size in shape.linears.items() if name != shape.head})


def measure(device: torch.device, shape: Shape, threads: Threads) -> Measured:
    """Time products in every format that the device has, and the moving of memory."""
    begun = time.perf_counter()
    processor = describe_processor(device)
    measured = Measured(
        device=str(device),
        processor=name_processor(describe_machine(device), device.type),
        threads=threads.number,
        time=time.time(),
    )
    formats = sorted(native_formats(processor), key=lambda name: name != "float32")
    for dtype in formats:
        for inputs, outputs in list_sizes(shape):
            if time.perf_counter() - begun > MOST_SECONDS:
                measured.not_measured += 1
                continue
            rate = product_flops_per_second(
                NUM_TOKENS, inputs, outputs, getattr(torch, dtype), device, PRODUCT_SECONDS
            )
            measured.products.append(
                ProductRate(
                    dtype=dtype,
                    num_tokens=NUM_TOKENS,
                    inputs=inputs,
                    outputs=outputs,
                    flops_per_second=rate,
                )
            )
    measured.memory_bytes_per_second = memory_bytes_per_second(device)
    if device.type == "cuda":
        to, back = transfer_bytes_per_second(device)
        measured.to_device_bytes_per_second, measured.from_device_bytes_per_second = to, back
    measured.seconds = time.perf_counter() - begun
    return measured
