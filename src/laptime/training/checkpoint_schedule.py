"""When a run saves: every so many steps or minutes, and when it is asked to stop.

SIGTERM and SIGINT take effect at the border of a step, where weights, moments and random numbers belong
together; after the last step they take effect at once, except that the result is written to its end. The
first one is enough: who cannot wait for the save sends SIGKILL.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

from laptime.spec import Interval

STOPPING = (signal.SIGTERM, signal.SIGINT)


class StoppedError(BaseException):
    """The run was asked to stop; `kept` says what is on the disk. No handler of errors may swallow it.

    By which signal does not say by whom: a command that hears Ctrl-C ends its run by SIGTERM.
    """

    def __init__(self, number: int, step: int, kept: str) -> None:
        super().__init__(f"stopped after step {step}; {kept}")
        self.number = number
        self.step = step


class SavePoints:
    """Calls `save(step)` after the steps where it is due; `save` returns why it could not, or "".

    Where several processes train together, all stop and save after the same step: `agree_on` returns the
    largest of each number that they give. `keep` hears of every step before.

    Signals are heard from entry to exit.
    """

    def __init__(
        self,
        interval: Interval | None,
        num_steps: int,
        save: Callable[[int], str],
        agree_on: Callable[[Sequence[int]], Sequence[int]] = list,
        keep: Callable[[int], None] | None = None,
    ) -> None:
        self.interval = interval
        self.num_steps = num_steps
        self.save = save
        self.agree_on = agree_on
        self.keep = keep
        self.stopped_by = 0  # the signal that asked for it
        self.writes_result = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> SavePoints:
        self._saved_at = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._ask_to_stop) for number in STOPPING}
        return self

    def __exit__(self, *reason: Any) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        """Remember the first signal for the border of the step; where there are no more steps, stop."""
        if not self.stopped_by:
            self.stopped_by = number
            if self.writes_result:
                self._stop_now()

    def begin_result(self) -> None:
        """Learn that the result is being written, to be finished whatever comes; raises StoppedError."""
        self.writes_result = True
        if self.stopped_by:
            self._stop_now()

    def ignore(self) -> None:
        """Let what little is left be done: the run is complete."""
        self.writes_result = False

    def _stop_now(self) -> NoReturn:
        raise StoppedError(self.stopped_by, self.num_steps, "the result is saved, what follows was not done")

    def after_step(self, step: int) -> None:
        """Save where it is due; raises StoppedError when a signal has come."""
        if self.keep:
            self.keep(step)
        stopped_by, is_due = self.agree_on([self.stopped_by, self._is_due(step)])
        if not (stopped_by or is_due):
            return
        lost = self.save(step)
        self._saved_at = time.monotonic()
        if stopped_by:
            kept = f"no checkpoint was written: {lost}" if lost else "a checkpoint holds all that was done"
            raise StoppedError(stopped_by, step, kept)

    def _is_due(self, step: int) -> bool:
        """Tell whether the interval ends here; after the last step the result itself is saved."""
        if self.interval is None or step == self.num_steps:
            return False
        if self.interval.steps:
            return step % self.interval.steps == 0
        return time.monotonic() - self._saved_at >= (self.interval.seconds or 0)
