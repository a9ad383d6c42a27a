"""The only reader of clock and memory.

On a CUDA device work is queued, so steps are timed by events and their losses fetched by copies that
nobody waits for: a step's numbers are written once they have arrived, a step or two later.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from laptime.hardware import nvml
from laptime.runs.events import Phase, Step
from laptime.runs.record import RecordWriter

if TYPE_CHECKING:
    import torch

    from laptime.data.batches import TrainStep

MAX_SOURCES = 20  # examples that a message names
MAX_SKIPPED_STEPS = 25  # in a row: 2**16 halved that often is no loss scale any more


class NotFiniteError(Exception):
    """A loss or a gradient is not finite; the update was not made."""

    def __init__(self, step: int, what: str, sources: list[str]) -> None:
        super().__init__(f"step {step}: {what} is not finite; examples {join_sources(sources)}")
        self.step = step


def join_sources(sources: list[str]) -> str:
    """Name examples by file and line, each file once: train.jsonl:17,903."""
    lines: dict[str, list[str]] = {}
    for source in sources[:MAX_SOURCES]:
        place = re.fullmatch(r"(.+(?::| row ))(\d+)", source)
        lines.setdefault(place[1] if place else source, []).append(place[2] if place else "")
    more = f" and {len(sources) - MAX_SOURCES} more" if len(sources) > MAX_SOURCES else ""
    return ", ".join(file + ",".join(numbers) for file, numbers in lines.items()) + more


def process_peak_bytes() -> int:
    """Return the most memory this process has held, in bytes.

    VmHWM, not ru_maxrss: on Linux the latter starts from the parent's peak.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Meter:
    """Times the phases of one run and writes them to its record."""

    def __init__(self, record: RecordWriter, started: float) -> None:
        self.record = record
        self.started = started  # time.time() when the process was started
        self.device: torch.device | None = None
        self.seconds: dict[str, float] = {}
        self._begun = 0.0  # the present phase, by perf_counter
        self._aside_seconds = 0.0  # of what does not count for the phase in which it happens

    def synchronize(self) -> None:
        """Wait until the device is idle."""
        if self.device is not None and self.device.type == "cuda":
            import torch

            torch.cuda.synchronize(self.device)

    def peak_bytes(self) -> dict[str, int]:
        """Return every memory counter, in bytes."""
        counters = {"vm_hwm": process_peak_bytes()}
        if self.device is not None and self.device.type == "cuda":
            import torch

            counters["cuda_allocated"] = torch.cuda.max_memory_allocated(self.device)
            counters["cuda_reserved"] = torch.cuda.max_memory_reserved(self.device)
            with suppress(Exception):  # NVML is absent, or closed to containers: the other counters stay
                if (used := nvml.process_bytes(self.device)) is not None:
                    counters["process_device"] = used
        return counters

    @contextmanager
    def phase(self, name: Any, seconds_before: float = 0.0) -> Iterator[None]:
        """Time a phase from device idle to device idle; a phase that fails leaves no figure.

        `seconds_before` were spent on it by an earlier attempt at the run.
        """
        self.synchronize()
        self._begun = time.perf_counter() - seconds_before
        self._aside_seconds = 0.0
        yield
        self.add_phase(name, self.phase_seconds())

    def phase_seconds(self) -> float:
        """Return the seconds of the present phase so far."""
        self.synchronize()
        return time.perf_counter() - self._begun - self._aside_seconds

    @contextmanager
    def aside(self) -> Iterator[Callable[[], float]]:
        """Take a block out of the phase in which it stands; gives a function that tells its seconds."""
        self.synchronize()
        begun = time.perf_counter()
        try:
            yield lambda: time.perf_counter() - begun
        finally:
            self._aside_seconds += time.perf_counter() - begun

    def add_phase(self, name: Any, seconds: float) -> None:
        """Record a phase whose seconds are known."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.record.write(Phase(name=name, seconds=seconds, peak_bytes=self.peak_bytes()))

    def wall_seconds(self) -> float:
        """Return the seconds since the process was started."""
        return time.time() - self.started


class PendingStep(Struct):
    """A step whose numbers are on their way: gradient norm, left-out flag, loss of each micro-batch."""

    step: TrainStep
    learning_rate: float
    marks: list[tuple[str, Any]]
    numbers: torch.Tensor
    arrived: Any


class StepTimer:
    """Times steps and their parts, and writes each step once its numbers are there."""

    def __init__(
        self, record: RecordWriter, device: torch.device, loss_scaling: bool, num_skipped: int = 0
    ) -> None:
        self.record = record
        self.on_cuda = device.type == "cuda"
        self.loss_scaling = loss_scaling
        self._pending: deque[PendingStep] = deque()
        self._marks: list[tuple[str, Any]] = []
        self.num_skipped = num_skipped  # updates left out in a row

    def pause(self) -> None:
        """Write every step so far; what happens until the next one begins belongs to neither."""
        self.write_arrived(wait=True)
        self._marks = []

    def begin(self) -> None:
        """Start a step where the one before ended, so that no time falls between two steps."""
        self._marks = self._marks[-1:] or [("begin", self._now())]

    def mark(self, part: str) -> None:
        """Say that `part` (data, forward, backward, optimizer) ends here."""
        self._marks.append((part, self._now()))

    def end(
        self,
        step: TrainStep,
        learning_rate: float,
        losses: list[torch.Tensor],
        norm: torch.Tensor,
        left_out: torch.Tensor,
        scale: torch.Tensor,
    ) -> None:
        """Queue the numbers of a step, `losses` as the step names them, and write those that have arrived."""
        import torch

        numbers = torch.stack([norm, left_out, scale, *(loss.float() for loss in losses)])
        arrived = None
        if self.on_cuda:
            numbers = torch.empty(len(numbers), pin_memory=True).copy_(numbers, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
        self._pending.append(PendingStep(step, learning_rate, self._marks, numbers, arrived))
        self.write_arrived()

    def write_arrived(self, wait: bool = False) -> None:
        """Write the steps whose numbers are there; with `wait`, all of them."""
        while self._pending:
            pending = self._pending[0]
            if pending.arrived is not None and not pending.arrived.query():
                if not wait:
                    return
                pending.arrived.synchronize()
            self._pending.popleft()
            self._write(pending)

    def _write(self, pending: PendingStep) -> None:
        """Write one step; raises NotFiniteError for one whose update was left out."""
        norm, left_out, scale, *losses = pending.numbers.tolist()
        step, parts = pending.step, self._parts(pending.marks)
        self.record.write(
            Step(
                step=step.step,
                epoch=step.epoch,
                loss=finite(sum(losses)),
                learning_rate=pending.learning_rate,
                grad_norm=finite(norm),
                seconds=sum(parts.values()),
                trained_tokens=step.num_trained_tokens,
                tokens=step.num_tokens,
                padded_tokens=step.num_padded_tokens,
                digest=step.digest,
                parts=parts,
                skipped=bool(left_out),
                loss_scale=scale if self.loss_scaling else None,
            )
        )
        self.num_skipped = self.num_skipped + 1 if left_out else 0
        if culprits := not_finite_sources(step, losses):
            raise NotFiniteError(step.step, "loss", culprits)
        if left_out and not self.loss_scaling:
            raise NotFiniteError(step.step, "gradient", step.sources)
        if self.num_skipped > MAX_SKIPPED_STEPS:
            raise NotFiniteError(step.step, "gradient at any loss scale", step.sources)

    def _now(self) -> Any:
        """Return the time, or on CUDA an event in the queue."""
        if not self.on_cuda:
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _parts(self, marks: list[tuple[str, Any]]) -> dict[str, float]:
        """Return the seconds of each part of a step, summed over its micro-batches."""
        parts: dict[str, float] = {}
        for (_, before), (name, after) in pairwise(marks):
            seconds = before.elapsed_time(after) / 1000 if self.on_cuda else after - before
            parts[name] = parts.get(name, 0.0) + seconds
        return parts


def not_finite_sources(step: TrainStep, losses: list[float]) -> list[str]:
    """Name the examples whose loss, one of `losses`, is not finite; all where only the sum is not."""
    named = zip(step.loss_sources, losses, strict=True)
    culprits = [source for sources, loss in named if not math.isfinite(loss) for source in sources]
    return culprits or ([] if math.isfinite(sum(losses)) else step.sources)


def finite(number: float) -> float | None:
    """Return `number`, or None where JSON has no word for it."""
    return number if abs(number) < float("inf") else None
