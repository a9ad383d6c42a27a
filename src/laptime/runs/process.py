"""Fresh processes: one for each run; that of the preparation goes on as the first run that may have it.

A measured run of a comparison never follows anything in its process. The base's run is not measured, and
`laptime train` has one run only: there the imports of the preparation serve the run too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from laptime.credentials import without_secrets
from laptime.data.input_manifest import MANIFEST_FILE, InputJob, InputManifest, read_manifest
from laptime.errors import UserError
from laptime.hardware.system_memory import count_oom_kills
from laptime.methods.method import find_method
from laptime.runs.events import Failed
from laptime.runs.exit_reason import SILENCE, append, find_silent_death, is_crammed, last_line, signal_name
from laptime.runs.job import JOB_FILE, LOG_FILE, RunJob, start_of
from laptime.runs.lock import descriptors_to_hand_on
from laptime.runs.record import FILE_NAME, RecordWriter, count_whole_bytes
from laptime.runs.watchdog import End, HungError, Life, OnEvent, follow
from laptime.spec import OURS
from laptime.util.atomic import open_log, write_json
from laptime.util.disk import no_room
from laptime.util.sealed_file import write_sealed

LOOK_SECONDS = 0.05  # how often to look whether the inputs are prepared
GRACE_SECONDS = 5.0
SAVE_SECONDS = 900.0  # the longest that a stopped run may take to end its step and save
SILENT_SECONDS = 1.0  # before the user is told what is waited for
# What keeps page faults out of the steps: torch asks for 2 MiB pages, and glibc keeps what one tensor gives
# back for the next instead of returning it to the system and fetching it anew (thresholds in bytes).
MEMORY_SETTINGS = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
}
# Of a spread model the opposite: what was gathered goes back to the system at once, or little is won by it.
SPREAD_MEMORY_SETTINGS = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 17),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 17),
}
OFFLINE = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


class ProcessRunner:
    """Prepares inputs and runs jobs in processes of their own, one at a time.

    With `single` the process of the preparation does the one run too.
    """

    def __init__(self, single: bool = False) -> None:
        self.single = single
        self._spare: subprocess.Popen[bytes] | None = None

    def prepare(self, job: InputJob) -> InputManifest:
        """Encode and digest; raises UserError with the line that the process ended with."""
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        job.spawned = time.time()
        write_json(folder / JOB_FILE, job)
        (folder / MANIFEST_FILE).unlink(missing_ok=True)
        with open_log(folder / LOG_FILE) as log:
            environment = MEMORY_SETTINGS | dict(os.environ)
            process = start(
                "laptime.training.preprocess", folder / JOB_FILE, log, environment, subprocess.PIPE
            )
        with ended_on_error(process):
            await_manifest(process, folder / MANIFEST_FILE, job.training.hang_minutes)
        if process.poll():
            raise UserError(tell_preparation(folder, process.returncode))
        self._spare = process
        manifest = read_manifest(folder)
        if manifest.format_trial and manifest.format_trial.seconds:
            self.close()  # what it holds of the trial would count as the run's memory
        return manifest

    def close(self) -> None:
        """End the process of the preparation, if it still waits for a run."""
        if self._spare is not None:
            end(self._spare)
            self._spare = None

    def run(self, job: RunJob, on_event: OnEvent) -> None:
        """Run one job to its end and hand on every event of its record; a dead process becomes a failure."""
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        job.spawned = time.time()
        if not job.resumes:
            write_first_line(job)
        write_sealed(folder / JOB_FILE, job)
        position = count_whole_bytes(folder / FILE_NAME) if job.resumes else 0
        kills = count_oom_kills()
        process = self._process_for(job)
        try:
            with ended_on_error(process, SAVE_SECONDS):
                minutes, together = job.spec.training.hang_minutes, len(job.devices) > 1
                life = follow(process, folder / FILE_NAME, on_event, minutes, position, together)
        except HungError as error:
            failure: Failed | None = note_hung(folder, str(error))
        else:
            kill_group(process)  # what it may have left behind
            failure = find_silent_death(folder, process.returncode, life.peak_bytes, kills, position)
        if failure:
            on_event(failure)

    def _process_for(self, job: RunJob) -> subprocess.Popen[bytes]:
        """Return the process that does the run: a fresh one, or that of the preparation."""
        file = Path(job.folder) / JOB_FILE
        process, self._spare = self._spare, None
        together = len(job.devices) > 1
        mine = process is not None and (self.single or job.role == "base") and not together
        if process is not None and mine and process.poll() is None:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it has died: its run's record will say so
                process.stdin.write(f"{file}\n".encode())
                process.stdin.close()
            return process
        if process is not None:
            end(process)
        with open_log(file.parent / LOG_FILE, appends=job.resumes) as log:
            name = "other_trainer" if job.spec.trainer != OURS else "ranks" if together else "run"
            is_spread = together and find_method(job.spec.method).spreads_weights
            environment = measured_environment(is_spread)
            return start(f"laptime.training.{name}", file, log, environment, subprocess.DEVNULL)


def write_first_line(job: RunJob) -> None:
    """Say in the record which run this is, so that even one that dies at once is known."""
    writer = RecordWriter(Path(job.folder))
    writer.write(start_of(job))
    writer.close()


def start(
    module: str, job: Path, log: BinaryIO, environment: dict[str, str], stdin: int
) -> subprocess.Popen[bytes]:
    """Start `module` with `job` in a session of its own, so that a Ctrl-C is ours to handle.

    It holds the locks that this process holds: while it lives, nobody else writes there.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "laptime.startup.start", module, str(job), str(os.getpid())],
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        pass_fds=descriptors_to_hand_on(),
    )


def measured_environment(is_spread: bool = False) -> dict[str, str]:
    """Return the environment of a run: the same for each, off the network, without secrets."""
    settings = MEMORY_SETTINGS | (SPREAD_MEMORY_SETTINGS if is_spread else {})
    return settings | without_secrets(os.environ) | OFFLINE


def await_manifest(process: subprocess.Popen[bytes], file: Path, hang_minutes: float) -> None:
    """Wait until the inputs are prepared or their process has ended; raises UserError when it hangs."""
    life, end = Life(process.pid, hang_minutes), End(process)
    try:
        while not file.exists() and not end.wait(LOOK_SECONDS):
            life.look()
    except HungError as error:
        kill_group(process)
        raise UserError(f"the inputs could not be prepared: {error}, so it was ended") from None
    finally:
        end.close()


def tell_preparation(folder: Path, code: int) -> str:
    """Return the line for a preparation that ended with `code`: the user's mistake, or what happened."""
    said = last_line(folder / LOG_FILE)
    if said == SILENCE and code >= 0 and is_crammed(folder):
        needs = "not even the reason can be written why the inputs could not be prepared"
        return str(no_room(f"--out {folder.parent}", folder, needs))
    if code == 2:
        return said
    how = f"ended by {signal_name(-code)}" if code < 0 else said
    short = -code == signal.SIGKILL or "MemoryError" in said
    hint = "; often the system is out of memory" if short else ""
    return f"the inputs could not be prepared: {how}{hint}"


def note_hung(folder: Path, message: str) -> Failed:
    """Append and return the failure of a run that was ended because it gave no sign of life."""
    failure = Failed(reason="hung", message=f"{message}; its processes were ended")
    append(folder, failure)
    return failure


@contextlib.contextmanager
def ended_on_error(process: subprocess.Popen[bytes], seconds: float = GRACE_SECONDS) -> Iterator[None]:
    """End the whole group of `process` when the block is left by an exception (Ctrl-C among them).

    It has `seconds` to end by itself.
    """
    try:
        yield
    except (HungError, UserError):  # it hears nothing any more, or has no place to save to
        kill_group(process)
        raise
    except BaseException:
        end(process, seconds)
        raise


def end(process: subprocess.Popen[bytes], seconds: float = 0.0) -> None:
    """Ask the process group to stop, then make it: after `seconds`, at once on another Ctrl-C or SIGTERM."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    seconds = seconds or GRACE_SECONDS
    waiting = End(process)
    try:
        if not waiting.wait(min(seconds, SILENT_SECONDS)) and seconds > GRACE_SECONDS:
            print("stopping: the run saves where it stands (once more ends it at once)", file=sys.stderr)
        waiting.wait(max(0.0, seconds - SILENT_SECONDS))
    finally:
        waiting.close()
        kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group of `process`, then take its exit code.

    Not the other way round: until then nobody else can get the group's id.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
