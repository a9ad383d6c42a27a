"""Which number format for which part on this machine, and why.

All decisions that depend on a GPU's compute capability or on a CPU's instructions stand in this file.
`torch.cuda.is_bf16_supported()` is no guide: it says True on a T4, which emulates bf16 slowly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from laptime.errors import UserError

Dtype = Literal["float32", "bfloat16", "float16"]
FIRST_BF16_CAPABILITY = (8, 0)  # Ampere
FIRST_FP16_CAPABILITY = (5, 3)  # below it fp16 arithmetic is slower than fp32
NATIVE_CPU_BF16 = {"avx512_bf16", "amx_bf16", "sve_bf16", "bf16"}  # names in /proc/cpuinfo


class Processor(Struct, frozen=True, kw_only=True):
    """What does the arithmetic: a CUDA device with its capability, or a CPU with its instruction flags."""

    kind: Literal["cpu", "cuda"]
    name: str
    capability: tuple[int, int] | None = None
    kernels: tuple[str, ...] = ()  # for which cards this torch was built, as it says: sm_75, compute_90
    cpu_flags: frozenset[str] = frozenset()


class Precision(Struct, frozen=True, kw_only=True):
    """The formats of one run.

    `compute`: weights and activations. `trained`: what the optimizer keeps, always float32, so that no
    small update is lost. `loss_scaling`: fp16's narrow range needs it.
    """

    compute: Dtype
    trained: Dtype = "float32"
    loss_scaling: bool = False
    reason: str


def choose_precision(
    processor: Processor, wanted: str, tried: Mapping[str, float] | None = None
) -> Precision:
    """Choose for `processor`; `wanted` is --precision. Raises UserError where the hardware has none.

    `tried` are the seconds of a step of this very model in formats that were tried on a CPU. A GPU for which
    torch has no kernels has no precision either.
    """
    check_kernels(processor)
    best, why = _best(processor)
    if tried and processor.kind == "cpu" and best in tried:
        best, why = _fastest(tried)
    if wanted == "auto":
        return _precision(best, why)
    names: dict[str, Dtype] = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
    dtype = names[wanted]
    if dtype == "bfloat16" and processor.kind == "cpu" and dtype not in native_formats(processor):
        return _precision(dtype, f"asked for with --precision; {why}")
    if dtype == "float16" and processor.kind == "cpu":
        raise UserError("--precision fp16: GPUs alone train in fp16, and this run is on a CPU; use auto")
    if dtype not in native_formats(processor):
        raise UserError(f"--precision {wanted}: {processor.name} has no native {wanted} ({why}); use auto")
    return _precision(dtype, "asked for with --precision")


def _fastest(tried: Mapping[str, float]) -> tuple[Dtype, str]:
    """Return the format in which a step was fastest, and the seconds of all as a phrase."""
    formats: list[Dtype] = ["float32", "bfloat16", "float16"]  # of two alike the wider one
    best = min((name for name in formats if name in tried), key=lambda name: tried[name])
    times = ", ".join(f"{1000 * seconds:.3g} ms in {name}" for name, seconds in sorted(tried.items()))
    return best, f"tried on this model: a step takes {times}"


def check_kernels(processor: Processor) -> None:
    """Raise UserError for a card that this torch has no kernels for: the first one would fail.

    Kernels run on cards of their own major capability from their minor one up (sm_75 on 7.5, not on 7.0);
    those kept as PTX (compute_90) on every later card.
    """
    if has_kernels(processor):
        return
    raise UserError(
        f"--device: {processor.name} (compute capability {_dotted(processor.capability or (0, 0))}) has no "
        f"kernels in this torch, which is built for {', '.join(processor.kernels)}; install a torch that is "
        f"built for it, or use --device cpu"
    )


def has_kernels(processor: Processor) -> bool:
    """Tell whether this torch has kernels for a processor, as far as that is known."""
    capability, kernels = processor.capability, processor.kernels
    return capability is None or not kernels or any(_runs_on(name, capability) for name in kernels)


def _runs_on(kernels: str, capability: tuple[int, int]) -> bool:
    """Tell whether kernels called sm_75 or compute_90 run on a card; sm_90a are for that one alone."""
    found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([a-z]?)", kernels)
    if not found:
        return True  # a name of another kind (ROCm's) says nothing here
    built = (int(found[2]), int(found[3]))
    if found[4] == "a":
        return built == capability
    return built <= capability and (found[1] == "compute" or built[0] == capability[0])


def _dotted(capability: tuple[int, int]) -> str:
    """Return a capability as it is written: 7.5."""
    return "{}.{}".format(*capability)


def expands_heads(processor: Processor) -> bool:
    """Tell whether grouped attention needs its key heads copied: kernels before Ampere know no groups.

    With enable_gqa torch would choose its slowest kernel there, which holds all scores in memory.
    """
    return processor.kind == "cuda" and (processor.capability or (0, 0)) < FIRST_BF16_CAPABILITY


def _precision(dtype: Dtype, reason: str) -> Precision:
    """Complete a choice: only float16 needs its loss scaled."""
    return Precision(compute=dtype, loss_scaling=dtype == "float16", reason=reason)


def native_formats(processor: Processor) -> frozenset[Dtype]:
    """Return the formats that `processor` computes natively."""
    formats: set[Dtype] = {"float32"}
    if processor.kind == "cuda":
        capability = processor.capability or (0, 0)
        if capability >= FIRST_BF16_CAPABILITY:
            formats |= {"bfloat16"}
        if capability >= FIRST_FP16_CAPABILITY:
            formats |= {"float16"}
    elif processor.cpu_flags & NATIVE_CPU_BF16:
        formats |= {"bfloat16"}
    return frozenset(formats)


def _best(processor: Processor) -> tuple[Dtype, str]:
    """Return the fastest native format and the reason, as a phrase."""
    native = native_formats(processor)
    if processor.kind == "cuda":
        shown = f"compute capability {_dotted(processor.capability or (0, 0))}"
        if "bfloat16" in native:
            return "bfloat16", f"bf16 is native ({shown})"
        if "float16" in native:
            return "float16", f"fp16 with loss scaling: no native bf16 below 8.0 ({shown})"
        return "float32", f"neither bf16 nor fp16 is fast here ({shown})"
    if "bfloat16" in native:
        return "bfloat16", "the CPU multiplies bf16 natively"
    return "float32", "the CPU has no native bf16"
