"""What the page may ask for, in plain values: how races stand, a preview, a plan, a start, a stop."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from laptime.errors import UserError
from laptime.live.asking import Asking
from laptime.live.children import Children, Ended, last_line
from laptime.live.form import Form, make_words, plan_words, preview_words, read_words, show_command
from laptime.live.places import Places
from laptime.live.races import Races, go_on_words
from laptime.live.view import RaceView
from laptime.report import quantities
from laptime.report.language import Language
from laptime.report.plain_text import clean, clean_all
from laptime.report.quantities import Lang

FRESH_SECONDS = 0.9  # how long what was read will do: tabs share it
DUTY = 20.0  # after a look it is not looked again for so many times what it took: beside a race that counts


class Desk:
    """Answers for one folder of races, in one language. It may be asked from several threads."""

    def __init__(self, places: Places, lang: Lang) -> None:
        self.places, self.lang = places, lang
        self.language = Language(lang)
        self.children = Children()
        self.races = Races(self.language)
        self.asking = Asking(self.children, self.races, self.language)
        self._views: dict[str, RaceView] = {}
        self._looks: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """End what was begun and is not a race."""
        self.asking.close()
        self.children.close()

    def look(self, name: str = "") -> dict[str, Any]:
        """Return all that the page shows, with the race called `name` or the first; tabs share a look."""
        with self._lock:
            until, told = self._looks.get(name, (0.0, {}))
            if time.monotonic() < until:
                return told
            begun = time.monotonic()
            told = self._look(name)
            ended = time.monotonic()
            self._looks[name] = (ended + max(FRESH_SECONDS, DUTY * (ended - begun)), told)
            return told

    def _look(self, name: str) -> dict[str, Any]:
        names = self.places.list_names()
        names += [begun for begun in self.races.list_begun() if begun not in names]
        at_first = self.places.first if self.places.first in names else next(iter(names), "")
        name = name or at_first
        told: dict[str, Any] = {"races": names, "name": name, "busy": self.races.is_busy()}
        return told | {"race": self._look_at(name) if name else None}

    def _look_at(self, name: str) -> dict[str, Any] | None:
        folder = self.places.find(name) or self._find_begun(name)
        if folder is None:
            return None
        view = self._views.setdefault(name, RaceView(folder, self.lang)).look()
        said, error = self.races.tell(folder)
        begins = self.races.is_beginning(folder)
        if begins and view["state"] in ("absent", "stopped", "finished"):
            view["state"], view["state_text"] = "preparing", self.language.say("live.state.preparing")
        is_alive = begins or view["state"] in ("preparing", "running", "finishing")
        view |= {"path": clean(folder), "said": said, "error": error, "can_stop": is_alive}
        view["go_on"] = show_command(go_on_words(folder)) if view["state"] == "stopped" else ""
        view["asked"] = self.asking.tell(folder)
        return view

    def _find_begun(self, name: str) -> Path | None:
        """Return the folder of a race that was started here and has not made it yet, or never could."""
        return self.places.root / name if self.races.knows(name) else None

    def find(self, name: str) -> Path:
        """Return the folder of a race; raises UserError where there is none of that name."""
        folder = self.places.find(name) or self._find_begun(name)
        if folder is None:
            raise UserError(self.language.say("live.no_race", name=clean(name)))
        return folder

    def spell(self, form: Form) -> dict[str, Any]:
        """Return the command line that the form equals, and whether it goes on with what is there."""
        out = self.places.choose(form.out.strip())
        words = make_words(form, out, self.lang)
        exists = self.places.find(out.name) is not None
        return {"command": show_command(words), "name": out.name, "goes_on": exists}

    def preview(self, form: Form) -> dict[str, Any]:
        """Return what would be trained, token by token; raises UserError for what `laptime data` refuses."""
        words = make_words(form, self.places.choose(form.out.strip()), self.lang)
        told = self._run(preview_words(read_words(words)))
        counts = {name: f"{number:,}" for name, number in told["counts"].items()}
        cut = self.language.say("live.cut", number=counts["cut"]) if told["counts"]["cut"] else ""
        line = self.language.say("live.preview", template=told["template"], **counts)
        return {"line": f"{line}{cut}", "notes": told["notes"], "examples": told["examples"]}

    def plan(self, form: Form) -> dict[str, Any]:
        """Return a line on each method; raises UserError for what `laptime plan` refuses."""
        words = make_words(form, self.places.choose(form.out.strip()), self.lang)
        read_words(words)
        told = self._run(plan_words(words))
        return {"lines": [*map(self._tell_row, told["rows"])], "whole": self._tell_whole(told["sum"])}

    def _tell_whole(self, whole: dict[str, Any] | None) -> str:
        """Return what all runs will take."""
        if whole is None:
            return self.language.say("live.plan.nothing")
        return self.language.plural(
            "live.plan.open" if whole["is_open"] else "live.plan.whole",
            whole["runs"],
            seconds=self.language.seconds(whole["seconds"]),
            memory=quantities.size(whole["most_bytes"]),
        )

    def _tell_row(self, row: dict[str, Any]) -> str:
        """Return what one method will take."""
        low, high = map(self.language.seconds, row["train_range"])
        key = "live.plan" if row["fits"] is not False else "live.plan.too_large"
        return self.language.say(
            key,
            method=self.language.title(row["name"]),
            seconds=self.language.seconds(row["train_seconds"]),
            low=low,
            high=high,
            total=self.language.seconds(row["total_seconds"]),
            memory=quantities.size(row["memory_bytes"]),
        )

    def _run(self, words: list[str]) -> dict[str, Any]:
        """Run a short command that prints JSON; raises UserError while a race is timed, and with its line."""
        if self.races.is_busy():
            raise UserError(self.language.say("live.waits"))
        ended: Ended = self.children.run(words)
        if ended.code:
            raise UserError(last_line(clean(ended.error)) or f"laptime {words[0]}: exit code {ended.code}")
        return dict(clean_all(msgspec.json.decode(ended.out)))  # type: ignore[call-overload]

    def start(self, form: Form) -> dict[str, Any]:
        """Start the race of the form; raises UserError for options that cannot be read."""
        folder = self.places.choose(form.out.strip())
        words = make_words(form, folder, self.lang)
        read_words(words)
        self.races.start(words, folder)
        return {"name": folder.name}

    def go_on(self, name: str) -> dict[str, Any]:
        """Go on with a race that was stopped."""
        folder = self.find(name)
        self.races.start(go_on_words(folder), folder)
        return {"name": name}

    def stop(self, name: str) -> dict[str, Any]:
        """Stop a race as Ctrl-C does."""
        self.races.stop(self.find(name))
        return {"name": name}

    def ask(self, name: str, question: str) -> dict[str, Any]:
        """Ask the base and every result of a race."""
        self.asking.ask(self.find(name), question)
        return {"name": name}
