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
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

import msgspec
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from laptime.runs.events import Failed, Finished
from laptime.runs.exit_reason import append, last_line, signal_name
from laptime.runs.heartbeats import RANKS_FOLDER, Beat, Heartbeats, State
from laptime.runs.job import LOG_FILE, RunJob
from laptime.runs.record import FILE_NAME, read_record
from laptime.runs.record_lines import decode_events
from laptime.runs.watchdog import STATES, moved_bytes, process_state, process_ticks
from laptime.util.atomic import discard_folder

LOOK_SECONDS = 0.25
STILL_SECONDS = 8.0  # that a rank may do nothing at all while all others wait for it
GRACE_SECONDS = 3.0  # for the others, once one is gone
ENDS = {State.DONE, State.FAILED, State.LEFT_ALONE}


class Watch:
    """Looks after the ranks of one job, from the main thread of the process that started them."""

    def __init__(self, beats: Heartbeats) -> None:
        self.beats = beats
        self.guilty: Failed | None = None  # why the run ends badly, once that is known
        self._gone_at = 0.0
        self._work: dict[int, tuple[int, int | None, int]] = {}
        self._still_since: dict[int, float] = {}

    def look(self) -> None:
        """Find who is gone or does nothing; some time after the first one, all are ended."""
        beats = self.beats.read()
        if not self._gone_at:
            self._find_gone(beats)
        if not self._gone_at:
            self._find_still(beats)
        if self._gone_at and time.monotonic() - self._gone_at > GRACE_SECONDS:
            for beat in beats:
                kill(beat.process)

    def _find_gone(self, beats: list[Beat]) -> None:
        """Note who has ended without having said so, or has failed."""
        for beat in beats:
            has_ended = beat.process and process_state(beat.process) in ("", "Z", "X")
            if beat.state in (State.FAILED, State.LEFT_ALONE) or (has_ended and beat.state not in ENDS):
                self._gone_at = time.monotonic()

    def _find_still(self, beats: list[Beat]) -> None:
        """End the rank that all others wait for, if it does nothing."""
        furthest = max(beat.exchanges for beat in beats)
        behind = [
            beat
            for beat in beats
            if beat.process and beat.state in (State.STARTING, State.WORKING) and beat.exchanges < furthest
        ]
        for beat in behind:
            self._look_at(beat)

    def _look_at(self, beat: Beat) -> None:
        """Compare what a rank that is waited for has done with what it had done before."""
        work = (beat.exchanges, process_ticks(beat.process), moved_bytes(beat.process))
        state, now = process_state(beat.process), time.monotonic()
        if work != self._work.get(beat.rank) or state == "D":
            self._work[beat.rank], self._still_since[beat.rank] = work, now
            return
        silent = now - self._still_since[beat.rank]
        if silent > STILL_SECONDS:
            how = f" ({STATES[state]})" if state in STATES else ""
            said = f"rank {beat.rank} did nothing for {silent:.0f} s while the others waited{how}"
            self.guilty = Failed(reason="hung", message=f"{said}; all were ended")
            self._gone_at = now
            kill(beat.process)


def kill(process: int) -> None:
    """End a process at once, if it is there."""
    if process:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def explain(folder: Path, beats: list[Beat], codes: dict[int, int]) -> Failed:
    """Say which rank ended the run, and how; `codes` are the exit codes that the launcher saw.

    One that says itself why it failed comes first, then one that was killed, then one that left silently.
    """
    for beat in beats:
        if beat.state == State.FAILED and (told := find_told(folder, beat.rank)):
            return msgspec.structs.replace(told, message=f"rank {beat.rank}: {told.message}")
    silent = [beat for beat in beats if beat.state not in ENDS]
    killed = [
        beat.rank for beat in silent if codes.get(beat.rank, 0) < 0 and codes[beat.rank] != -signal.SIGTERM
    ]
    rank = next(iter([*killed, *(beat.rank for beat in silent)]), 0)
    code = codes.get(rank, 0)
    if code < 0:
        hint = "; often the system is out of memory" if -code == signal.SIGKILL else ""
        return Failed(reason="killed", message=f"rank {rank}: ended by {signal_name(-code)}{hint}")
    if silent:
        said = f": {last_line(folder / LOG_FILE)}" if code else ""
        return Failed(reason="error", message=f"rank {rank}: left with code {code} before the end{said}")
    return Failed(reason="error", message=f"the processes lost each other: {last_line(folder / LOG_FILE)}")


def find_told(folder: Path, rank: int) -> Failed | None:
    """Return the failure that a rank other than the first has recorded."""
    return read_record(folder / RANKS_FOLDER / str(rank)).failed if rank else None


def launch(job: RunJob, file: Path) -> None:
    """Start the ranks, watch them, and leave a last line where none of them could write one."""
    folder = Path(job.folder)
    beats = Heartbeats.begin(folder, len(job.devices))
    watch, codes = Watch(beats), dict[int, int]()
    command = ["-m", "laptime.startup.start", "laptime.training.run", str(file), str(os.getpid())]
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=len(job.devices),
        run_id=job.run,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=0,
    )

    def start() -> None:
        try:
            elastic_launch(config, sys.executable)(*command)
        except ChildFailedError as error:
            codes.update({rank: failure.exitcode for rank, failure in error.failures.items()})

    thread = threading.Thread(target=start)
    forward_signals(beats)
    thread.start()
    while thread.is_alive():
        thread.join(LOOK_SECONDS)
        watch.look()
    if not codes and watch.guilty is None:
        discard_folder(folder / RANKS_FOLDER)
        return
    if not has_end(folder, job):
        append(folder, watch.guilty or explain(folder, beats.read(), codes))
    sys.exit(1)


def has_end(folder: Path, job: RunJob) -> bool:
    """Tell whether the first rank could write a last line in this attempt."""
    events = decode_events((folder / FILE_NAME).read_bytes())
    return bool(events) and isinstance(events[-1], (Failed, Finished))


def forward_signals(beats: Heartbeats) -> None:
    """Hand on what asks this process to stop: the ranks agree on the step after which they do."""

    def hand_on(number: int, frame: FrameType | None) -> None:
        for beat in beats.read():
            if beat.process and beat.state not in ENDS:
                with suppress(ProcessLookupError):
                    os.kill(beat.process, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hand_on)


def main(file: Path | None = None) -> None:
    """Start and watch the ranks of the job that the file holds."""
    logging.disable(logging.WARNING)  # of the launcher: what ended, the record says
    file = file or Path(sys.argv[1])
    job = msgspec.json.decode(file.read_bytes(), type=RunJob)
    if sys.platform == "linux":  # all are here: no name of this machine need lead anywhere
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    launch(job, file)


if __name__ == "__main__":
    main()
