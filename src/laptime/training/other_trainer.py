"""One run of another trainer, in its own Python, from its spec to a record like that of our own runs.

    python -m laptime.training.other_trainer JOB.json

The trainer gets the encoded examples in our order and tells of its steps line by line. The clock runs outside
of it, from the start of its process until its result lies on the disk. Evaluation and answers follow here,
by the same code as for our own results, when its process is gone.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from laptime.credentials import print_traceback
from laptime.errors import UserError
from laptime.hardware.energy import EnergyCounter
from laptime.hardware.machine import read_load
from laptime.hardware.system_memory import count_oom_kills
from laptime.methods.method import Method
from laptime.models.loading import quiet_libraries
from laptime.runs.events import Energy, Failed, Finished, Load
from laptime.runs.exit_reason import explain, last_peaks, means_shortage
from laptime.runs.job import SAVED_FOLDER, RunJob
from laptime.runs.record import RecordWriter, read_record
from laptime.runs.watchdog import End
from laptime.speedups.forward import Forward
from laptime.trainers.peer_job import PeerJob
from laptime.training.failure import describe_failure
from laptime.training.judging import ask_questions, measure_held_out
from laptime.training.meter import Meter
from laptime.training.opening import use_threads
from laptime.training.peer_events import PeerListener
from laptime.training.peer_work import (
    SCRATCH_FOLDER,
    Around,
    UnavailableError,
    look_around,
    make_environment,
    make_peer_job,
    write_examples,
)
from laptime.training.saving import describe_files, describe_result
from laptime.util.atomic import remove_folder, sync_tree

LOOK_SECONDS = 0.1  # a peak of all processes together that is shorter may be missed
START = Path(__file__).parents[1] / "trainers" / "peer" / "start.py"


class PeerStoppedError(BaseException):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; this trainer's run is done anew")
        self.number = number


class EndedError(Exception):
    """The trainer's process ended without a result."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def train_elsewhere(around: Around, listener: PeerListener) -> float:
    """Run the trainer's process to its end; returns the seconds from its start until its result was saved.

    Raises EndedError where it left none.
    """
    job = make_peer_job(around)
    # Not in the scratch: its workers meet at sockets there, whose paths may be no longer than 107 bytes.
    with tempfile.TemporaryDirectory(prefix="laptime-", ignore_cleanup_errors=True) as temporary:
        code = _run_to_its_end(around, listener, job, temporary)
    listener.read()
    if code or listener.saved_at is None or not (around.aside / result_file(around.method)).exists():
        raise EndedError(code)
    return listener.saved_at - job.spawned


def _run_to_its_end(around: Around, listener: PeerListener, job: PeerJob, temporary: str) -> int:
    """Run the trainer's process, whose start is noted in `job`; returns its exit code."""
    file = around.scratch / "job.json"
    environment = make_environment(around, job.threads, temporary)
    job.spawned = time.time()
    file.write_bytes(msgspec.json.encode(job))
    command = [around.environment.python, str(START), str(file)]
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
    except OSError as error:
        why = error.strerror or str(error)
        raise UnavailableError(f"its Python {command[0]} cannot be started ({why})") from None
    end = End(process)
    try:
        while not end.wait(LOOK_SECONDS):
            listener.look(process.pid)
    except BaseException:
        process.kill()
        raise
    finally:
        end.close()
        code = process.wait()
    return code


def result_file(method: Method) -> str:
    """Return the name of the file without which there is no result."""
    return "adapter_config.json" if method.saved_kind == "adapter" else "config.json"


def run(job: RunJob, record: RecordWriter) -> None:
    """Do all of one run; the record tells how far it came."""
    around = look_around(job)
    meter = Meter(record, job.spawned)
    listener = PeerListener(around, record)
    scratch = around.scratch
    remove_folder(scratch)
    scratch.mkdir(parents=True)
    write_examples(around)
    record.write(Load(when="before", **read_load()))
    energy = EnergyCounter([around.device])
    total_seconds = train_elsewhere(around, listener)
    counted = energy.finish(total_seconds)
    whole = "" if counted.joules is None else ", of the whole process"
    record.write(Energy(joules=counted.joules, source=counted.source + whole))
    record.write(Load(when="after", **read_load()))
    keep_result(around, record)
    meter.device = around.device
    judge_result(around, record, meter)
    peaks = listener.peaks | {"vm_hwm": max(listener.peaks.get("vm_hwm", 0), listener.tree_bytes)}
    record.write(
        Finished(
            train_seconds=listener.seconds.get("train"),
            total_seconds=total_seconds,
            wall_seconds=meter.wall_seconds(),
            peak_bytes=peaks,
        )
    )
    record.sync()


def keep_result(around: Around, record: RecordWriter) -> None:
    """Put the result in the place where those of all runs lie, and say what it is."""
    saved = around.folder / SAVED_FOLDER
    sync_tree(around.aside)
    around.aside.rename(saved)
    record.write(describe_result(around.method.saved_kind, saved))
    record.write(describe_files(saved))


def judge_result(around: Around, record: RecordWriter, meter: Meter) -> None:
    """Load the result, measure its held-out loss and ask it the questions, as with a result of our own."""
    if not around.encoded.held_out and not (around.encoded.questions and around.job.asks):
        return
    use_threads(around.job, None)
    model = around.method.load(around.load_base(), around.folder / SAVED_FOLDER, around.dtype)
    num_steps = len(around.plans)
    measure_held_out(around, Forward(model), record, meter, "after", num_steps=num_steps)
    ask_questions(around, model, record, meter)


def find_failure(error: BaseException, job: RunJob, record: RecordWriter, kills: int | None) -> Failed:
    """Return the last line of a run that failed."""
    folder = Path(job.folder)
    if isinstance(error, UnavailableError):
        return Failed(reason="unavailable", message=str(error))
    if isinstance(error, PeerStoppedError):
        return Failed(reason="interrupted", message=str(error), signal=error.number)
    if isinstance(error, EndedError):
        told = read_record(folder)
        peaks = last_peaks(told)
        reason, message = explain(folder, error.code, None, peaks, kills)
        if reason == "error" and means_shortage(message):  # as its Python says it
            reason = "out_of_memory"
        if error.code == 0:
            message = "ended without a result"
        step = told.steps[-1].step if told.steps else None
        return Failed(reason=reason, message=f"{job.spec.trainer}: {message}", step=step, peak_bytes=peaks)
    assert isinstance(error, Exception)
    return describe_failure(error, record)


def hear_signals() -> None:
    """Turn SIGTERM and SIGINT into PeerStoppedError, the first of them alone."""

    def stop(number: int, frame: Any) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise PeerStoppedError(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def main() -> None:
    """Run what the job file says; exit code 1 when the run failed."""
    job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=RunJob)
    record, kills = RecordWriter(Path(job.folder)), count_oom_kills()
    quiet_libraries()
    try:
        hear_signals()
        run(job, record)
    except (Exception, PeerStoppedError) as error:
        with suppress(OSError):  # a full disk takes neither log nor record
            record.write(find_failure(error, job, record, kills))
        if not isinstance(error, (UnavailableError, PeerStoppedError, EndedError, UserError)):
            print_traceback(type(error), error, error.__traceback__)
        sys.exit(128 + error.number if isinstance(error, PeerStoppedError) else 1)
    finally:
        shutil.rmtree(Path(job.folder) / SCRATCH_FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
