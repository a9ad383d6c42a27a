"""Races begun, stopped and gone on with from the live view; their folders alone say how they stand."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

from laptime.comparison.race import SPEC_FILE
from laptime.errors import UserError
from laptime.live.children import last_line, start_race
from laptime.live.places import private_file
from laptime.live.race_reader import is_at_work
from laptime.report.language import Language
from laptime.report.plain_text import clean
from laptime.runs.lock import MARKER_FILE, read_owner
from laptime.runs.machine_lock import find_owner
from laptime.runs.plan import FILE_NAME as PLAN_FILE

MOST_SAID = 4000  # bytes of the end of what a race has printed
LOOK_SECONDS = 1.0
STOP = signal.SIGTERM  # a command ends by it as by Ctrl-C, which one in a shell's background does not hear


def find_timing() -> str:
    """Return who times a race on this machine, "" where nobody does."""
    owner = find_owner("auto")
    return str(owner) if owner else ""


def go_on_words(folder: Path) -> list[str]:
    """Return the words behind `laptime` that go on with the race in `folder`."""
    if (folder / PLAN_FILE).exists():
        return ["compare", "--config", str(folder / SPEC_FILE), "--out", str(folder)]
    return ["train", "--resume", str(folder)]


class Races:
    """Starts and stops races. What it knows by itself is only which processes it has started."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._lock = threading.Lock()
        self._begun: dict[str, subprocess.Popen[bytes]] = {}  # by the name of the folder

    def start(self, words: list[str], folder: Path) -> None:
        """Start a race in `folder`; raises UserError while another one is timed on this machine."""
        with self._lock:
            if self.is_beginning(folder) or is_at_work(folder):
                raise UserError(self._language.say("live.at_work", folder=clean(folder)))
            if any(process.poll() is None for process in self._begun.values()) or find_timing():
                raise UserError(self._language.say("live.busy"))
            self._begun[folder.name] = start_race(words, private_file(folder, "log"))

    def is_beginning(self, folder: Path) -> bool:
        """Tell whether a race that was started here is alive, though its folder may not show it yet."""
        process = self._begun.get(folder.name)
        return process is not None and process.poll() is None

    def is_busy(self) -> bool:
        """Tell whether a race is timed on this machine, or is about to be."""
        return any(process.poll() is None for process in self._begun.values()) or bool(find_timing())

    def knows(self, name: str) -> bool:
        """Tell whether a race of that name was started here."""
        return name in self._begun

    def list_begun(self) -> list[str]:
        """Return the names of the races that were started here and live."""
        return [name for name, process in self._begun.items() if process.poll() is None]

    def stop(self, folder: Path) -> None:
        """End the race in `folder` as Ctrl-C does; raises UserError where nobody is there to be told."""
        if self.is_beginning(folder):
            self._begun[folder.name].send_signal(STOP)
            return
        owner = read_owner(folder / MARKER_FILE) if is_at_work(folder) else None
        if owner is None:
            raise UserError(self._language.say("live.nothing_to_stop", folder=clean(folder)))
        if owner.host != socket.gethostname() or not owner.is_alive:
            raise UserError(self._language.say("live.out_of_reach", owner=str(owner)))
        try:
            os.kill(owner.pid, STOP)
        except PermissionError:
            raise UserError(self._language.say("live.out_of_reach", owner=str(owner))) from None

    def tell(self, folder: Path) -> tuple[str, str]:
        """Return the end of what the race has printed, and its last line where it ended with an error."""
        path = private_file(folder, "log")
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - MOST_SAID))
                text = clean(file.read().decode("utf-8", errors="replace"))
        except OSError:
            return "", ""
        process = self._begun.get(folder.name)
        is_refused = process is not None and process.poll() not in (None, 0, 1, 130, 143, -STOP)
        return text.strip(), last_line(text) if is_refused else ""
