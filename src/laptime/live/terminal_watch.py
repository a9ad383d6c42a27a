"""`laptime show --watch`: the table in the terminal, drawn anew at most once a second while a race runs."""

from __future__ import annotations

import io
import time
from pathlib import Path

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from laptime.live.now_line import write_now
from laptime.live.race_reader import Now, RaceReader
from laptime.live.view import write_verdict
from laptime.report.language import Language, choose_language
from laptime.report.sanitising import sanitise
from laptime.report.screen import Screen
from laptime.report.terminal import print_table

LEAST_SECONDS = 1.0  # between two drawings
DUTY = 20.0  # and so many times what reading and drawing took: beside a race that counts
AT_WORK = ("preparing", "running", "finishing")


def watch_folder(folder: Path, screen: Screen) -> None:
    """Show the race in `folder` until nothing works there any more; what is left then is for others to print.

    On a terminal the table is drawn anew in its place; elsewhere every run that ends gives a line.
    """
    reader = RaceReader(folder)
    shown = Redrawn(screen) if screen.is_terminal else Lines(screen)
    with shown:
        while True:
            begun = time.monotonic()
            now = reader.read()
            if now.state not in AT_WORK and not now.record:
                return
            shown.show(now)
            time.sleep(max(LEAST_SECONDS, DUTY * (time.monotonic() - begun)))


class Lines:
    """Plain lines: one whenever a run has ended."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._said = ""

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, now: Now) -> None:
        """Say how far the race has come, where that is news."""
        line = _tell(now)
        if line != self._said:
            self._said = line
            self.screen.say(line)


class Redrawn:
    """The table in its place; of one that is higher than the terminal as much as there is room for."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._live = Live(console=screen, auto_refresh=False, transient=True, vertical_overflow="crop")

    def __enter__(self) -> Redrawn:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, now: Now) -> None:
        """Draw the race as it stands."""
        self._live.update(self._draw(now), refresh=True)

    def _draw(self, now: Now) -> RenderableType:
        page = Screen(
            file=io.StringIO(),
            width=self.screen.width,
            force_terminal=True,
            color_system="standard" if self.screen.color_system else None,
        )
        page.print(Text(write_now(now, Language("en")) or _tell(now), style="bold"))
        if now.result:
            print_table(now.result, page, "it is at work; these are the figures so far")
        lines = page.file.getvalue().rstrip("\n").split("\n")  # type: ignore[attr-defined]
        return Text.from_ansi("\n".join(lines[: max(1, self.screen.height - 1)]))


def _tell(now: Now) -> str:
    """Return one line on a race: how many runs are over, and the headline so far."""
    if now.result is None:
        return now.trouble or "still being prepared; nothing has run yet"
    done = f"{now.num_over} of {now.num_runs} runs done"
    result = sanitise(now.result)
    return f"{done}; {write_verdict(result, choose_language('en', result)).text}"
