"""What the doctor found, as lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from laptime.doctor.facts import Advice, Cpu, Disk, Examination, Gpu, Memory, Software
from laptime.hardware.measurements import Measured, ProductRate, join_rates
from laptime.report.waterfall_lines import show_operations
from laptime.util.disk import show_size

NAMED = ("torch", "transformers", "peft")
WIDTH = 12  # of the first column


def tell(found: Examination) -> Iterator[str]:
    """Yield the lines, section by section."""
    yield "This machine"
    yield row("processor", tell_cpu(found.cpu))
    yield row("memory", tell_memory(found.memory))
    yield row("disk", tell_disk(found.disk))
    for gpu in found.gpus:
        yield row(f"GPU {gpu.index}", tell_gpu(gpu))
    if not found.gpus:
        yield row("GPUs", "none that torch can use")
    yield row("software", tell_software(found.laptime, found.software))
    yield ""
    yield from tell_measured(found.measured, found.model)
    yield ""
    choice = found.choice
    yield "A training here"
    yield row("device", choice.device)
    yield row("threads", f"{found.cpu.threads} ({found.cpu.threads_reason})")
    yield row("precision", f"{choice.precision}: {choice.precision_reason}")
    yield row("kernels", choice.kernels)
    for title, level in (("To mend", "wrong"), ("Worth knowing", "note")):
        yield from tell_advice(title, [one for one in found.advice if one.level == level])
    if not any(one.level == "wrong" for one in found.advice):
        yield from ("", "Nothing is wrong.")


def row(name: str, text: str) -> str:
    """Return a line of two columns."""
    return f"  {name:<{WIDTH}}{text}"


def tell_cpu(cpu: Cpu) -> str:
    """Return the processor's line."""
    cores = f"{cpu.cores} cores" if cpu.cores != 1 else "1 core"
    if cpu.allowed < cpu.cores:
        cores += f", {cpu.allowed} for this process"
    if cpu.free is not None:
        cores += f", {cpu.free} free now"
    known = f"; {', '.join(cpu.instructions)}" if cpu.instructions else ""
    return f"{cpu.name}: {cores}{known}"


def tell_memory(memory: Memory) -> str:
    """Return the line of the main memory."""
    free = f", {show_size(memory.free_bytes)} free for this process" if memory.free_bytes is not None else ""
    swap = f"; {show_size(memory.swap_used_bytes)} in swap space" if memory.swap_used_bytes else ""
    return f"{show_size(memory.total_bytes)}{free}{swap}"


def tell_disk(disk: Disk) -> str:
    """Return the disk's line."""
    speeds = [
        f"{verb} {show_size(speed)}/s"
        for verb, speed in (("writes", disk.write_bytes_per_second), ("reads", disk.read_bytes_per_second))
        if speed
    ]
    kind = " (in memory)" if disk.in_memory else ""
    return (
        f"{disk.folder}{kind}: {show_size(disk.free_bytes)} free{'; ' if speeds else ''}{', '.join(speeds)}"
    )


def tell_gpu(gpu: Gpu) -> str:
    """Return a GPU's line."""
    link = f"; PCIe {gpu.link_now}" if gpu.link_now else ""
    peers = f"; reads GPU {', '.join(map(str, gpu.peers))} directly" if gpu.peers else ""
    return (
        f"{gpu.name}, compute capability {gpu.capability}: {show_size(gpu.total_bytes)}, "
        f"{show_size(gpu.free_bytes)} free{link}{peers}"
    )


def tell_software(laptime: str, software: Software) -> str:
    """Return the line of the versions."""
    versions = [f"{name} {software.versions[name]}" for name in NAMED if software.versions.get(name)]
    driver = [f"driver {software.driver}"] if software.driver else []
    return ", ".join([f"laptime {laptime}", f"Python {software.python}", *versions, *driver])


def tell_measured(measured: Measured, model: str) -> Iterator[str]:
    """Yield what was measured."""
    tokens = measured.products[0].num_tokens if measured.products else 0
    yield f"Measured on {measured.device} ({tokens} tokens through the layers of {model})"
    for dtype in dict.fromkeys(rate.dtype for rate in measured.products):
        yield row(dtype, tell_rates(measured.rates_of(dtype)))
    if measured.not_measured:
        yield row("", f"{measured.not_measured} more products were left out: they would have taken too long")
    if measured.memory_bytes_per_second:
        yield row("memory", f"{show_size(measured.memory_bytes_per_second)}/s, read and written")
    if measured.to_device_bytes_per_second and measured.from_device_bytes_per_second:
        to, back = measured.to_device_bytes_per_second, measured.from_device_bytes_per_second
        yield row("PCIe", f"{show_size(to)}/s to the GPU, {show_size(back)}/s back")


def tell_rates(rates: Sequence[ProductRate]) -> str:
    """Return the rate of some products together, and the slowest and the fastest of them."""
    least, most = (f(rate.flops_per_second for rate in rates) for f in (min, max))
    together, slowest, fastest = (f"{show_operations(rate)}/s" for rate in (join_rates(rates), least, most))
    return f"{together} ({slowest} to {fastest} by the size of a layer)"


def tell_advice(title: str, found: Sequence[Advice]) -> Iterator[str]:
    """Yield what is wrong, or worth knowing, each with what to do."""
    if found:
        yield from ("", title)
    for one in found:
        yield f"  - {one.text}"
        yield f"    {one.fix}"
