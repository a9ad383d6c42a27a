"""Questions to the base and every result, in a process of their own; while a race is timed they wait."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from laptime.errors import UserError
from laptime.live.children import Children, last_line
from laptime.live.places import private_file
from laptime.live.race_reader import is_at_work
from laptime.live.races import LOOK_SECONDS, Races
from laptime.report.language import Language
from laptime.report.plain_text import clean
from laptime.util.atomic import write_json

MOST_KEPT = 20  # questions of a race
MOST_BYTES = 1 << 22
LONGEST = 20_000  # letters of a question


class Asked(Struct):
    """A question and its answers so far, by name: the text, and whether that is all of it."""

    number: int
    question: str
    texts: dict[str, str] = {}
    done: list[str] = []
    status: str = ""  # what it waits for, or why there is no answer
    ended: bool = False


class Asking:
    """Asks one question at a time, in the order in which they came; answers are kept for this user."""

    def __init__(self, children: Children, races: Races, language: Language) -> None:
        self._children, self._races, self._language = children, races, language
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._asked: dict[Path, list[Asked]] = {}
        self._closed = False

    def ask(self, folder: Path, question: str) -> None:
        """Begin to ask; raises UserError for a question that is none."""
        if not question.strip() or len(question) > LONGEST:
            raise UserError(self._language.say("live.no_question"))
        with self._lock:
            known = self._known(folder)
            one = Asked(number=known[-1].number + 1 if known else 1, question=question.strip())
            one.status = self._language.say("live.queued")
            known.append(one)
            del known[:-MOST_KEPT]
        threading.Thread(target=self._work, args=(folder, one), daemon=True).start()

    def tell(self, folder: Path) -> list[dict[str, Any]]:
        """Return the questions to a race with their answers so far, the newest first."""
        with self._lock:
            told = msgspec.to_builtins(self._known(folder))
        for one in told:
            one["question"] = clean(one["question"])
            one["texts"] = {name: clean(text) for name, text in one["texts"].items()}
        return told[::-1]

    def close(self) -> None:
        """Ask nothing more."""
        self._closed = True

    def _known(self, folder: Path) -> list[Asked]:
        """Return the questions to a race; those of an earlier live view are read once."""
        if folder not in self._asked:
            self._asked[folder] = []
            with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
                path = private_file(folder, "json")
                if path.stat().st_size <= MOST_BYTES:
                    kept = msgspec.json.decode(path.read_bytes(), type=list[Asked])
                    self._asked[folder] = [one for one in kept if one.ended]
        return self._asked[folder]

    def _work(self, folder: Path, one: Asked) -> None:
        """Ask when it is this question's turn and no race is timed; anew where one has begun meanwhile."""
        with self._one_at_a_time:
            try:
                while not self._closed:
                    self._await_quiet(folder, one)
                    if self._closed or self._answer(folder, one):
                        break
            except (OSError, UserError) as error:
                one.status = clean(error)
            one.ended = True
            with self._lock, suppress(OSError, UserError):
                write_json(private_file(folder, "json"), [one for one in self._known(folder) if one.ended])

    def _is_timed(self, folder: Path) -> bool:
        return self._races.is_busy() or is_at_work(folder)

    def _await_quiet(self, folder: Path, one: Asked) -> None:
        while not self._closed and self._is_timed(folder):
            one.status = self._language.say("live.ask_waits")
            time.sleep(LOOK_SECONDS)

    def _answer(self, folder: Path, one: Asked) -> bool:
        """Ask in a process of its own; False where it gave way to a race that began."""
        one.texts, one.done = {}, []
        one.status = self._language.say("live.loading")
        process = self._children.start(["ask", "--json", "--", str(folder), one.question])
        reader = threading.Thread(target=self._hear, args=(process, one), daemon=True)
        errors: list[str] = []
        complaint = threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True)  # type: ignore[union-attr]
        reader.start()
        complaint.start()
        try:
            while reader.is_alive():
                reader.join(LOOK_SECONDS)
                if reader.is_alive() and self._is_timed(folder):
                    return False
            process.wait()
        finally:
            self._children.end(process)
        complaint.join(LOOK_SECONDS)
        one.status = last_line(clean("".join(errors))) if process.returncode else ""
        return True

    def _hear(self, process: subprocess.Popen[str], one: Asked) -> None:
        """Take the answers as they grow."""
        assert process.stdout
        for line in process.stdout:
            with suppress(msgspec.MsgspecError, KeyError, TypeError):
                told = msgspec.json.decode(line)
                with self._lock:
                    one.status = ""
                    one.texts[told["name"]] = told["text"]
                    if told["done"]:
                        one.done.append(told["name"])
