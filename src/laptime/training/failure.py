"""Why a run failed, in one line; where memory ran out, with what would fit."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator, Sequence

import torch
from safetensors import SafetensorError

from laptime.credentials import hide
from laptime.data.encoded import EncodedExample, lengths_of
from laptime.data.input_manifest import InputManifest
from laptime.errors import UserError
from laptime.hardware.device_memory import available_bytes
from laptime.hardware.machine import describe_processor
from laptime.hardware.precision import native_formats
from laptime.memory_advice import find_remedies
from laptime.memory_estimate import (
    HALF_BYTES,
    PACKING,
    MemoryEstimate,
    find_moment_bytes,
    will_pack,
)
from laptime.methods.method import Method
from laptime.runs.contestants import split_name
from laptime.runs.events import Failed, FailureReason, Memory
from laptime.runs.exit_reason import gigabytes, means_shortage, tell_remedies, tell_shortage
from laptime.runs.record import RecordWriter, RunRecord, read_record
from laptime.spec import RunSpec
from laptime.training.meter import Meter, NotFiniteError
from laptime.training.saving import UnsavedError
from laptime.util.disk import is_full

UNKNOWN_BYTES = 1 << 62


class DoesNotFitError(MemoryError):
    """What a run holds whatever its batches are is more than there is; nothing was loaded."""


def estimate_memory(
    spec: RunSpec,
    method: Method,
    manifest: InputManifest,
    examples: Sequence[EncodedExample],
    element_bytes: int,
    device: torch.device,
    num_ranks: int = 1,
    num_here: int | None = None,
) -> MemoryEstimate:
    """Return what a run will hold; `element_bytes` is the size of a weight."""
    training, on_cuda = spec.training, device.type == "cuda"
    formats = native_formats(describe_processor(device))
    packs_half = not on_cuda and "bfloat16" in formats
    packs = packs_half if element_bytes == HALF_BYTES else not on_cuda
    return MemoryEstimate(
        shape=manifest.shape,
        method=method,
        element_bytes=element_bytes,
        batch_size=min(training.batch_size, len(examples)),
        accumulation=training.gradient_accumulation,
        longest=int(lengths_of(examples).max()),
        recomputes=training.gradient_checkpointing,
        packs=packs and will_pack(manifest.shape, method, training, element_bytes),
        packs_half=packs_half,
        asks_to_pack=PACKING in training.speedups,
        plain=training.plain,
        on_cuda=on_cuda,
        num_ranks=num_ranks,
        num_here=num_here,
        moment_bytes=find_moment_bytes(training, manifest.shape, method),
        half=half_precision_of(device),
    )


def describe_estimate(estimate: MemoryEstimate, available_bytes: int | None) -> Memory:
    """Return the event that tells of an estimate, and what would fit."""
    return Memory(
        device="cuda" if estimate.on_cuda else "cpu",
        available_bytes=available_bytes,
        needed_bytes=estimate.needed_bytes(or_any(available_bytes)),
        fixed_bytes=estimate.fixed_bytes,
        would_fit=[] if available_bytes is None else find_remedies(estimate, available_bytes),
        micro_batch=estimate.micro_batch,
    )


def or_any(available_bytes: int | None) -> int:
    """Return the memory that is there; more than any job needs where nobody knows."""
    return UNKNOWN_BYTES if available_bytes is None else available_bytes


def half_precision_of(device: torch.device) -> str | None:
    """Return the half precision to advise; a CPU without native bf16 still keeps weights in it."""
    formats = native_formats(describe_processor(device))
    if device.type == "cpu" or "bfloat16" in formats:
        return "bf16"
    return "fp16" if "float16" in formats else None


def refuse_what_cannot_fit(memory: Memory, device: torch.device) -> None:
    """Raise DoesNotFitError where weights, gradients and optimizer alone exceed memory and swap space."""
    most = available_bytes(device, swap=True)
    if most is not None and memory.fixed_bytes > most:
        raise DoesNotFitError(
            f"{gigabytes(memory.fixed_bytes)} needed for weights, gradients and optimizer alone, "
            f"{gigabytes(most)} there; {tell_remedies(memory)}"
        )


def describe_failure(error: Exception, writer: RecordWriter, rank: int | None = None) -> Failed:
    """Return the last line of the run that `writer` records; the error lets go of what it held.

    `rank` is which of several processes it was raised in; what all of them would raise names none.
    """
    for one in causes(error):
        traceback.clear_frames(one.__traceback__)
    gc.collect()
    meter = Meter(writer, 0.0)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        meter.device = torch.device("cuda", torch.cuda.current_device())
    peaks = meter.peak_bytes()
    record = read_record(writer.path.parent)
    reason, message = classify(error, record.memory, peaks)
    last_step = record.steps[-1].step if record.steps else None
    step = error.step if isinstance(error, NotFiniteError) else last_step
    if isinstance(error, NotFiniteError):
        message += f"; {advise_on_divergence(error.step, record)}"
    if rank is not None and not isinstance(error, (DoesNotFitError, NotFiniteError, UserError)):
        message = f"rank {rank}: {message}"
    return Failed(reason=reason, message=hide(message), step=step, peak_bytes=peaks)


def classify(
    error: BaseException, memory: Memory | None = None, peaks: dict[str, int] | None = None
) -> tuple[FailureReason, str]:
    """Return why a run failed and the line that says so."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if isinstance(error, DoesNotFitError):
        return "out_of_memory", line
    if any(is_shortage(one) for one in causes(error)):
        counter = "cuda_reserved" if memory and memory.device == "cuda" else "vm_hwm"
        return "out_of_memory", tell_shortage(memory, peaks or {}, counter)
    if isinstance(error, NotFiniteError):
        return "not_finite", line
    if any(means_full_disk(one) for one in causes(error)):
        return "disk_full", line
    if isinstance(error, UnsavedError):
        return "error", line
    if isinstance(error, UserError):
        return "refused", " ".join(str(error).split())
    return "error", f"{type(error).__name__}: {line[:300]}"


def advise_on_divergence(step: int, record: RunRecord) -> str:
    """Say what to try where a loss or a gradient was not finite at `step`."""
    model, started = record.model, record.started
    parts = ["look at the examples named"]
    if model and model.compute_dtype != "float32":
        parts.insert(0, "--precision fp32")
    if step == 1:  # no update was made yet, so no rate is to blame
        return f"before any update: {', or try '.join(reversed(parts))}"
    if model:
        rate = f"{model.learning_rate / 10:.2g}"
        is_own = split_name(started.name)[0] != started.method  # a contestant has a rate of its own
        of_method = f"{started.method}={rate}" if started.comparison and not is_own else rate
        parts.insert(0, f"--learning-rate {of_method} (a tenth)")
    return f"try {', '.join(parts[:-1])}, and {parts[-1]}" if parts[1:] else parts[0]


def means_full_disk(error: BaseException) -> bool:
    """Tell whether an error means that a disk is full; safetensors tells it in words alone."""
    if isinstance(error, OSError) and error.errno:
        return is_full(error)
    return isinstance(error, (OSError, SafetensorError)) and "No space left on device" in str(error)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those during whose handling it was raised."""
    now: BaseException | None = error
    while now is not None:
        yield now
        now = now.__cause__ or now.__context__


def is_shortage(error: BaseException) -> bool:
    """Tell whether an error means that memory could not be had; a user's mistake only quotes others."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return not isinstance(error, UserError) and means_shortage(str(error))
