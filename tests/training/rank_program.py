"""What each process of a test of several does: one job after another, without being started anew for each.

    python -m tests.training.rank_program FOLDER

FOLDER/jobs holds a file for each, done in the order of their names. A job without devices is done by the
first process alone.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec

from laptime.hardware.precision import Precision
from laptime.models.loading import replaced
from laptime.runs.heartbeats import Heartbeats, beats_file
from laptime.runs.job import RunJob, start_of
from laptime.runs.record import RecordWriter
from laptime.training import opening
from laptime.training import run as running
from laptime.training.meeting import VARIABLE as MEETING
from laptime.training.run import run
from laptime.training.team import Team

MEMORY_FILE = "available_bytes"  # in the folder of a job: how much there is, where that is not measured

FP16 = Precision(compute="float16", trained="float32", loss_scaling=True, reason="for a test")


def do_all(folder: Path) -> None:
    """Do every job, or this process's part of it."""
    is_first = os.environ["RANK"] == "0"
    for file in sorted((folder / "jobs").iterdir()):
        job = msgspec.json.decode(file.read_bytes(), type=RunJob)
        if int(os.environ["RANK"]) >= max(1, len(job.devices)):
            continue
        home = Path(job.folder)
        if is_first:
            home.mkdir(exist_ok=True)
            Heartbeats.begin(beats_file(home), max(1, len(job.devices)))
            (folder / "made" / home.name).touch()
        while not (folder / "made" / home.name).exists():
            time.sleep(0.01)
        team = Team.begin(job)
        record = RecordWriter(team.folder(home))
        if not job.resumes:
            record.write(start_of(job))
        os.environ[MEETING] = str(home / "meeting")
        team.join(job)
        with ExitStack() as changes:
            if job.spec.training.precision == "fp16":  # which Laptime would not begin on a CPU
                changes.enter_context(replaced(opening, "choose_precision", lambda *words: FP16))
            if (limit := home / MEMORY_FILE).exists():
                there = int(limit.read_text()) + int(os.environ["RANK"])  # the least counts
                changes.enter_context(replaced(running, "available_bytes", lambda *words, at=there: at))
            run(job, record, team)
        record.close()


if __name__ == "__main__":
    do_all(Path(sys.argv[1]))
