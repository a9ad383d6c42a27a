"""A run that was killed, hung or left, begun again by itself as often as it may be (`--max-restarts`).

What would come again is not tried again: an error that the run tells of, a loss that is not finite, a job
that does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from laptime.errors import UserError
from laptime.runs.events import Failed
from laptime.runs.folder import has_checkpoint
from laptime.runs.job import SAVED_FOLDER, RunJob
from laptime.runs.past_runs import remember
from laptime.runs.record import read_record
from laptime.runs.runner import Runner
from laptime.runs.watchdog import OnEvent
from laptime.spec import OURS

BEGUN_AGAIN = ("killed", "hung", "left", "unreachable")


def run_with_restarts(
    job: RunJob,
    runner: Runner,
    on_event: OnEvent,
    say: Callable[[str], None],
    set_aside: Callable[[str], None] | None = None,
) -> None:
    """Do a run, and again, from its newest checkpoint, as often as it may be when it was ended from outside.

    `set_aside` makes place for one that cannot go on where it stands, and is told why; without it such a run
    is left as it is.
    """
    runner.run(job, on_event)
    if job.until == "end":
        remember(Path(job.folder))
    most = job.spec.training.max_restarts
    for number in range(1, most + 1):
        failed = find_loss(Path(job.folder))
        if failed is None or not (can_go_on(job) or set_aside):
            return
        say(f"{job.run}: {failed.message}; restart {number} of at most {most}")
        job.restart, job.restarted_after, job.resumes = number, failed.message, can_go_on(job)
        if not job.resumes and set_aside:
            set_aside(f"{job.folder}: nothing to go on from")
        runner.run(job, on_event)


def find_loss(folder: Path) -> Failed | None:
    """Return the failure of the run in `folder` where the same may well not come again."""
    with suppress(UserError):  # a record that is damaged goes on by no means
        failed = read_record(folder).failed
        if failed and failed.reason in BEGUN_AGAIN:
            return failed
    return None


def can_go_on(job: RunJob) -> bool:
    """Tell whether the next attempt goes on in the same record, from a checkpoint or from the beginning."""
    if job.role == "base" or job.spec.trainer != OURS:
        return False
    return has_checkpoint(Path(job.folder)) or not (Path(job.folder) / SAVED_FOLDER).exists()
