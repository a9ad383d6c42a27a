"""What the runs of a comparison, or of a training, will take of time, memory and disk."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from laptime.data.input_manifest import InputManifest
from laptime.forecast.calibration import UNKNOWN_FACTOR, Guess, Speed, guess, guess_offset
from laptime.forecast.job_shape import JobShape, estimate_memory, fit_job, shape_of_job
from laptime.memory_advice import find_remedies
from laptime.memory_estimate import CPU_BASE_BYTES
from laptime.runs.past_runs import PastRun
from laptime.spec import RunSpec

VAGUE_ERROR = 2.0  # without a past, where products are the lesser part of a step
# What Python, torch and the libraries were measured to hold (the toy, AMD EPYC); a refusal counts more, for
# what is not known.
USUAL_BASE_BYTES = 350_000_000
LEAST_SHARE = 0.3  # of the estimated memory that a run holds at least
PHASES = ("import", "load", "prepare", "save")
USUAL_SECONDS = {"import": 2.0, "load": 1.0, "prepare": 0.2, "save": 0.5}  # of a machine without a past


class Forecast(Struct, kw_only=True):
    """One run: seconds with their range, bytes; `would_fit` only where it does not fit as it is."""

    name: str
    method: str
    num_steps: int
    step_seconds: float
    train_seconds: float
    train_range: tuple[float, float]
    total_seconds: float
    total_range: tuple[float, float]
    phase_seconds: dict[str, float]
    memory_bytes: int
    estimated_bytes: int  # by which a run is refused
    saved_bytes: int
    fits: bool | None  # None where nobody knows how much is there
    would_fit: list[str] = []
    num_devices: int = 1
    device: str = "cpu"
    num_runs: int  # past ones that it stands on
    of_method: bool  # whether some of them were of this method
    nearest: float = 0.0  # decades between this job and the most like of them
    dtype: str = ""


class Surroundings(Struct, kw_only=True):
    """What forecasts stand on: the inputs, the machine's speed by format, its free memory and past runs."""

    manifest: InputManifest
    dtype: str
    speed: Speed
    on_cuda: bool
    available_bytes: int | None
    past: list[PastRun]


def forecast(name: str, spec: RunSpec, around: Surroundings, num_devices: int = 1) -> Forecast:
    """Return what one run will take."""
    job = shape_of_job(spec, around.manifest, around.dtype, num_devices)
    estimate = estimate_memory(spec, around.manifest, job.element_bytes, around.on_cuda, num_devices)
    available = around.available_bytes
    there = available if available is not None else 1 << 62
    fitted = estimate.cut_to_fit(there)
    job = fit_job(job, fitted, there)
    step = guess(job, around.past, lambda run: run.step_seconds, around.speed.least_seconds)
    if (
        not step.num_runs
        and job.step_flops / around.speed.flops_per_second < 0.5 * step.value / UNKNOWN_FACTOR
    ):
        step = replace(step, error=VAGUE_ERROR)
    first = guess_first(job, around.past, step.value)
    train = step.value * job.num_steps + first
    phases = {phase: guess_phase(phase, job, around.past) for phase in PHASES}
    total = train + sum(one.value for one in phases.values())
    ranges = [(train, step.error), *((one.value, one.error) for one in phases.values())]
    low, high = (sum(find_range(*pair)[end] for pair in ranges) for end in (0, 1))
    needed = fitted.needed_bytes(there)
    fits = None if available is None else needed <= available
    beside = guess_offset(job, around.past, lambda run: run.peak_bytes - run.needed_bytes)
    if not around.past and not around.on_cuda:
        beside = USUAL_BASE_BYTES - CPU_BASE_BYTES
    return Forecast(
        name=name,
        method=spec.method,
        num_steps=job.num_steps,
        step_seconds=step.value,
        train_seconds=train,
        train_range=find_range(train, step.error),
        total_seconds=total,
        total_range=(low, high),
        phase_seconds={phase: one.value for phase, one in phases.items()},
        memory_bytes=round(max(needed + beside, LEAST_SHARE * needed)),
        estimated_bytes=needed,
        saved_bytes=job.saved_bytes,
        fits=fits,
        would_fit=find_remedies(estimate, available) if fits is False and available is not None else [],
        num_devices=num_devices,
        device="cuda" if around.on_cuda else "cpu",
        num_runs=step.num_runs,
        of_method=step.of_method,
        nearest=step.nearest,
        dtype=around.dtype,
    )


def find_range(value: float, error: float) -> tuple[float, float]:
    """Return the least and the most of a figure."""
    return value / (1 + error), value * (1 + error)


def guess_first(job: JobShape, past: Sequence[PastRun], step_seconds: float) -> float:
    """Return what the first step takes beyond an ordinary one: as a share of it, by past runs."""
    found = guess(job, past, lambda run: run.first_step_seconds / run.step_seconds, lambda _: 1.0)
    return found.value * step_seconds if found.num_runs else step_seconds


def guess_phase(phase: str, job: JobShape, past: Sequence[PastRun]) -> Guess:
    """Return the seconds of a phase: loading grows with the model, saving with what is saved."""

    def expect(shape: JobShape) -> float:
        grows = {"load": shape.parameters * shape.element_bytes, "save": shape.saved_bytes}
        # Half a second is the same for all; what grows goes at some bytes a second that past runs know.
        return 0.5 + grows[phase] / 1.5e9 if phase in grows else 1.0

    found = guess(job, past, lambda run: run.phases.get(phase, 0.0), expect)
    return found if found.num_runs else Guess(value=USUAL_SECONDS[phase] * expect(job), error=found.error)
