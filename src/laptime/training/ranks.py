"""Starts the processes that train one model together, and watches them until all have ended.

    python -m laptime.training.ranks JOB.json

torch's elastic launcher starts them, as commands, and gives each its rank. Who is to blame when one dies,
leaves or hangs it cannot tell, and it would wait for minutes: the survivors raise first. So each says in its
heartbeats what it does; the one that all others wait for, and that does not work, is named and ended.
"""

from __future__ import annotations

import logging
import math
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
from msgspec import Struct
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from laptime.credentials import print_traceback
from laptime.hardware.system_memory import count_oom_kills
from laptime.runs.events import Failed, Finished
from laptime.runs.exit_reason import append_last, last_line, last_peaks
from laptime.runs.exit_reason import explain as explain_exit
from laptime.runs.heartbeats import MEETING_FILE, RANKS_FOLDER, Beat, Heartbeats, State
from laptime.runs.job import LOG_FILE, RunJob
from laptime.runs.process import SAVE_SECONDS
from laptime.runs.record import FILE_NAME, count_whole_bytes, read_record
from laptime.runs.record_lines import decode_events
from laptime.runs.watchdog import (
    LEAST_BYTES,
    MANY_STEPS,
    STATES,
    Work,
    moved_bytes,
    process_state,
    process_ticks,
    tell_seconds,
)
from laptime.util.atomic import discard_folder

LOOK_SECONDS = 0.25
STILL_SECONDS = 8.0  # that a rank may do nothing at all while all others wait for it
GRACE_SECONDS = 3.0  # for the others, once one is gone
ENDS = {State.DONE, State.FAILED, State.LEFT_ALONE}
STOPPED = {"T", "t"}
GONE = {"", "Z", "X"}
LAUNCH_FILE = "launch"


class Still(Struct):
    """What a rank had done when it last came further, and how long others have waited for it since."""

    exchanges: int
    work: Work
    silent_seconds: float = 0.0  # without any work
    seconds: float = 0.0
    longest: float = 0.0  # that others have waited for it before


class Watch:
    """Looks after the ranks of one job, from the main thread of the process that started them.

    One that is stopped, or that all others wait for and that does nothing, is ended after STILL_SECONDS. One
    that works while all others wait may only come no further for `hang_minutes` (0: for ever), or 20 times
    what they have ever waited for it.
    """

    def __init__(self, beats: Heartbeats, hang_minutes: float = 0.0) -> None:
        self.beats = beats
        self.hang_seconds = 60 * hang_minutes
        self.guilty: Failed | None = None  # why the run ends badly, once that is known
        self.is_over = False
        self._over_seconds = 0.0
        self._stills: dict[int, Still] = {}
        self._looked = time.monotonic()

    def look(self) -> None:
        """Find who is gone or does nothing; some time after the first one, all are ended."""
        now = time.monotonic()
        # Not more than two looks' worth: while this process itself was stopped, nobody looked.
        passed, self._looked = min(now - self._looked, 2 * LOOK_SECONDS), now
        beats = self.beats.read()
        if self.is_over:
            self._over_seconds += passed
            if self._over_seconds > GRACE_SECONDS:
                kill_all(beats)
            return
        self._find_gone(beats)
        awaited = find_awaited([beat for beat in beats if beat.state not in ENDS])
        for beat in awaited:
            self._look_at(beat, passed)
        for rank in self._stills.keys() - {beat.rank for beat in awaited}:
            self._stills[rank].seconds = self._stills[rank].silent_seconds = 0.0

    def _find_gone(self, beats: list[Beat]) -> None:
        """Note who has ended without having said so, or has failed."""
        for beat in beats:
            has_ended = beat.process and process_state(beat.process) in GONE
            if beat.state in (State.FAILED, State.LEFT_ALONE) or (has_ended and beat.state not in ENDS):
                self.is_over = True

    def _look_at(self, beat: Beat, passed: float) -> None:
        """Compare what a rank that is waited for has done with what it had done before."""
        state = process_state(beat.process)
        still = self._stills.get(beat.rank)
        if still is None or still.exchanges != beat.exchanges:
            longest = max(still.longest, still.seconds) if still else 0.0
            still = Still(beat.exchanges, measure_work(beat, 0.0), longest=longest)
            self._stills[beat.rank] = still
        still.seconds += passed
        still.silent_seconds += passed
        work = measure_work(beat, still.silent_seconds)
        if work.num_bytes - still.work.num_bytes >= LEAST_BYTES or state == "D":  # it waits for a disk
            still.seconds = 0.0
        if state not in STOPPED and (state == "D" or work.is_more_than(still.work)):
            still.silent_seconds, still.work = 0.0, measure_work(beat, 0.0)
        how = f" ({STATES[state]})" if state in STATES else ""
        if still.silent_seconds > self._find_patience(beat, state):
            self._blame(beat, f"did nothing for {still.silent_seconds:.0f} s while the others waited{how}")
        elif self.hang_seconds and still.seconds > max(self.hang_seconds, MANY_STEPS * still.longest):
            self._blame(
                beat,
                f"worked for {tell_seconds(still.seconds)}, and came no further, while the others waited",
            )

    def _find_patience(self, beat: Beat, state: str) -> float:
        """Return how long a rank may do nothing; what a slow disk does, the system does not always tell."""
        if beat.state != State.SAVING or state in STOPPED:
            return STILL_SECONDS
        return max(self.hang_seconds, STILL_SECONDS) if self.hang_seconds else math.inf

    def _blame(self, beat: Beat, did: str) -> None:
        """End a rank; the others follow."""
        if not self.is_over:
            self.guilty = Failed(reason="hung", message=f"rank {beat.rank} {did}; all were ended")
            self.is_over = True
            kill(beat.process)


def find_awaited(beats: Sequence[Beat]) -> list[Beat]:
    """Return the ranks, of those that have not ended, that the others wait for or soon will.

    Those that are stopped, or else those that have begun fewest exchanges and are in none. Where all say
    that they wait, it is the single one whose exchange all others have behind them: it has had its share.
    Where all are stopped, or all are equally far, nobody is more to blame than another.
    """
    stopped = [beat for beat in beats if beat.process and process_state(beat.process) in STOPPED]
    if stopped:
        return stopped if len(stopped) < len(beats) else []
    exchanges = [beat.exchanges for beat in beats]
    if not beats or min(exchanges) == max(exchanges):
        return []
    behind = [beat for beat in beats if beat.process and beat.exchanges == min(exchanges)]
    idle = [beat for beat in behind if beat.state != State.WAITING]
    all_wait = all(beat.state == State.WAITING for beat in beats)
    return idle or (behind if all_wait and len(behind) == 1 else [])


def measure_work(beat: Beat, at_seconds: float) -> Work:
    """Return what the process of a rank has done so far."""
    return Work(at_seconds, process_ticks(beat.process), moved_bytes(beat.process))


def kill_all(beats: Sequence[Beat]) -> None:
    """End all ranks that are there, at once."""
    for beat in beats:
        kill(beat.process)


def kill(process: int) -> None:
    """End a process at once, if it is there."""
    if process:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


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
    if not silent:
        return Failed(
            reason="error", message=f"the processes lost each other: {last_line(folder / LOG_FILE)}"
        )
    killed = [
        beat.rank for beat in silent if codes.get(beat.rank, 0) < 0 and codes[beat.rank] != -signal.SIGTERM
    ]
    rank = next(iter([*killed, *(beat.rank for beat in silent)]))
    record = read_record(folder)
    reason, message = explain_exit(
        folder, codes.get(rank, 0), record.memory, last_peaks(record), oom_kills_before
    )
    return Failed(reason=reason, message=f"rank {rank}: {message}")


def find_told(folder: Path, rank: int) -> Failed | None:
    """Return the failure that a rank other than the first has recorded."""
    return read_record(folder / RANKS_FOLDER / str(rank)).failed if rank else None


def launch(job: RunJob, file: Path) -> None:
    """Start the ranks, watch them, and leave a last line where none of them could write one."""
    folder = Path(job.folder)
    begun_at, kills = count_whole_bytes(folder / FILE_NAME), count_oom_kills()
    beats = Heartbeats.begin(folder, len(job.devices))
    watch, agent = Watch(beats, job.spec.training.hang_minutes), Agent(job, file)
    stop = Stop(beats)
    stop.listen()
    agent.start()
    while agent.is_alive():
        agent.join(LOOK_SECONDS)
        watch.look()
        stop.hand_on()
    ended = beats.read()
    kill_all(ended)  # what a launcher that failed has left behind
    if agent.error is None and not agent.codes and all(beat.state == State.DONE for beat in ended):
        discard_folder(folder / RANKS_FOLDER)
        return
    if not has_end(folder, begun_at) and not stop.number:
        told = watch.guilty or tell_error(agent.error)
        append_last(folder, told or explain(folder, ended, agent.codes, kills))
    sys.exit(1)


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


def configure(job: RunJob) -> LaunchConfig:
    """Return how the ranks are started: all on this machine, where nothing of ours listens for them.

    They meet by files that are begun anew: a store that listens would do so on all of the machine's networks.
    """
    home = Path(job.folder) / RANKS_FOLDER
    for name in (MEETING_FILE, LAUNCH_FILE):
        (home / name).unlink(missing_ok=True)
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=len(job.devices),
        run_id=job.run,
        rdzv_backend="c10d",
        rdzv_endpoint=str(home / LAUNCH_FILE),
        rdzv_configs={"store_type": "file"},
        local_addr="127.0.0.1",
        max_restarts=0,
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

    def __init__(self, beats: Heartbeats) -> None:
        self.beats = beats
        self.number = 0  # the signal that came first
        self.at = 0.0
        self._told: set[int] = set()

    def listen(self) -> None:
        """Hear signals from here on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if not self.number:
            self.number, self.at = number, time.monotonic()
        self.hand_on()

    def hand_on(self) -> None:
        """Tell the ranks that were not told yet; who does not end within SAVE_SECONDS is ended."""
        if not self.number:
            return
        beats = self.beats.read()
        for beat in beats:
            if beat.process and beat.state not in ENDS and beat.process not in self._told:
                self._told.add(beat.process)
                with suppress(ProcessLookupError):
                    os.kill(beat.process, self.number)
        if time.monotonic() - self.at > SAVE_SECONDS:  # whoever started this process may be dead
            kill_all(beats)


def main(file: Path | None = None) -> None:
    """Start and watch the ranks of the job that the file holds."""
    logging.disable(logging.CRITICAL)  # of the launcher: what ended, the record says
    file = file or Path(sys.argv[1])
    job = msgspec.json.decode(file.read_bytes(), type=RunJob)
    if sys.platform == "linux":  # all are here: no name of this machine need lead anywhere
        for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
            os.environ.setdefault(variable, "lo")
    launch(job, file)


if __name__ == "__main__":
    main()
