"""Starts the processes that train one model together, and watches them until all have ended.

    python -m laptime.training.ranks JOB.json

torch's elastic launcher starts them, as commands, and gives each its rank. Who is to blame when one dies,
leaves or hangs it cannot tell, and it would wait for minutes: the survivors raise first. So each says in its
heartbeats what it does; the one that all others wait for, and that does not work, is named and ended.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import FrameType

import msgspec
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from laptime.credentials import print_traceback
from laptime.errors import UserError
from laptime.hardware.system_memory import count_oom_kills
from laptime.runs.events import Failed, Finished
from laptime.runs.exit_reason import append_last, is_crammed, last_line, last_peaks
from laptime.runs.exit_reason import explain as explain_exit
from laptime.runs.given_ranks import given_rank, loopback_settings
from laptime.runs.heartbeats import RANKS_FOLDER, Beat, Heartbeats, State, beats_file
from laptime.runs.job import LOG_FILE, RunJob
from laptime.runs.process import SAVE_SECONDS
from laptime.runs.record import FILE_NAME, count_whole_bytes, read_record
from laptime.runs.record_lines import decode_events
from laptime.training.crew import ENDS, Crew
from laptime.training.given_crew import GivenAgent, gather_given
from laptime.training.meeting import BACKEND, HERE, open_meeting
from laptime.training.rank_watch import LOOK_SECONDS, Watch
from laptime.util.atomic import discard_folder


def explain(
    folder: Path, beats: Sequence[Beat], codes: dict[int, int], oom_kills_before: int | None = None
) -> Failed:
    """Say which rank ended the run, and how; `codes` are the exit codes that the launcher saw.

    One that says itself why it failed comes first, then one that was killed, then one that left silently.
    `oom_kills_before` is the system's count of kills for want of memory when they began.
    """
    for beat in beats:
        if beat.state == State.FAILED and (told := find_told(folder, beat.rank)):
            return told
    silent = [beat for beat in beats if beat.state not in ENDS]
    killed = [
        beat.rank for beat in silent if codes.get(beat.rank, 0) < 0 and codes[beat.rank] != -signal.SIGTERM
    ]
    if not killed and is_crammed(folder):
        return Failed(reason="disk_full", message="the processes ended: the disk is full")
    if not silent:
        return Failed(
            reason="error", message=f"the processes lost each other: {last_line(folder / LOG_FILE)}"
        )
    rank = next(iter([*killed, *(beat.rank for beat in silent)]))
    record = read_record(folder)
    if rank and given_rank():  # nobody here knows what the system of another machine has counted
        oom_kills_before = None
    reason, message = explain_exit(
        folder, codes.get(rank, 0), record.memory, last_peaks(record), oom_kills_before
    )
    return Failed(reason=reason, message=f"rank {rank}: {message}")


def find_told(folder: Path, rank: int) -> Failed | None:
    """Return the failure that a rank other than the first has recorded."""
    with suppress(UserError, OSError):  # of another machine it may not be here yet
        return read_record(folder / RANKS_FOLDER / str(rank)).failed if rank else None
    return None


def launch(job: RunJob, file: Path) -> None:
    """Start the ranks, watch them, and leave a last line where none of them could write one."""
    folder = Path(job.folder)
    begun_at, kills = count_whole_bytes(folder / FILE_NAME), count_oom_kills()
    agent, crew = gather(job, file)
    watch = Watch(crew, job.spec.training.hang_minutes)
    stop = Stop(crew)
    stop.listen()
    agent.start()
    while agent.is_alive():
        agent.join(LOOK_SECONDS)
        watch.look()
        stop.hand_on()
    ended = crew.look()
    crew.end_all()  # what a launcher that failed has left behind
    if agent.error is None and not agent.codes and all(sight.state == State.DONE for sight in ended):
        discard_folder(folder / RANKS_FOLDER)
        return
    if not has_end(folder, begun_at) and not stop.number:
        told = watch.guilty or agent.tell_failure() or tell_error(agent.error)
        append_last(folder, told or explain(folder, ended, agent.codes, kills))
    sys.exit(1)


def gather(job: RunJob, file: Path) -> tuple[Agent | GivenAgent, Crew]:
    """Return who starts the ranks, and what is seen of them: here, or where a launcher has started us."""
    if given := given_rank():
        return gather_given(job, file, given)
    beats = Heartbeats.begin(beats_file(Path(job.folder)), len(job.devices))
    return Agent(job, file), Crew(beats)


class Agent(Thread):
    """Starts the ranks by torch's elastic launcher, and waits for their end."""

    def __init__(self, job: RunJob, file: Path) -> None:
        super().__init__()
        self.codes: dict[int, int] = {}  # of the ranks that ended badly
        self.error: BaseException | None = None  # of the launcher itself
        self._config = configure(job)
        self._command = ["-m", "laptime.startup.start", "laptime.training.run", str(file), str(os.getpid())]

    def run(self) -> None:
        """Start them, and note how they ended."""
        try:
            elastic_launch(self._config, sys.executable)(*self._command)
        except ChildFailedError as error:
            self.codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        except BaseException as error:  # in a thread it would end nothing
            self.error = error
            print_traceback(type(error), error, error.__traceback__)

    def tell_failure(self) -> Failed | None:
        """Return why the run failed, where that is known here."""
        return None


def configure(job: RunJob) -> LaunchConfig:
    """Return how the ranks are started: all on this machine, where nothing of ours listens for them.

    They meet in memory.
    """
    open_meeting(Path(job.folder))
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=len(job.devices),
        run_id=job.run,
        rdzv_backend=BACKEND,
        rdzv_endpoint=HERE,
        local_addr=HERE,
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),  # nothing of the launcher's own stays behind
    )


def tell_error(error: BaseException | None) -> Failed | None:
    """Return the failure of a launcher that failed itself."""
    if error is None:
        return None
    line = next(iter(str(error).splitlines()), "")
    return Failed(
        reason="error", message=f"the processes could not be started: {type(error).__name__}: {line}"
    )


def has_end(folder: Path, begun_at: int) -> bool:
    """Tell whether the first rank could write a last line in what the record holds from a byte on."""
    events = decode_events((folder / FILE_NAME).read_bytes()[begun_at:])
    return bool(events) and isinstance(events[-1], (Failed, Finished))


class Stop:
    """Hands on what asks this process to stop, to each rank once: they agree on the step after which they do.

    A rank may not have begun yet: it hears of it when it has.
    """

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.number = 0  # the signal that came first
        self.at = 0.0

    def listen(self) -> None:
        """Hear signals from here on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if not self.number:
            self.number, self.at = number, time.monotonic()

    def hand_on(self) -> None:
        """Tell the ranks that were not told yet; who does not end within SAVE_SECONDS is ended."""
        if self.crew.asked:  # another machine is
            self._hear(self.crew.asked, None)
        if not self.number:
            return
        self.crew.hand_on(self.number)
        if time.monotonic() - self.at > SAVE_SECONDS:  # whoever started this process may be dead
            self.crew.end_all()


def main(file: Path | None = None) -> None:
    """Start and watch the ranks of the job that the file holds."""
    logging.disable(logging.CRITICAL)  # of the launcher: what ended, the record says
    file = file or Path(sys.argv[1])
    job = msgspec.json.decode(file.read_bytes(), type=RunJob)
    for variable, value in loopback_settings(given_rank()).items():
        os.environ.setdefault(variable, value)
    launch(job, file)


if __name__ == "__main__":
    main()
