"""What the process of one run is told; a file, so that starting a run needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from laptime import __version__
from laptime.hardware.processors import Threads
from laptime.runs.events import Role, Started
from laptime.spec import RunSpec
from laptime.util.sealed_file import read_sealed

JOB_FILE = "job.json"
LOG_FILE = "log.txt"
# In a run's folder: step-00000042/, step-00000043/, ...; the result; the output of frozen layers.
CHECKPOINTS_FOLDER = "checkpoints"
CHECKPOINT_NAMES = "step-" + 8 * "[0-9]"  # a pattern; what is called otherwise is somebody else's
SAVED_FOLDER = "saved"
PREFIX_FOLDER = "prefix-cache"
MOMENTS_FOLDER = "moments"  # weights on the way, until they are evaluated
MOMENT_FILES = ("step-*.safetensors", "step-*.tmp")


# How far to go: a rehearsal ends before it trains, an ablation before it saves anything, a learning rate that
# is tried with its held-out loss, what lies between two rows once it has saved.
Until = Literal["preparation", "training", "evaluation", "saving", "end"]


class RunJob(Struct, kw_only=True):
    """One run: what to do, where its inputs lie and where its record and result go."""

    run: str
    comparison: str = ""  # the id of the comparison that it is a run of
    contestant: str = ""  # its name there, where that is not the method's
    spec: RunSpec
    folder: str
    inputs: str  # the folder that the preparation filled
    role: Role = "measured"
    until: Until = "end"
    moments: int = 0  # at how many of its training weights are kept, to be evaluated after the clock
    asks: bool = True  # the questions: those of a comparison are put to each contestant once
    threads: Threads | None = None  # chosen once for all runs; None: torch's own number
    devices: list[str] = []  # a process for each, as torch names them; []: one process, which chooses
    device_note: str = ""  # what the record tells of them, where they are fewer than were asked for
    rate: float | None = None  # the learning rate of earlier runs of this work, where none was asked for
    resumes: bool = False  # go on from the newest whole checkpoint in the folder
    restart: int = 0  # how often it was begun again by itself (--max-restarts), and what had ended it
    restarted_after: str = ""
    spawned: float = 0.0  # time.time() when the process was started; set by who starts it


def read_job(folder: Path) -> RunJob:
    """Read what the process of the run in `folder` was told last; raises UserError, or FileNotFoundError."""
    return read_sealed(folder / JOB_FILE, RunJob, "a job", "put back a whole copy")


def start_of(job: RunJob) -> Started:
    """Return the first line of the record of a run."""
    return Started(
        laptime=__version__,
        run=job.run,
        method=job.spec.method,
        round=job.spec.round,
        role=job.role,
        spec=msgspec.to_builtins(job.spec),
        comparison=job.comparison,
        contestant=job.contestant,
    )
