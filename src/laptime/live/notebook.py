"""A race in a notebook while it runs: the live view in a frame of Colab's, elsewhere a cell renewed."""

from __future__ import annotations

import atexit
import html
import importlib.util
import io
import subprocess
import sys
import time
from contextlib import suppress
from os import PathLike
from pathlib import Path
from urllib.parse import urlsplit

from laptime.errors import UserError
from laptime.live.children import last_line
from laptime.live.now_line import write_now
from laptime.live.race_reader import Now, RaceReader, is_ours
from laptime.live.terminal_watch import AT_WORK, DUTY
from laptime.report.language import Language
from laptime.report.screen import Screen
from laptime.report.terminal import print_table
from laptime.session import tell_no_result

LEAST_SECONDS = 1.0  # between two looks
COLUMNS = 100
FRAME_HEIGHT = 900
BEGINNING_SECONDS, LOOK_SECONDS = 15.0, 0.2
# What a frame of Colab's is asked for under, and what it stands in.
COLAB_NAMES = ("*.googleusercontent.com", "colab.research.google.com")


def watch(folder: str | PathLike[str], *, frame: bool | None = None) -> None:
    """Show the race in `folder` in the present cell of a notebook, and return when it is over.

    On Colab, where laptime[ui] is installed, it is the page of `laptime serve` in a frame, and this returns
    at once; with `frame=False`, and everywhere else, the cell holds the table, renewed once a second at most.
    Interrupting the cell ends the watching alone: the race goes on. A race that was begun a moment ago is
    waited for. Raises UserError for a folder that is none of a race, and outside of a notebook.
    """
    place = Path(folder)
    require_notebook()
    await_beginning(place)
    if frame if frame is not None else is_colab() and has_ui():
        show_frame(place)
    else:
        with suppress(KeyboardInterrupt):
            show_cell(place)


def await_beginning(folder: Path) -> None:
    """Wait for a race that was begun a moment ago; raises UserError where there is none."""
    until = time.monotonic() + BEGINNING_SECONDS
    while not is_ours(folder):
        if time.monotonic() > until:
            raise UserError(f"{folder}: {tell_no_result(folder)}")
        time.sleep(LOOK_SECONDS)


def require_notebook() -> None:
    """Raise UserError where there is no IPython to show anything."""
    if importlib.util.find_spec("IPython") is None:
        raise UserError("laptime.watch: shows a race in a notebook; in a terminal: laptime show --watch DIR")


def is_colab() -> bool:
    """Tell whether this is a notebook of Colab's."""
    return "google.colab" in sys.modules


def has_ui() -> bool:
    """Tell whether the libraries of the page are here."""
    return all(importlib.util.find_spec(name) for name in ("starlette", "uvicorn"))


def show_cell(folder: Path) -> None:
    """Renew the table in the present cell until nothing works in `folder` any more."""
    from IPython.display import display

    reader = RaceReader(folder)
    shown = None
    while True:
        begun = time.monotonic()
        now = reader.read()
        content = render_cell(now)
        if shown is None:
            shown = display(content, raw=True, display_id=True)
        else:
            shown.update(content, raw=True)
        if now.state not in AT_WORK:
            return
        time.sleep(max(LEAST_SECONDS, DUTY * (time.monotonic() - begun)))


def render_cell(now: Now) -> dict[str, str]:
    """Return what a cell shows of a race: the text of the terminal, and the same as HTML."""
    page = Screen(file=io.StringIO(), width=COLUMNS, color_system=None)
    language = Language("en")
    if line := write_now(now, language) or ("" if now.result else now.trouble):
        page.say(line)
    if now.result:
        unfinished = "it is at work; these are the figures so far" if now.state in AT_WORK else ""
        print_table(now.result, page, unfinished)
    elif not line:
        page.say(language.say(f"live.state.{now.state}"))
    text = page.file.getvalue().rstrip()  # type: ignore[attr-defined]
    return {"text/plain": text, "text/html": f'<pre style="line-height:1.25">{html.escape(text)}</pre>'}


def show_frame(folder: Path) -> None:
    """Start a live view beside this notebook, which ends with it, and show its page in a frame of Colab's."""
    from google.colab import output

    address = urlsplit(start_server(folder))
    output.serve_kernel_port_as_iframe(address.port, path=address.path, height=FRAME_HEIGHT)


def start_server(folder: Path) -> str:
    """Start `laptime serve` for a page behind Colab's proxy; returns its address. Raises UserError."""
    names = [word for name in COLAB_NAMES for word in ("--behind", name)]
    words = [sys.executable, "-m", "laptime", "serve", *names, "--", str(folder)]
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    atexit.register(process.terminate)
    assert process.stdout
    said = ""
    for line in process.stdout:
        if line.startswith("live view: "):
            return line.removeprefix("live view: ").strip()
        said = line.strip()
    raise UserError(f"laptime.watch: {last_line(said) or 'the live view did not start'}")
