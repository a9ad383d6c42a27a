"""What the page is told: a plan in words, what waits, and looks that tabs share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from laptime.errors import UserError
from laptime.live import desk as desks
from laptime.live import races
from laptime.live.children import Ended
from laptime.live.desk import Desk
from laptime.live.form import Form
from laptime.live.places import Places
from tests.comparison.scripted import write_scripted_comparison

ROW = {
    "name": "full", "train_seconds": 3.4, "train_range": [1.1, 10.0], "total_seconds": 6.3,
    "memory_bytes": 945_000_000, "fits": True,
}  # fmt: skip


@pytest.fixture
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk for a folder on a machine where nothing is timed."""
    monkeypatch.setattr(races, "find_timing", lambda: "")
    monkeypatch.chdir(tmp_path)
    made = Desk(Places(Path()), "en")
    yield made
    made.close()


def answer(desk: Desk, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any]) -> list[list[str]]:
    """Let short processes answer with `told`; returns what they are asked."""
    asked: list[list[str]] = []
    out = msgspec.json.encode(told).decode()
    monkeypatch.setattr(desk.children, "run", lambda words: asked.append(words) or Ended(0, out, ""))
    return asked


def test_a_plan_in_words(quiet: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    large = ROW | {"name": "lora", "fits": False}
    whole = {"runs": 6, "is_open": True, "seconds": 28.0, "most_bytes": 945_000_000}
    asked = answer(quiet, monkeypatch, {"rows": [ROW, large], "sum": whole})
    told = quiet.plan(Form(epochs="2", out="race"))
    assert asked == [["plan", "--epochs", "2", "--json"]]
    assert told["lines"] == [
        "Full fine-tuning: trains about 3.4 s (1.10 s to 10.0 s), 6.3 s in all; 945 MB of memory",
        "LoRA: does not fit (945 MB of memory needed); it would train about 3.4 s (1.10 s to 10.0 s), 6.3 s "
        "in all",
    ]
    assert told["whole"].startswith("The race: at least 6 runs, about 28.0 s beside evaluation and answers")
    answer(quiet, monkeypatch, {"rows": [], "sum": None})
    assert quiet.plan(Form()) == {"lines": [], "whole": "The race: nothing of it fits"}


def test_a_preview_in_words(quiet: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"examples": 1_234, "held_out": 5, "tokens": 99, "trained_tokens": 9, "cut": 2}
    answer(quiet, monkeypatch, {"counts": counts, "template": "qa-en", "notes": ["a\x1b"], "examples": []})
    told = quiet.preview(Form(data="a.jsonl"))
    assert told["line"] == (
        "1,234 examples to train on, 5 held out; 9 of 99 tokens trained; template qa-en; 2 cut"
    )
    assert told["notes"] == ["a\ufffd"]


def test_preview_and_plan_wait_while_a_race_is_timed(quiet: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(quiet, monkeypatch, {})
    monkeypatch.setattr(races, "find_timing", lambda: "pid 7 since 10:00:00")
    for work in (quiet.preview, quiet.plan):
        with pytest.raises(UserError, match="A race is being timed"):
            work(Form())
    with pytest.raises(UserError, match="two at once would falsify both"):
        quiet.start(Form(out="race"))
    assert asked == [] and not Path("race").exists()


def test_what_a_short_process_refuses_is_its_line(quiet: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "laptime: error: --data a: no such file\n"
    monkeypatch.setattr(quiet.children, "run", lambda words: Ended(2, "", line))
    with pytest.raises(UserError) as error:
        quiet.preview(Form(data="a"))
    assert str(error.value) == "--data a: no such file"


def test_tabs_share_a_look(quiet: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(desks.time, "monotonic", lambda: clock[0])
    assert quiet.look()["race"] is None
    write_scripted_comparison(Path("race"), {"full": [2.0], "lora": [1.0]})
    assert quiet.look()["races"] == [], "it is looked at most once a second"
    clock[0] += 1.0
    told = quiet.look()
    assert told["races"] == ["race"] == [told["name"]] and told["race"]["path"] == "race"


def test_looking_takes_a_twentieth_of_the_time_at_most(quiet: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = [100.0], [0]

    def look(name: str) -> dict[str, Any]:
        looks[0] += 1
        clock[0] += 2.0
        return {}

    monkeypatch.setattr(desks.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(quiet, "_look", look)
    for _ in range(60):
        quiet.look()
        clock[0] += 1.0
    assert looks[0] == 2
