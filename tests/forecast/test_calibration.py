"""What past runs say of the next one: exact where all took the same factor, unsure where they did not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from laptime.forecast.calibration import (
    LEAST_ERROR,
    UNKNOWN_ERROR,
    UNKNOWN_FACTOR,
    Guess,
    Speed,
    choose_alike,
    distance,
    guess,
)
from laptime.forecast.job_shape import JobShape, shape_of_past
from laptime.runs.past_runs import PastRun

SPEED = Speed(flops_per_second=1e11, bytes_per_second=1e10)


def make_past(factor: float = 1.5, size: float = 1.0, **changes: Any) -> PastRun:
    """Return a run of LoRA, `size` times as large as the usual one, that took `factor` times the least."""
    run = PastRun(
        laptime="0.1.0", processor="AMD EPYC", device="cpu", threads=2, method="lora", dtype="float32",
        hidden_size=512, num_layers=round(8 * size), parameters=round(1e8 * size), trained=round(1e6 * size),
        step_flops=1e11 * size, step_tokens=256, step_seconds=1.0, first_step_seconds=0.2,
        phases={"import": 1.5, "load": 0.4, "prepare": 0.1, "save": 0.1}, saved_bytes=4_000_000,
        needed_bytes=1_500_000_000, peak_bytes=1_200_000_000, time=0.0,
    )  # fmt: skip
    run = replace(run, **changes)
    return replace(run, step_seconds=factor * SPEED.least_seconds(shape_of_past(run)))


def make_job(size: float = 1.0, **changes: Any) -> JobShape:
    """Return a job to come, as large."""
    return replace(shape_of_past(make_past(size=size)), **({"num_steps": 50} | changes))


def guess_step(job: JobShape, past: list[PastRun]) -> Guess:
    """Return the guess of an ordinary step."""
    return guess(job, past, lambda run: run.step_seconds, SPEED.least_seconds)


def test_without_a_past_the_range_is_wide() -> None:
    job = make_job()
    found = guess_step(job, [])
    assert (found.num_runs, found.error) == (0, UNKNOWN_ERROR)
    assert found.value == pytest.approx(UNKNOWN_FACTOR * SPEED.least_seconds(job))


@pytest.mark.parametrize("size", [0.1, 1.0, 7.0])
def test_what_took_the_same_factor_at_all_sizes_will_again(size: float) -> None:
    past = [make_past(1.5, one) for one in (0.1, 1.0, 10.0)]
    found = guess_step(make_job(size), past)
    assert found.value == pytest.approx(1.5 * SPEED.least_seconds(make_job(size)))
    assert (found.num_runs, found.of_method) == (3, True)


def test_the_nearest_run_counts_most_and_a_far_one_little() -> None:
    past = [make_past(4.0, 0.01), make_past(1.5, 1.0)]
    near, far = guess_step(make_job(1.0), past), guess_step(make_job(0.01), past)
    assert near.value == pytest.approx(1.5 * SPEED.least_seconds(make_job(1.0)), rel=0.02)
    assert far.value == pytest.approx(4.0 * SPEED.least_seconds(make_job(0.01)), rel=0.02)


def test_the_range_is_what_past_guesses_were_wrong_by() -> None:
    alike = guess_step(make_job(), [make_past(1.5) for _ in range(4)])
    assert alike.error == LEAST_ERROR
    uneven = guess_step(make_job(), [make_past(factor) for factor in (1.0, 1.5, 1.0, 1.5)])
    assert 0.2 < uneven.error < 0.6
    assert guess_step(make_job(100.0), [make_past(1.5)] * 4).error > 0.5, "unlike all that is known"


def test_other_methods_tell_something_where_there_is_nothing_better() -> None:
    full = make_past(2.0, method="full", trained=100_000_000)
    top, lora = make_past(1.4, method="lora_top"), make_past(1.5)
    chosen = [run.method for run, _ in choose_alike(make_job(), [full, top, lora])]
    assert chosen == ["lora"]
    assert [run.method for run, _ in choose_alike(make_job(), [full, top])] == ["lora_top"]
    assert not guess_step(make_job(), [full, top]).of_method
    assert [run.method for run, _ in choose_alike(make_job(), [full])] == ["full"]
    assert choose_alike(make_job(num_devices=2), [full, top, lora]) == []


def test_distance_counts_work_size_method_and_format() -> None:
    job = make_job()
    assert distance(job, job) == 0
    assert distance(job, make_job(10.0)) == pytest.approx(2.0)
    assert distance(job, replace(job, method="full")) == 1.0
    assert distance(job, replace(job, dtype="bfloat16")) == 0.5
