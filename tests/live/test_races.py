"""Races and questions are processes of their own: begun, found, stopped, waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from laptime.errors import UserError
from laptime.live import asking, children, races
from laptime.live.asking import Asking
from laptime.live.children import Children, last_line
from laptime.live.races import Races, go_on_words
from laptime.report.language import Language
from laptime.runs.lock import MARKER_FILE
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.live.test_race_reader import at_work

LANGUAGE = Language("en")
# Holds a folder as a race does, says so, and ends as one does that is stopped.
HOLDER = """
import pathlib, signal, sys, time
from laptime.cli.main import stop
from laptime.runs.lock import MARKER_FILE, file_lock
folder = pathlib.Path(sys.argv[-1])
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a shell
folder.mkdir(exist_ok=True)
try:
    with file_lock(folder / MARKER_FILE, "it"):
        print("holding", flush=True)
        time.sleep(60)
except SystemExit:
    print("stopped", flush=True)
    raise
"""
ANSWERER = """
import json, sys, time
for text, done in (("half", False), ("half of it", True)):
    print(json.dumps({"question": sys.argv[-1], "name": "base", "text": text, "done": done}), flush=True)
    time.sleep(float("PAUSE"))
"""


def wait_for(is_so: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def as_command(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what puts a program in the place of `laptime`; its last word is that of the command."""

    def put(program: str) -> None:
        monkeypatch.setattr(children, "COMMAND", (sys.executable, "-c", program))

    return put


@pytest.fixture
def started(as_command: Callable[[str], None], tmp_path: Path) -> Iterator[tuple[Races, Path]]:
    """A race that was started here and holds its folder."""
    as_command(HOLDER)
    made, folder = Races(LANGUAGE), tmp_path / "race"
    made.start([str(folder)], folder)
    wait_for(lambda: "holding" in made.tell(folder)[0])
    yield made, folder
    for process in made._begun.values():
        process.kill()
        process.wait()


def test_a_race_is_in_a_session_of_its_own_and_ends_as_by_ctrl_c(started: tuple[Races, Path]) -> None:
    made, folder = started
    process = made._begun["race"]
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert made.is_beginning(folder) and made.is_busy() and made.list_begun() == ["race"]
    with pytest.raises(UserError, match="at work there already"):
        made.start([str(folder)], folder)
    with pytest.raises(UserError, match="two at once would falsify both"):
        made.start(["other"], folder.with_name("other"))
    made.stop(folder)
    assert process.wait(30) == 143
    assert made.tell(folder) == ("holding\nstopped", "") and not made.is_busy()


def test_a_race_that_another_live_view_started_is_found_and_stopped(started: tuple[Races, Path]) -> None:
    made, folder = started
    again = Races(LANGUAGE)
    assert not again.knows("race") and again.tell(folder)[0] == "holding"
    again.stop(folder)
    assert made._begun["race"].wait(30) == 143


def test_nobody_is_stopped_who_is_not_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *told: killed.append(told) if told[1] else None)
    write_scripted_run(tmp_path, "lora", unfinished=True)
    with pytest.raises(UserError, match="nothing is at work there"):
        Races(LANGUAGE).stop(tmp_path)
    with at_work(tmp_path):
        marker = tmp_path / MARKER_FILE
        marker.write_bytes(marker.read_bytes().replace(b'"host":"', b'"host":"elsewhere'))
        with pytest.raises(UserError, match="cannot be stopped from here"):
            Races(LANGUAGE).stop(tmp_path)
    assert killed == []


def test_why_a_race_was_refused_is_its_last_line(as_command: Callable[[str], None], tmp_path: Path) -> None:
    as_command("import sys; print('one\\nlaptime: error: --data x: no such file'); sys.exit(2)")
    made, folder = Races(LANGUAGE), tmp_path / "race"
    made.start([], folder)
    wait_for(lambda: not made.is_beginning(folder))
    assert made.tell(folder)[1] == "--data x: no such file"
    assert last_line(" \n") == ""


def test_what_goes_on_with_a_race(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path / "a", {"full": [2.0], "lora": [1.0]})
    write_scripted_run(tmp_path / "b", "lora", unfinished=True)
    a, b = tmp_path / "a", tmp_path / "b"
    assert go_on_words(a) == ["compare", "--config", f"{a}/spec.json", "--out", str(a)]
    assert go_on_words(b) == ["train", "--resume", str(b)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Asking, dict[str, bool]]]:
    """What asks, and whether a race is timed."""
    timed = {"now": False}
    monkeypatch.setattr(asking, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(races, "find_timing", lambda: "pid 1" if timed["now"] else "")
    made = Children()
    asks = Asking(made, Races(LANGUAGE), LANGUAGE)
    yield asks, timed
    asks.close()
    made.close()


def test_an_answer_grows_and_is_there_after_a_restart(
    desk: tuple[Asking, dict[str, bool]], as_command: Callable[[str], None], tmp_path: Path
) -> None:
    asks, _ = desk
    as_command(ANSWERER.replace("PAUSE", "0.5"))
    asks.ask(tmp_path, " why? ")
    seen = set()
    wait_for(lambda: seen.add(asks.tell(tmp_path)[0]["texts"].get("base")) or asks.tell(tmp_path)[0]["ended"])
    assert {"half", "half of it"} <= seen
    (told,) = asks.tell(tmp_path)
    assert (told["question"], told["texts"], told["done"]) == ("why?", {"base": "half of it"}, ["base"])
    wait_for(lambda: Asking(Children(), Races(LANGUAGE), LANGUAGE).tell(tmp_path) == [told])


def test_a_question_waits_while_a_race_is_timed_and_gives_way_to_one(
    desk: tuple[Asking, dict[str, bool]], as_command: Callable[[str], None], tmp_path: Path
) -> None:
    asks, timed = desk
    as_command(ANSWERER.replace("PAUSE", "60"))
    asks.ask(tmp_path, "why?")
    wait_for(lambda: asks.tell(tmp_path)[0]["texts"])
    (process,) = asks._children._alive
    timed["now"] = True
    wait_for(lambda: "A race is being timed" in asks.tell(tmp_path)[0]["status"])
    assert process.poll() == -signal.SIGTERM and not asks._children._alive
    as_command(ANSWERER.replace("PAUSE", "0"))
    assert not asks.tell(tmp_path)[0]["ended"]
    timed["now"] = False
    wait_for(lambda: asks.tell(tmp_path)[0]["ended"])
    assert asks.tell(tmp_path)[0]["texts"] == {"base": "half of it"}


def test_why_there_is_no_answer_is_said(
    desk: tuple[Asking, dict[str, bool]], as_command: Callable[[str], None], tmp_path: Path
) -> None:
    asks, _ = desk
    as_command("import sys; sys.stderr.write('laptime: error: x: the base is gone\\n'); sys.exit(2)")
    asks.ask(tmp_path, "why?")
    wait_for(lambda: asks.tell(tmp_path)[0]["ended"])
    assert asks.tell(tmp_path)[0]["status"] == "x: the base is gone"
    for question in ("", "  ", "a" * 20_001):
        with pytest.raises(UserError, match="Give a question"):
            asks.ask(tmp_path, question)


def test_short_processes_end_with_the_live_view(as_command: Callable[[str], None]) -> None:
    as_command("import time; time.sleep(60)")
    made = Children()
    process = made.start([])
    made.close()
    assert process.returncode == -signal.SIGTERM
    with pytest.raises(InterruptedError):
        made.start([])
    assert subprocess.run(["kill", "-0", str(process.pid)], capture_output=True, check=False).returncode
