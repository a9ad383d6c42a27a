"""A run that was ended from outside is begun again, as often as it may be, and no other is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from laptime.data.input_manifest import InputJob, InputManifest
from laptime.runs.events import AnyEvent, Failed, FailureReason, Finished, Resumed, Role
from laptime.runs.exit_reason import append_last
from laptime.runs.job import CHECKPOINTS_FOLDER, SAVED_FOLDER, RunJob
from laptime.runs.process import write_first_line
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.runs.restarts import run_with_restarts
from laptime.spec import RunSpec, TrainingSpec


class Script:
    """Ends one attempt after another as it is told to: by a failure, or well."""

    def __init__(self, *ends: FailureReason | None) -> None:
        self.ends = list(ends)
        self.attempts: list[tuple[int, bool]] = []  # the number of the restart, whether it goes on

    def prepare(self, job: InputJob) -> InputManifest:
        raise NotImplementedError

    def run(self, job: RunJob, on_event: Callable[[AnyEvent], None]) -> None:
        self.attempts.append((job.restart, job.resumes))
        folder, reason = Path(job.folder), self.ends.pop(0)
        writer = RecordWriter(folder)
        if job.resumes:
            writer.write(Resumed(step=0, from_checkpoint="", seconds_before=0.0))
        else:
            write_first_line(job)
        if reason:
            append_last(folder, Failed(reason=reason, message=f"rank 1: {reason}"))
            return
        writer.write(Finished(train_seconds=1.0, total_seconds=1.0, wall_seconds=1.0, peak_bytes={}))
        writer.close()


def make_job(folder: Path, most: int, role: Role = "measured") -> RunJob:
    """Return a job that may be begun again."""
    spec = RunSpec(method="lora", training=TrainingSpec(max_restarts=most))
    return RunJob(run="lora-r1", spec=spec, folder=str(folder), inputs="inputs", role=role)


def test_it_goes_on_until_it_is_done(tmp_path: Path) -> None:
    script, said = Script("killed", "hung", "left", None), list[str]()
    job = make_job(tmp_path, 5)
    run_with_restarts(job, script, lambda event: None, said.append)
    assert script.attempts == [(0, False), (1, True), (2, True), (3, True)]
    assert said[0] == "lora-r1: rank 1: killed; restart 1 of at most 5"
    assert job.restarted_after == "rank 1: left"


def test_it_goes_on_no_more_often_than_it_may(tmp_path: Path) -> None:
    script = Script(*["killed"] * 9)
    run_with_restarts(make_job(tmp_path / "two", 2), script, lambda event: None, lambda text: None)
    assert len(script.attempts) == 3
    run_with_restarts(make_job(tmp_path / "none", 0), script, lambda event: None, lambda text: None)
    assert len(script.attempts) == 4, "not by itself"


@pytest.mark.parametrize(
    "reason", ["error", "not_finite", "out_of_memory", "disk_full", "refused", "interrupted", "unavailable"]
)
def test_what_would_come_again_is_not_tried_again(tmp_path: Path, reason: FailureReason) -> None:
    script = Script(reason)
    run_with_restarts(make_job(tmp_path, 5), script, lambda event: None, lambda text: None)
    assert len(script.attempts) == 1


def test_what_cannot_go_on_makes_place_or_stays(tmp_path: Path) -> None:
    """A training that has saved its result, and has no checkpoint, is not done over it."""
    (tmp_path / SAVED_FOLDER).mkdir()
    script, reasons = Script("killed", "killed", "killed", None), list[str]()
    run_with_restarts(make_job(tmp_path, 5), script, lambda event: None, lambda text: None)
    assert script.attempts == [(0, False)]

    def set_aside(why: str) -> None:
        reasons.append(why)
        (tmp_path / FILE_NAME).unlink()

    run_with_restarts(make_job(tmp_path, 5), script, lambda event: None, lambda text: None, set_aside)
    assert script.attempts[1:] == [(0, False), (1, False), (2, False)]
    assert len(reasons) == 2
    (tmp_path / CHECKPOINTS_FOLDER / "step-00000007").mkdir(parents=True)
    script = Script("killed", None)
    run_with_restarts(make_job(tmp_path, 5), script, lambda event: None, lambda text: None)
    assert script.attempts == [(0, False), (1, True)]


def test_the_base_is_evaluated_from_the_beginning(tmp_path: Path) -> None:
    script = Script("killed", None)
    job = make_job(tmp_path, 1, "base")
    set_aside: Callable[[str], None] = lambda why: (tmp_path / FILE_NAME).unlink()  # noqa: E731
    run_with_restarts(job, script, lambda event: None, lambda text: None, set_aside)
    assert script.attempts == [(0, False), (1, False)]
