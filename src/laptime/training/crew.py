"""The processes of one run as their starter sees them: where each stands, what it does, how to end it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from laptime.runs.heartbeats import Beat, Heartbeats, State
from laptime.runs.watchdog import Work, moved_bytes, process_state, process_ticks

ENDS = {State.DONE, State.FAILED, State.LEFT_ALONE}
GONE = {"", "Z", "X"}


class Sight(Beat, frozen=True, kw_only=True):
    """Where a rank stood last, and what the system of its machine says of its process.

    `life` is the state of the process as `process_state` tells it, `ticks` and `num_bytes` what it has done
    so far. Of another machine, `asked` is the signal that asks its starter to stop, and `told` when that
    starter, by a clock of its own, told of it.
    """

    life: str = ""
    ticks: int | None = None
    num_bytes: int = 0
    asked: int = 0
    told: float = 0.0
    is_lost: bool = False  # that starter gives no sign of life any more

    @property
    def has_begun(self) -> bool:
        """Tell whether it has a process that has said something."""
        return self.process != 0

    @property
    def is_gone(self) -> bool:
        """Tell whether its process has ended without having said so."""
        return self.has_begun and self.life in GONE and self.state not in ENDS

    def work(self, at_seconds: float) -> Work:
        """Return what it has done so far, as seen `at_seconds`."""
        return Work(at_seconds, self.ticks, self.num_bytes)


def see(beat: Beat) -> Sight:
    """Look at the process of a rank of this machine."""
    process = beat.process
    return Sight(
        rank=beat.rank,
        process=process,
        state=beat.state,
        exchanges=beat.exchanges,
        time=beat.time,
        life=process_state(process) if process else "",
        ticks=process_ticks(process),
        num_bytes=moved_bytes(process),
    )


class Crew:
    """All ranks of a run, on this machine."""

    asked = 0  # the signal by which another machine asks all to stop

    def __init__(self, beats: Heartbeats) -> None:
        self.beats = beats
        self._told: set[int] = set()

    def look(self) -> list[Sight]:
        """Return where each rank stands now."""
        return [see(beat) for beat in self.beats.read()]

    def end(self, sight: Sight) -> None:
        """End a rank at once."""
        kill(sight.process)

    def end_all(self) -> None:
        """End all ranks that are there, at once."""
        for beat in self.beats.read():
            kill(beat.process)

    def hand_on(self, number: int) -> None:
        """Give a signal to each rank once: to those that have begun, and that were not told yet."""
        for beat in self.beats.read():
            if beat.process and beat.state not in ENDS and beat.process not in self._told:
                self._told.add(beat.process)
                with suppress(ProcessLookupError):
                    os.kill(beat.process, number)


def kill(process: int) -> None:
    """End a process at once, if it is there."""
    if process:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
