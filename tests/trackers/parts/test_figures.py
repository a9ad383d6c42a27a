"""Times of steps and runs as the record has them."""

from __future__ import annotations

from pathlib import Path

from laptime.runs.events import Finished, Resumed, Started, Step
from laptime.runs.record import RecordWriter, read_record
from laptime.trackers.parts.figures import Clock, list_points, run_figures
from tests.comparison.scripted import write_scripted_run


def step(number: int, time: float, seconds: float) -> Step:
    return Step(time=time, step=number, epoch=1, loss=1.0, learning_rate=1e-4, seconds=seconds,
                trained_tokens=1, tokens=10, padded_tokens=10, digest="d")  # fmt: skip


def test_a_resumed_run_has_each_step_once_and_no_pause(tmp_path: Path) -> None:
    """Step 2 was taken back after a night; neither the night nor what was lost counts."""
    writer = RecordWriter(tmp_path)
    spec = {"method": "lora"}
    for event in (
        Started(time=1000.0, laptime="0", run="lora-r1", method="lora", round=1, spec=spec),
        step(1, 1010.0, 4.0),
        step(2, 1013.0, 3.0),
        Resumed(time=9000.0, step=1, from_checkpoint="c", seconds_before=4.0),
        step(2, 9006.0, 5.0),
        Finished(time=9010.0, train_seconds=9.0, total_seconds=20.0, wall_seconds=20.0, peak_bytes={}),
    ):
        writer.write(event)
    writer.close()
    record = read_record(tmp_path)
    points = list(list_points(record))
    assert [(p.step, p.time, p.figures["elapsed_seconds"]) for p in points] == [
        (1, 1010.0, 4.0),
        (2, 9006.0, 9.0),
    ]
    clock = Clock.of(record)
    assert [clock.runtime(point.time) for point in points] == [10.0, 16.0]
    assert (clock.begun, clock.duration) == (1000.0, 20.0)


def test_a_failed_run_tells_why(tmp_path: Path) -> None:
    record = read_record(write_scripted_run(tmp_path, "lora", failed="killed"))
    assert run_figures(record) == {"status": "failed", "failure": "killed at step 2"}
