"""What this machine's finished runs took, kept for forecasts: a line a run in the user's cache.

A line holds figures, the sizes of the model and the name of the processor; no name of a model, a file or a
folder, and nothing of the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from laptime import __version__
from laptime.errors import UserError
from laptime.hardware.inventory import name_processor
from laptime.runs.events import Step
from laptime.runs.job import read_job
from laptime.runs.plan import read_plan, run_folder
from laptime.runs.record import RunRecord, read_record
from laptime.spec import OURS
from laptime.util.user_cache import user_cache

FILE_NAME = "past-runs.jsonl"
MOST, MOST_SECONDS = 1e24, 1e6  # of any figure, of a step: beyond it somebody else wrote the line
MOST_BYTES = 2_000_000  # a few thousand runs; the older half goes then
FEW_STEPS = 8  # of which one that was slow, as the second of a run may be, would shift a mean


class PastRun(Struct, kw_only=True):
    """A finished run as far as its time and memory depend on something."""

    laptime: str
    processor: str  # as `name_processor` names it
    device: str  # cpu, cuda
    threads: int  # of all its processes
    num_devices: int = 1
    method: str
    dtype: str
    hidden_size: int
    num_layers: int
    parameters: int
    trained: int
    step_flops: float  # of the products of a step; this and the next: of a usual one
    step_tokens: float
    num_passes: int = 1  # forward passes of a step, in one process
    step_seconds: float
    first_step_seconds: float  # beyond what its work usually takes
    phases: dict[str, float]  # import, load, prepare, save
    saved_bytes: int
    needed_bytes: int  # by estimate
    peak_bytes: int
    time: float


def past_runs_file() -> Path:
    """Return where the lines are."""
    return user_cache() / FILE_NAME


def remember(folder: Path) -> None:
    """Keep what the run in `folder` took, where it has come to its end by itself; never raises."""
    with suppress(UserError, OSError, msgspec.MsgspecError):
        if was_disturbed(folder):
            return
        if past := describe(read_record(folder)):
            file = past_runs_file()
            file.parent.mkdir(parents=True, exist_ok=True)
            shorten(file)
            with file.open("ab") as opened:
                opened.write(msgspec.json.encode(past) + b"\n")


def was_disturbed(folder: Path) -> bool:
    """Tell whether other programs were at work when a run began: it tells nothing of the next one."""
    with suppress(UserError, OSError):
        threads = read_job(folder).threads
        return threads is not None and threads.why == "busy"
    return False


def list_disturbed(folder: Path) -> list[PastRun]:
    """Return the runs of the comparison in `folder` that other programs disturbed, and that are not kept."""
    found: list[PastRun] = []
    for planned in read_plan(folder).runs:
        with suppress(UserError):
            home = run_folder(folder, planned.run)
            if was_disturbed(home) and (past := describe(read_record(home))):
                found.append(past)
    return found


def shorten(file: Path) -> None:
    """Leave the newer half of a file that has grown too large."""
    if file.exists() and file.stat().st_size > MOST_BYTES:
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[len(lines) // 2 :]))


def list_past_runs() -> list[PastRun]:
    """Return all runs that are known; lines that are no such are passed over."""
    found: list[PastRun] = []
    with suppress(OSError):
        for line in past_runs_file().read_bytes().splitlines():
            with suppress(msgspec.MsgspecError):
                run = msgspec.json.decode(line, type=PastRun)
                if is_sound(run):
                    found.append(run)
    return found


def is_sound(run: PastRun) -> bool:
    """Tell whether all figures of a run are such as runs have."""
    above = (
        run.step_flops,
        run.step_tokens,
        run.step_seconds,
        run.needed_bytes,
        run.peak_bytes,
        run.parameters,
    )
    others = (run.first_step_seconds, run.saved_bytes, run.trained, *run.phases.values())
    counts = (run.num_devices, run.threads, run.hidden_size, run.num_layers, run.num_passes)
    sizes_are_sound = all(0 < one < MOST for one in (*above, *counts)) and all(
        0 <= one < MOST for one in others
    )
    return sizes_are_sound and run.step_seconds < MOST_SECONDS


def describe(record: RunRecord) -> PastRun | None:
    """Return a run for later; None for what tells nothing: others' trainers, resumed, unfinished, ablated.

    Nor do runs by another optimizer than AdamW tell of one by AdamW.
    """
    model, machine, memory, steps = record.model, record.machine, record.memory, record.steps
    ordinary = record.started.role == "measured" and record.started.trainer == OURS
    if not (ordinary and record.finished and model and machine and memory) or len(steps) < 2:
        return None
    training = record.started.spec.get("training", {})
    if training.get("optimizer", "adamw") != "adamw":
        return None
    if record.resumptions or record.damaged or training.get("plain") or training.get("without"):
        return None
    usual, first = find_usual(record, steps[1:]), steps[0]
    usual_first = usual.seconds * (count_step_flops(record, first) / usual.flops if usual.flops else 1.0)
    device = "cpu" if model.device == "cpu" else "cuda"
    phases, counter = record.phase_seconds(), "vm_hwm" if device == "cpu" else "cuda_reserved"
    peaks = [rank.peak_bytes.get(counter, 0) for rank in record.ranks] or [
        record.finished.peak_bytes.get(counter, 0)
    ]
    together = len(peaks) if device == "cpu" else 1  # processes on a CPU share its cores and its memory
    return PastRun(
        laptime=__version__,
        processor=name_processor(machine.facts, device),
        device=device,
        threads=int(machine.facts.get("threads", 0)) * together,
        num_devices=max(1, len(record.ranks)),
        method=record.started.method,
        dtype=model.compute_dtype,
        hidden_size=int(model.shape.get("hidden_size", 0)),
        num_layers=int(model.shape.get("num_layers", 0)),
        parameters=model.parameters,
        trained=model.trainable_parameters,
        step_flops=usual.flops,
        step_tokens=usual.tokens,
        num_passes=count_passes(training, memory.micro_batch, max(1, len(record.ranks))),
        step_seconds=usual.seconds,
        first_step_seconds=max(0.0, first.seconds - usual_first),
        phases={name: phases.get(name, 0.0) for name in ("import", "load", "prepare", "save")},
        saved_bytes=record.saved.num_bytes if record.saved else 0,
        needed_bytes=memory.needed_bytes,
        peak_bytes=sum(peaks) if together > 1 else max(peaks),
        time=record.finished.time or 0.0,
    )


class UsualStep(NamedTuple):
    """What a step usually is: its time and its work."""

    seconds: float
    flops: float
    tokens: float


def find_usual(record: RunRecord, steps: Sequence[Step]) -> UsualStep:
    """Return the mean of steps; of few the one whose work took neither the longest nor the shortest."""
    found = [UsualStep(step.seconds, count_step_flops(record, step), step.tokens) for step in steps]
    if len(found) < FEW_STEPS:
        return sorted(found, key=lambda one: one.seconds / max(1.0, one.flops))[(len(found) - 1) // 2]
    return UsualStep(*(fmean(figures) for figures in zip(*found, strict=True)))


def count_passes(training: Mapping[str, Any], micro_batch: int, num_ranks: int) -> int:
    """Return the forward passes of a process for a step whose examples go by `micro_batch` (0: all)."""
    at_once = training.get("batch_size", 1)
    share = -(-at_once * training.get("gradient_accumulation", 1) // num_ranks)
    return max(1, -(-share // max(1, min(micro_batch or at_once, share))))


def count_flops(record: RunRecord) -> float:
    """Return the FLOPs of the products that a training can't do without; 0 where no record tells."""
    return sum(count_step_flops(record, step) for step in record.steps)


def count_step_flops(record: RunRecord, step: Step) -> float:
    """Return the FLOPs of the products that a step can't do without.

    The head is needed for trained tokens only: two operations a weight forward and two for the gradient of
    its input, in full fine-tuning two more.
    """
    model = record.model
    if model is None or not model.flops_per_token:
        return 0.0
    head = model.shape.get("hidden_size", 0) * model.shape.get("vocabulary_size", 0)
    a_weight = 6.0 if model.trainable_parameters == model.parameters else 4.0
    return model.flops_per_token * step.tokens - a_weight * head * (step.tokens - step.trained_tokens)
