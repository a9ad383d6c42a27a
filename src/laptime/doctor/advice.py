"""What is wrong with a machine, and what to do about it: from the facts alone.

Each rule is a function of an examination that yields what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from laptime.doctor.facts import Advice, Examination
from laptime.hardware.processors import VARIABLE
from laptime.util.disk import show_size

LITTLE_MEMORY_BYTES = 2_000_000_000
LITTLE_DISK_BYTES = 5_000_000_000
SLOW_DISK = 100e6  # bytes a second: a model of 1 B parameters takes half a minute
SWAPPED_BYTES = 500_000_000
TAKEN_SHARE = 0.1  # of a GPU's memory, by others
Rule = Callable[[Examination], Iterator[Advice]]


def advise(examination: Examination) -> list[Advice]:
    """Return what is wrong first, then what is worth knowing."""
    found = [one for rule in RULES for one in rule(examination)]
    return sorted(found, key=lambda one: one.level != "wrong")


def find_unused_gpus(of: Examination) -> Iterator[Advice]:
    """A driver shows GPUs, and torch sees none or fewer."""
    shown, seen = len(of.software.driver_gpus), len(of.gpus)
    if shown <= seen:
        return
    name = of.software.driver_gpus[0]
    if of.software.cuda is None:
        version = str(of.software.versions.get("torch")).partition("+")[0]
        yield Advice(
            code="cpu_build",
            level="wrong",
            text=f"a {name} is here, and this torch is built for processors alone",
            fix=f"pip install torch=={version} from an index with CUDA builds (pytorch.org/get-started)",
        )
    elif of.software.visible is not None:
        yield Advice(
            code="hidden_gpus",
            level="note" if seen else "wrong",
            text=f"CUDA_VISIBLE_DEVICES={of.software.visible} leaves {seen} of {shown} GPUs",
            fix="unset CUDA_VISIBLE_DEVICES, or name the GPUs in it that are to train",
        )
    elif not seen:
        yield Advice(
            code="no_driver",
            level="wrong",
            text=f"a {name} is here, and torch (for CUDA {of.software.cuda}) cannot use it",
            fix="update NVIDIA's driver, or install a torch for an older CUDA",
        )


def find_unusable_cards(of: Examination) -> Iterator[Advice]:
    """A card that this torch was not built for."""
    for gpu in of.gpus:
        if not gpu.has_kernels:
            yield Advice(
                code="no_kernels",
                level="wrong",
                text=f"GPU {gpu.index}, {gpu.name} (compute capability {gpu.capability}), has no kernels in "
                f"this torch, which is built for {', '.join(of.software.kernels)}",
                fix="install a torch that is built for it, or train with --device cpu",
            )


def find_emulation(of: Examination) -> Iterator[Advice]:
    """A format that the hardware only emulates, which others would train in."""
    if of.choice.precision == "float16":
        yield Advice(
            code="emulated_bf16",
            level="note",
            text="these GPUs emulate bf16, whatever torch says; laptime trains in fp16 with loss scaling",
            fix="nothing, unless you ask for --precision bf16 elsewhere",
        )
    elif of.choice.device == "cpu" and not {"avx512_bf16", "amx_bf16", "bf16", "sve_bf16"} & set(
        of.cpu.instructions
    ):
        yield Advice(
            code="emulated_bf16",
            level="note",
            text="this processor only emulates bf16; laptime trains in fp32",
            fix="a processor with avx512_bf16 or amx_bf16 multiplies about twice as fast",
        )


def find_limited_cores(of: Examination) -> Iterator[Advice]:
    """Cores that this process may not use."""
    cpu = of.cpu
    if cpu.allowed < cpu.cores:
        yield Advice(
            code="hidden_cores",
            level="wrong" if of.choice.device == "cpu" else "note",
            text=f"this process may run on {cpu.allowed} of {cpu.cores} cores",
            fix="start it without taskset, or with more --cpus-per-task or cpuset cores",
        )
    if cpu.quota is not None and cpu.quota < cpu.allowed:
        yield Advice(
            code="quota",
            level="wrong" if of.choice.device == "cpu" else "note",
            text=f"a control group allows {cpu.quota:g} cores' worth of time, of {cpu.allowed}",
            fix="raise the container's limit (docker --cpus, Kubernetes limits.cpu)",
        )
    if cpu.threads_reason.startswith(f"as {VARIABLE}") and cpu.threads < cpu.allowed:
        yield Advice(
            code="few_threads",
            level="wrong" if of.choice.device == "cpu" else "note",
            text=f"{VARIABLE} leaves {cpu.threads} of {cpu.allowed} threads",
            fix=f"unset {VARIABLE}",
        )


def find_many_threads(of: Examination) -> Iterator[Advice]:
    """More threads than cores: each waits for the others."""
    if of.cpu.threads > of.cpu.allowed:
        yield Advice(
            code="many_threads",
            level="wrong",
            text=f"{of.cpu.threads} threads on {of.cpu.allowed} cores wait for each other at every product",
            fix=f"unset {VARIABLE}",
        )


def find_load(of: Examination) -> Iterator[Advice]:
    """Other programs at work, a processor that is too hot."""
    cpu = of.cpu
    if cpu.free is not None and cpu.free < cpu.allowed:
        yield Advice(
            code="load",
            level="wrong",
            text=f"other programs are at work: {cpu.free} of {cpu.allowed} cores are free; what is timed "
            "beside them is not worth much, so that nothing of it is kept for plan and explain",
            fix="wait until they are done, or end them; then run laptime doctor again",
        )
    if cpu.throttle_count:
        yield Advice(
            code="throttled",
            level="note",
            text=f"the processor was slowed down for heat {cpu.throttle_count:,} times since the machine was "
            "started",
            fix="look to its cooling; compare runs of many rounds only",
        )


def find_short_memory(of: Examination) -> Iterator[Advice]:
    """Memory that is taken, or that a container keeps from this process."""
    memory = of.memory
    if memory.free_bytes is None:
        return
    if memory.system_free_bytes and memory.free_bytes < 0.9 * memory.system_free_bytes:
        yield Advice(
            code="memory_limit",
            level="note",
            text=f"this process may take {show_size(memory.free_bytes)}, though the machine has "
            f"{show_size(memory.system_free_bytes)} free: a container or a limit of the shell holds it back",
            fix="raise the limit (docker --memory, limits.memory, ulimit -v) where a model does not fit",
        )
    if memory.free_bytes < LITTLE_MEMORY_BYTES:
        yield Advice(
            code="little_memory",
            level="wrong",
            text=f"{show_size(memory.free_bytes)} of memory are left",
            fix="end what holds it; a run of the smallest models takes 1 to 2 GB",
        )
    if memory.swap_used_bytes > SWAPPED_BYTES:
        yield Advice(
            code="swap",
            level="note",
            text=f"{show_size(memory.swap_used_bytes)} lie in swap space: memory was short before",
            fix="end what holds it; a training that is swapped out is hundreds of times slower",
        )


def find_slow_disk(of: Examination) -> Iterator[Advice]:
    """A disk that is slow, full, or memory in truth."""
    disk = of.disk
    if disk.in_memory:
        yield Advice(
            code="disk_in_memory",
            level="note",
            text=f"{disk.folder} lies in memory (tmpfs): what is saved there takes memory from the training, "
            "and is gone when the machine is switched off",
            fix="give --out a folder on a disk",
        )
    if disk.free_bytes < LITTLE_DISK_BYTES:
        yield Advice(
            code="little_disk",
            level="wrong",
            text=f"{show_size(disk.free_bytes)} are free on the disk of {disk.folder}",
            fix="make room, or give --out another disk; full fine-tuning saves a whole model a round",
        )
    if disk.write_bytes_per_second and disk.write_bytes_per_second < SLOW_DISK:
        yield Advice(
            code="slow_disk",
            level="wrong",
            text=f"the disk of {disk.folder} takes {show_size(disk.write_bytes_per_second)} a second",
            fix="give --out a local disk; checkpoints (--save-every) cost the most there",
        )


def find_held_gpus(of: Examination) -> Iterator[Advice]:
    """GPUs that others use, that are slowed down, or that are badly connected."""
    for gpu in of.gpus:
        taken = gpu.total_bytes - gpu.free_bytes
        if taken > TAKEN_SHARE * gpu.total_bytes:
            yield Advice(
                code="gpu_taken",
                level="wrong",
                text=f"others hold {show_size(taken)} of {show_size(gpu.total_bytes)} of GPU {gpu.index}, "
                f"{gpu.name}",
                fix="nvidia-smi names them; end them, or take another GPU (--devices 1,)",
            )
        if gpu.slowed_by:
            yield Advice(
                code="gpu_slowed",
                level="wrong",
                text=f"GPU {gpu.index}, {gpu.name}, is slowed down by {', '.join(gpu.slowed_by)}",
                fix="look to its cooling and its power limit (nvidia-smi -q -d PERFORMANCE)",
            )
        if gpu.link_now and gpu.link_most and width(gpu.link_now) < width(gpu.link_most):
            yield Advice(
                code="narrow_link",
                level="note",
                text=f"GPU {gpu.index}, {gpu.name}, is connected by PCIe {gpu.link_now}, of {gpu.link_most}",
                fix="put it into a slot with more lanes, if several GPUs are to train together",
            )
    if len(of.gpus) > 1 and not any(gpu.peers for gpu in of.gpus):
        yield Advice(
            code="no_peers",
            level="note",
            text="the GPUs cannot read each other's memory: what they exchange goes through the main memory",
            fix="nothing on most rented machines; LoRA exchanges little, full fine-tuning much",
        )


def find_missing_parts(of: Examination) -> Iterator[Advice]:
    """Parts in C that a processor trains faster with."""
    if of.choice.device == "cpu" and of.software.compiled_parts:
        lacks = of.software.compiler is None
        yield Advice(
            code="no_compiler",
            level="note",
            text=f"the parts of a step in C can't be used: {of.software.compiled_parts}",
            fix="install a C compiler (apt install gcc)" if lacks else "see docs/speedups.md",
        )


def width(link: str) -> int:
    """Return the lanes of "3 x16"."""
    lanes = link.rpartition("x")[2]
    return int(lanes) if lanes.isdigit() else 0


RULES: tuple[Rule, ...] = (
    find_unused_gpus, find_unusable_cards, find_limited_cores, find_many_threads, find_load,
    find_short_memory, find_slow_disk, find_held_gpus, find_emulation, find_missing_parts,
)  # fmt: skip
