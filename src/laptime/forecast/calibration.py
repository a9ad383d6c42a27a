"""How far this machine's past runs were from plain arithmetic, and so how far the next one will be.

Arithmetic: the products of a step at the rate that `laptime doctor` measured, what it moves at the
bandwidth of the memory, and some time for calls. A past run tells by which factor it took longer; runs like
the one to come count more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from laptime.forecast.job_shape import JobShape, shape_of_past
from laptime.hardware.measurements import Measured, join_rates
from laptime.runs.past_runs import PastRun

CALL_SECONDS = 0.001  # of Python and of launches, in a layer forward and back: roughly
EXCHANGED_PER_SECOND = 0.35e9  # bytes, by two processes on a CPU (benchmarks/forecasts.py)
NEAR = 0.15  # decades of size within which two runs count as of one size
LEAST_ERROR = 0.05  # rounds of one job differ by so much
MOST_ERROR = 3.0
UNKNOWN_FACTOR, UNKNOWN_ERROR = 1.6, 0.6  # of a machine without a past: of several that were measured
MOST_RUNS = 200  # the newest of those that are alike


class Speed(Struct, frozen=True, kw_only=True):
    """What a machine can do at most, by its own measurement."""

    flops_per_second: float
    bytes_per_second: float
    exchanged_per_second: float = EXCHANGED_PER_SECOND  # bytes that a process gives others

    def least_seconds(self, job: JobShape) -> float:
        """Return what arithmetic says of a step, and what small models spend on calls alone."""
        calls = CALL_SECONDS * (2 + job.num_layers) * job.num_passes
        moving = job.moved_bytes / self.bytes_per_second + job.exchanged_bytes / self.exchanged_per_second
        return job.step_flops / self.flops_per_second + moving + calls


class Guess(Struct, frozen=True, kw_only=True):
    """A figure, which may be too small or too large by a factor of 1 + `error`, and what it stands on."""

    value: float
    error: float
    num_runs: int = 0
    of_method: bool = False
    nearest: float = 0.0  # decades to the most like of them


def speed_of(measured: Measured, dtype: str) -> Speed | None:
    """Return the speed that was measured in a format, None where it was not."""
    rates = measured.rates_of(dtype)
    if not rates or not measured.memory_bytes_per_second:
        return None
    return Speed(flops_per_second=join_rates(rates), bytes_per_second=measured.memory_bytes_per_second)


def distance(one: JobShape, other: JobShape) -> float:
    """Return how unlike two jobs are: decades of work, model and tokens of a step, and other methods."""
    far = abs(math.log10(max(1.0, one.step_flops) / max(1.0, other.step_flops)))
    far += abs(math.log10(max(1, one.parameters) / max(1, other.parameters)))
    far += abs(math.log10(max(1.0, one.step_tokens) / max(1.0, other.step_tokens)))
    return far + (0.0 if one.method == other.method else 1.0) + (0.0 if one.dtype == other.dtype else 0.5)


def choose_alike(job: JobShape, runs: Sequence[PastRun]) -> list[tuple[PastRun, JobShape]]:
    """Return the past runs that tell something of a job: on as many devices, by its kind of method first."""
    pairs = [(run, shape_of_past(run)) for run in runs if run.num_devices == job.num_devices]
    trains_all = job.trained == job.parameters
    kind = [pair for pair in pairs if (pair[1].trained == pair[1].parameters) == trains_all]
    same = [pair for pair in kind if pair[1].method == job.method and pair[1].dtype == job.dtype]
    return (same or kind or pairs)[-MOST_RUNS:]


def guess(
    job: JobShape,
    runs: Sequence[PastRun],
    figure: Callable[[PastRun], float],
    expect: Callable[[JobShape], float],
) -> Guess:
    """Return what `figure` of a job will be: what is expected, times the factor of past runs like it."""
    alike = [
        (shape, figure(run) / expect(shape))
        for run, shape in choose_alike(job, runs)
        if figure(run) > 0 and expect(shape) > 0
    ]
    if not alike:
        return Guess(value=UNKNOWN_FACTOR * expect(job), error=UNKNOWN_ERROR)
    nearest = min(distance(job, shape) for shape, _ in alike)
    return Guess(
        value=weigh(job, alike) * expect(job),
        error=find_error(alike, nearest),
        nearest=nearest,
        num_runs=len(alike),
        of_method=any(shape.method == job.method for shape, _ in alike),
    )


def guess_offset(job: JobShape, runs: Sequence[PastRun], figure: Callable[[PastRun], float]) -> float:
    """Return what past runs had more or less than expected, whatever their size; 0 without any."""
    alike = [(shape, figure(run)) for run, shape in choose_alike(job, runs)]
    if not alike:
        return 0.0
    weights = [1.0 / (NEAR + distance(job, shape)) ** 3 for shape, _ in alike]
    return sum(w * offset for w, (_, offset) in zip(weights, alike, strict=True)) / sum(weights)


def weigh(job: JobShape, alike: Sequence[tuple[JobShape, float]]) -> float:
    """Return the mean factor, geometric, in which runs near a job count most."""
    weights = [1.0 / (NEAR + distance(job, shape)) ** 3 for shape, _ in alike]
    logs = [math.log(factor) for _, factor in alike]
    return math.exp(sum(w * x for w, x in zip(weights, logs, strict=True)) / sum(weights))


def find_error(alike: Sequence[tuple[JobShape, float]], nearest: float) -> float:
    """Return by which share a guess may be wrong: as past runs would have been, guessed from the others.

    A job that is unlike all of them may be further off: by the distance to the nearest, in decades.
    """
    errors = []
    for place, (shape, factor) in enumerate(alike):
        if others := [*alike[:place], *alike[place + 1 :]]:
            errors.append(abs(math.log(weigh(shape, others) / factor)))
    usual = sorted(errors)[min(len(errors) - 1, math.ceil(0.9 * len(errors)) - 1)] if errors else 0.2
    return min(MOST_ERROR, max(LEAST_ERROR, math.expm1(usual)) + max(0.0, nearest - NEAR))
