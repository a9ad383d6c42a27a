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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from laptime import __version__
from laptime.comparison.json_file import write_json
from laptime.errors import UserError
from laptime.inputs.facts import FACTS_FILE, InputFacts, InputJob, read_facts
from laptime.job import RunJob
from laptime.record import FILE_NAME, AnyEvent, Failed, RecordWriter, Started, decode_events, read_record

JOB_FILE = "job.json"
LOG_FILE = "log.txt"
POLL_SECONDS = 0.02  # a look at the record's size costs microseconds
GRACE_SECONDS = 5.0
SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY")
# What keeps page faults out of the steps: torch asks for 2 MiB pages, and glibc keeps what one tensor gives
# back for the next instead of returning it to the system and fetching it anew (thresholds in bytes).
MEMORY_SETTINGS = {
    "THP_MEM_ALLOC_ENABLE": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
}
OnEvent = Callable[[AnyEvent], None]


class ProcessRunner:
    """Prepares inputs and runs jobs in processes of their own, one at a time.

    With `single` the process of the preparation does the one run too.
    """

    def __init__(self, single: bool = False) -> None:
        self.single = single
        self._spare: subprocess.Popen[bytes] | None = None

    def prepare(self, job: InputJob) -> InputFacts:
        """Encode and digest; raises UserError with the line that the process ended with."""
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        job.spawned = time.time()
        write_json(folder / JOB_FILE, job)
        (folder / FACTS_FILE).unlink(missing_ok=True)
        with (folder / LOG_FILE).open("wb") as log:
            environment = MEMORY_SETTINGS | dict(os.environ)
            process = start(
                "laptime.training.preparation", folder / JOB_FILE, log, environment, subprocess.PIPE
            )
        with ended_on_error(process):
            while process.poll() is None and not (folder / FACTS_FILE).exists():
                time.sleep(POLL_SECONDS)
        if process.poll():
            last = last_line(folder / LOG_FILE)
            raise UserError(last if process.returncode == 2 else f"the inputs could not be prepared: {last}")
        self._spare = process
        return read_facts(folder)

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
        write_json(folder / JOB_FILE, job)
        write_first_line(job)
        process = self._process_for(job)
        with ended_on_error(process):
            follow(process, folder / FILE_NAME, on_event)
        if failure := find_silent_death(folder, process.returncode):
            on_event(failure)

    def _process_for(self, job: RunJob) -> subprocess.Popen[bytes]:
        """Return the process that does the run: a fresh one, or that of the preparation."""
        file = Path(job.folder) / JOB_FILE
        process, self._spare = self._spare, None
        if process is not None and (self.single or job.role == "base") and process.poll() is None:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it has died: its run's record will say so
                process.stdin.write(f"{file}\n".encode())
                process.stdin.close()
            return process
        if process is not None:
            end(process)
        with (file.parent / LOG_FILE).open("wb") as log:
            return start("laptime.training.run", file, log, measured_environment(), subprocess.DEVNULL)


def write_first_line(job: RunJob) -> None:
    """Say in the record which run this is, so that even one that dies at once is known."""
    writer = RecordWriter(Path(job.folder))
    writer.write(
        Started(
            laptime=__version__,
            run=job.run,
            method=job.spec.method,
            round=job.spec.round,
            role=job.role,
            spec=msgspec.to_builtins(job.spec),
        )
    )
    writer.close()


def start(
    module: str, job: Path, log: BinaryIO, environment: dict[str, str], stdin: int
) -> subprocess.Popen[bytes]:
    """Start `module` with `job` in a session of its own, so that a Ctrl-C is ours to handle."""
    return subprocess.Popen(
        [sys.executable, "-m", "laptime.startup.start", module, str(job)],
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def measured_environment() -> dict[str, str]:
    """Return the environment of a run: the same for each, off the network, without secrets."""
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return MEMORY_SETTINGS | kept | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


@contextlib.contextmanager
def ended_on_error(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the whole group of `process` when the block is left by an exception (Ctrl-C among them)."""
    try:
        yield
    except BaseException:
        end(process)
        raise


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process group to stop, then make it."""
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            continue


def follow(process: subprocess.Popen[bytes], path: Path, on_event: OnEvent) -> None:
    """Hand on the events of a growing record until the process has ended."""
    position = 0
    while True:
        ended = process.poll() is not None
        position = read_on(path, position, on_event)
        if ended:
            return
        time.sleep(POLL_SECONDS)


def read_on(path: Path, position: int, on_event: OnEvent) -> int:
    """Hand on the complete lines after `position`; returns where to go on."""
    try:
        if path.stat().st_size == position:
            return position
        with path.open("rb") as file:
            file.seek(position)
            content = file.read()
    except FileNotFoundError:
        return position
    for event in decode_events(content):
        on_event(event)
    return position + content.rfind(b"\n") + 1


def find_silent_death(folder: Path, code: int) -> Failed | None:
    """Append and return a failure for a run that ended without a last line of its own."""
    if read_record(folder).status != "unfinished":
        return None
    if code < 0:
        name = signal.Signals(-code).name
        hint = "; often the system is out of memory" if -code == signal.SIGKILL else ""
        failure = Failed(reason="killed", message=f"ended by {name}{hint}")
    else:
        failure = Failed(reason="error", message=f"ended with code {code}: {last_line(folder / LOG_FILE)}")
    writer = RecordWriter(folder)
    writer.write(failure)
    writer.close()
    return failure


def last_line(log: Path) -> str:
    """Return the last line of a log that says something."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:500] if lines else "no output"
