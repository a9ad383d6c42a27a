"""One run alone, with its record in the folder of --out itself: begun, or gone on with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from laptime.data.input_manifest import InputManifest
from laptime.errors import UserError
from laptime.hardware.processors import Threads
from laptime.runs.devices import place_job
from laptime.runs.disk import check_disk
from laptime.runs.events import AnyEvent, Phase
from laptime.runs.folder import (
    INPUTS_FOLDER,
    foreign_names,
    forget_beginning,
    has_done_nothing,
    locked,
)
from laptime.runs.job import read_job
from laptime.runs.lock import MARKER_FILE, is_marker
from laptime.runs.machine_lock import make_room
from laptime.runs.plan import PlannedRun
from laptime.runs.preparation import make_input_job, prepare_inputs
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.runs.record import read_rate, read_record
from laptime.runs.restarts import run_with_restarts
from laptime.runs.resumption import mend_record, read_begun
from laptime.runs.runner import Listener, Prospect, Runner, find_refusal, make_job, tell_threads
from laptime.spec import RunSpec
from laptime.util.shell import shell_command


def train_once(
    spec: RunSpec,
    folder: Path,
    runner: Runner,
    listener: Listener,
    threads: Threads | None = None,
    waits: bool = False,
) -> None:
    """Do the run of `spec`, with its record in `folder` itself.

    With `waits` a comparison on this machine is waited for. Raises UserError before the run starts, as
    `compare` does.
    """
    refuse_occupied(folder)  # before the lock: a refused folder stays untouched
    notes = make_room(spec.training, waits, listener.say)
    with locked(folder):
        refuse_occupied(folder)
        listener.preparing()
        job = make_input_job(spec, folder, threads)
        manifest = prepare_inputs(job, runner, listener, "", fresh=True, waiting=[spec])
        notes += tell_threads(threads, threads)
        run_alone(spec, manifest, folder, runner, listener, threads, notes)


def refuse_occupied(folder: Path) -> None:
    """Raise UserError where a training in `folder` would meet something else, or an earlier training."""
    if not (names := foreign_names(folder)):
        return
    if (folder / RECORD_FILE).exists() and is_marker(folder / MARKER_FILE):
        if read_record(folder).finished:
            raise UserError(f"--out {folder}: holds a finished training; give a new folder")
        again = shell_command("laptime", "train", "--resume", folder)
        raise UserError(f"--out {folder}: a training was begun here; give a new folder, or go on: {again}")
    raise UserError(
        f"--out {folder}: not empty ({names[0]}); give a new folder, so that nothing is overwritten"
    )


def go_on_training(
    spec: RunSpec,
    folder: Path,
    runner: Runner,
    listener: Listener,
    examples_digest: str,
    threads: Threads | None = None,
    waits: bool = False,
) -> None:
    """Go on with the run in `folder` from its newest whole checkpoint, or anew where none was written.

    It keeps the threads that it began with, where they are known. Raises UserError before the run starts, as
    `compare` does.
    """
    read_begun(folder)  # before the lock: a refused folder stays untouched
    notes = make_room(spec.training, waits, listener.say)
    with locked(folder, "--resume"):
        read_begun(folder)  # an earlier command may have come to its end meanwhile
        mend_record(folder)
        listener.preparing()
        job = make_input_job(spec, folder, threads)
        manifest = prepare_inputs(job, runner, listener, examples_digest, fresh=False, waiting=[spec])
        used = threads_before(folder) or threads
        notes += tell_threads(used, threads)
        run_alone(spec, manifest, folder, runner, listener, used, notes, resumes=True)


def threads_before(folder: Path) -> Threads | None:
    """Return the threads that the run in `folder` had."""
    with suppress(UserError, FileNotFoundError):  # the run itself says what is wrong with its job
        return read_job(folder).threads
    return None


def run_alone(
    spec: RunSpec,
    manifest: InputManifest,
    folder: Path,
    runner: Runner,
    listener: Listener,
    threads: Threads | None,
    notes: Sequence[str] = (),
    resumes: bool = False,
) -> None:
    """Do the run of `spec` in `folder`; leaves by SystemExit when the run was stopped by a signal.

    `notes` are said when it begins.
    """
    planned = PlannedRun(run=f"{spec.method}-r{spec.round}", method=spec.method, round=spec.round)
    check_disk([spec], manifest.shape, folder)
    job = make_job(spec, planned, folder, folder / INPUTS_FOLDER, threads)
    job.resumes = resumes
    job.rate = read_rate(folder) if resumes else None
    notes = [*notes, *place_job(job, manifest)]
    hearing = Hearing(listener, manifest, planned, notes)
    if not (resumes or spec.training.speedups):
        hearing.begin()
    with nothing_left_of_nothing(folder, resumes):
        run_with_restarts(job, runner, hearing.happened, hearing.say)
        if refusal := find_refusal(folder):
            raise UserError(refusal)
    hearing.begin()
    listener.ended(planned)
    failed = read_record(folder).failed
    if failed and failed.signal:
        raise SystemExit(128 + failed.signal)


class Hearing:
    """Hands on the events of a run; of one that may still refuse to run, only when it has not."""

    def __init__(
        self, listener: Listener, manifest: InputManifest, planned: PlannedRun, notes: Sequence[str]
    ) -> None:
        self.listener, self.manifest, self.planned, self.notes = listener, manifest, planned, notes
        self.kept: list[AnyEvent] = []
        self.has_begun = False

    def begin(self) -> None:
        """Say that the run begins, and hand on what was kept until then."""
        if self.has_begun:
            return
        self.has_begun = True
        self.listener.prepared(self.manifest)
        for note in self.notes:
            self.listener.say(note)
        self.listener.planned([self.planned], 0, Prospect())
        self.listener.began(self.planned)
        for event in self.kept:
            self.listener.happened(event)

    def say(self, text: str) -> None:
        """Say a line of a run that has not refused."""
        self.begin()
        self.listener.say(text)

    def happened(self, event: AnyEvent) -> None:
        """Hear an event of the run."""
        if self.has_begun:
            self.listener.happened(event)
            return
        self.kept.append(event)
        if isinstance(event, Phase) and event.name == "prepare":
            self.begin()


@contextmanager
def nothing_left_of_nothing(folder: Path, resumes: bool) -> Iterator[None]:
    """Let a run that is ended before its first step leave nothing that would bar the same command."""
    try:
        yield
    except BaseException:
        if not resumes and has_done_nothing(folder):
            forget_beginning(folder)
        raise
