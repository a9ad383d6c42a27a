"""Finds the rank that all others wait for and that does not work, and ends it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from msgspec import Struct

from laptime.runs.events import Failed
from laptime.runs.heartbeats import State
from laptime.runs.watchdog import (
    LEAST_BYTES,
    MANY_STEPS,
    STATES,
    STOPPED,
    STOPPED_SECONDS,
    Work,
    tell_seconds,
)
from laptime.training.crew import ENDS, Crew, Sight

LOOK_SECONDS = 0.25
STILL_SECONDS = STOPPED_SECONDS  # that a rank may do nothing at all while all others wait for it
GRACE_SECONDS = 3.0  # for the others, once one is gone
BAD_ENDS = {State.FAILED, State.LEFT_ALONE}


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

    def __init__(self, crew: Crew, hang_minutes: float = 0.0) -> None:
        self.crew = crew
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
        sights = self.crew.look()
        if self.is_over:
            self._over_seconds += passed
            if self._over_seconds > GRACE_SECONDS:
                self.crew.end_all()
            return
        self._find_gone(sights)
        awaited = find_awaited([sight for sight in sights if sight.state not in ENDS])
        for sight in awaited:
            self._look_at(sight, passed)
        for rank in self._stills.keys() - {sight.rank for sight in awaited}:
            self._stills[rank].seconds = self._stills[rank].silent_seconds = 0.0

    def _find_gone(self, sights: Sequence[Sight]) -> None:
        """Note who has ended without having said so, or has failed."""
        self.is_over |= any(sight.is_gone or sight.is_lost or sight.state in BAD_ENDS for sight in sights)

    def _look_at(self, sight: Sight, passed: float) -> None:
        """Compare what a rank that is waited for has done with what it had done before."""
        life, still = sight.life, self._stills.get(sight.rank)
        if still is None or still.exchanges != sight.exchanges:
            longest = max(still.longest, still.seconds) if still else 0.0
            still = Still(sight.exchanges, sight.work(0.0), longest=longest)
            self._stills[sight.rank] = still
        still.seconds += passed
        still.silent_seconds += passed
        work = sight.work(still.silent_seconds)
        if work.num_bytes - still.work.num_bytes >= LEAST_BYTES or life == "D":  # it waits for a disk
            still.seconds = 0.0
        if life not in STOPPED and (life == "D" or work.is_more_than(still.work)):
            still.silent_seconds, still.work = 0.0, sight.work(0.0)
        how = f" ({STATES[life]})" if life in STATES else ""
        if still.silent_seconds > self._find_patience(sight):
            self._blame(sight, f"did nothing for {still.silent_seconds:.0f} s while the others waited{how}")
        elif self.hang_seconds and still.seconds > max(self.hang_seconds, MANY_STEPS * still.longest):
            self._blame(
                sight,
                f"worked for {tell_seconds(still.seconds)}, and came no further, while the others waited",
            )

    def _find_patience(self, sight: Sight) -> float:
        """Return how long a rank may do nothing; what a slow disk does, the system does not always tell."""
        if sight.state != State.SAVING or sight.life in STOPPED:
            return STILL_SECONDS
        return max(self.hang_seconds, STILL_SECONDS) if self.hang_seconds else math.inf

    def _blame(self, sight: Sight, did: str) -> None:
        """End a rank; the others follow."""
        if not self.is_over:
            self.guilty = Failed(reason="hung", message=f"rank {sight.rank} {did}; all were ended")
            self.is_over = True
            self.crew.end(sight)


def find_awaited(sights: Sequence[Sight]) -> list[Sight]:
    """Return the ranks, of those that have not ended, that the others wait for or soon will.

    Those that are stopped, or else those that have begun fewest exchanges and are in none. Where all say
    that they wait, it is the single one whose exchange all others have behind them: it has had its share.
    Where all are stopped, or all are equally far, nobody is more to blame than another.
    """
    stopped = [sight for sight in sights if sight.life in STOPPED]
    if stopped:
        return stopped if len(stopped) < len(sights) else []
    exchanges = [sight.exchanges for sight in sights]
    if not sights or min(exchanges) == max(exchanges):
        return []
    behind = [sight for sight in sights if sight.has_begun and sight.exchanges == min(exchanges)]
    idle = [sight for sight in behind if sight.state != State.WAITING]
    all_wait = all(sight.state == State.WAITING for sight in sights)
    return idle or (behind if all_wait and len(behind) == 1 else [])
