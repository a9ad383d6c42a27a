"""Fresh processes: one for the preparation of the inputs, one for each run."""

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
from laptime.inputs.facts import InputFacts, InputJob, read_facts
from laptime.job import RunJob
from laptime.record import FILE_NAME, AnyEvent, Failed, RecordWriter, Started, decode_events, read_record

JOB_FILE = "job.json"
LOG_FILE = "log.txt"
POLL_SECONDS = 0.1  # a look at the record's size costs microseconds
GRACE_SECONDS = 5.0
SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY")
# torch then asks for 2 MiB pages: activations and gradients of a large model cost far fewer page faults.
HUGE_PAGES = {"THP_MEM_ALLOC_ENABLE": "1"}
OnEvent = Callable[[AnyEvent], None]


class ProcessRunner:
    """Prepares inputs and runs jobs in processes of their own, one at a time."""

    def prepare(self, job: InputJob) -> InputFacts:
        """Encode and digest; raises UserError with the line that the process ended with."""
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / JOB_FILE, job)
        with (folder / LOG_FILE).open("wb") as log:
            process = start("laptime.training.preparation", folder / JOB_FILE, log, dict(os.environ))
            with ended_on_error(process):
                code = process.wait()
        if code:
            last = last_line(folder / LOG_FILE)
            raise UserError(last if code == 2 else f"the inputs could not be prepared: {last}")
        return read_facts(folder)

    def run(self, job: RunJob, on_event: OnEvent) -> None:
        """Run one job to its end and hand on every event of its record; a dead process becomes a failure."""
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        job.spawned = time.time()
        write_json(folder / JOB_FILE, job)
        write_first_line(job)
        with (folder / LOG_FILE).open("wb") as log:
            process = start("laptime.training.run", folder / JOB_FILE, log, measured_environment())
            with ended_on_error(process):
                follow(process, folder / FILE_NAME, on_event)
        if failure := find_silent_death(folder, process.returncode):
            on_event(failure)


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


def start(module: str, job: Path, log: BinaryIO, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start `python -m module job` in a session of its own, so that a Ctrl-C is ours to handle."""
    return subprocess.Popen(
        [sys.executable, "-m", module, str(job)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def measured_environment() -> dict[str, str]:
    """Return the environment of a run: the same for each, off the network, without secrets."""
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return HUGE_PAGES | kept | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


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
