"""What the page says and draws of a race, in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from laptime.live.now_line import share_done, write_now
from laptime.live.race_reader import RaceReader
from laptime.live.view import RaceView
from laptime.report.language import Language
from laptime.runs.events import Failed, Memory, Phase
from laptime.runs.plan import run_folder
from laptime.runs.record import RecordWriter
from laptime.util.atomic import write_json
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.live.test_race_reader import add_steps, at_work


@pytest.fixture
def running(tmp_path: Path) -> Path:
    """A race in whose second round LoRA has made a step."""
    write_scripted_comparison(tmp_path, {"full": [20.0, 21.0], "lora": [10.0, 10.5]}, skip=["lora-r2"])
    write_scripted_run(run_folder(tmp_path, "lora-r2"), "lora", 2, unfinished=True)
    return tmp_path


def look(folder: Path, lang: Any = "en") -> dict[str, Any]:
    """Return what is shown of a race that is at work."""
    with at_work(folder):
        return RaceView(folder, lang).look()


def test_a_race_that_is_at_work(running: Path) -> None:
    add_steps(run_folder(running, "lora-r2"), 2)
    told = look(running)
    assert (told["state"], told["state_text"], told["report"]) == ("running", "at work", False)
    assert told["now"].startswith("lora-r2 (5 of 5): step 2 of 4, loss 7.000, ")
    assert told["headline"] == "One round: LoRA trained 2.00x faster than full fine-tuning, no interval"
    assert "LoRA faster" in told["interval"] and "2.00x" in told["interval"]
    assert [row["status"] for row in told["rows"]] == ["2 rounds done", "1 round done"]
    assert ">lora-r2<" in told["losses"] and told["losses"].count("<path") == 3
    assert "5.2 kB" in told["memory"]


def test_records_alone_are_not_asked(running: Path) -> None:
    assert look(running)["answers"] == []
    (running / "inputs").mkdir()
    write_json(running / "inputs" / "facts.json", {})
    told = look(running)["answers"]
    assert [(one["name"], one["number"]) for one in told] == [("base", "b"), ("full", "0"), ("lora", "1")]


def test_the_same_in_korean(running: Path) -> None:
    told = look(running, "ko")
    assert told["state_text"] == "진행 중"
    assert told["now"].startswith("lora-r2 (5개 중 5번째): 스텝 1/4, 손실 4.000, ")
    assert told["headline"].startswith("1라운드 결과: LoRA가 전체 파인튜닝보다 2.00배 빠르게")
    assert "LoRA가 빠름" in told["interval"] and "전체 파인튜닝이 빠름" in told["interval"]


def test_there_is_no_verdict_before_a_round_is_over(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]}, skip=["lora-r1"])
    told = look(tmp_path)
    assert told["headline"].startswith("No verdict yet") and told["interval"] == ""
    assert [row["status"] for row in told["rows"]] == ["1 round done", "0 rounds done"]
    write_scripted_run(run_folder(tmp_path, "lora-r1"), "lora")
    assert RaceView(tmp_path, "en").look()["interval"]


def test_the_interval_is_drawn_where_it_lies(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0, 2.1, 1.9], "lora": [1.0, 1.01, 0.99]})
    shown = RaceView(tmp_path, "en").look()["interval"]
    (middle,) = [float(x) for x in re.findall(r'<line class="axis" x1="([\d.]+)"', shown)]
    ((start, width),) = re.findall(
        r'<rect class="fill m0 span" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', shown
    )
    (point,) = [float(x) for x in re.findall(r'<circle[^>]* cx="([\d.]+)"', shown)]
    assert middle < float(start) < point < float(start) + float(width), "it leaves out 1"


def test_memory_is_an_estimate_until_a_run_is_over(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]}, skip=["lora-r1"])
    home = run_folder(tmp_path, "lora-r1")
    write_scripted_run(home, "lora", unfinished=True)
    writer = RecordWriter(home)
    writer.write(Memory(device="cpu", available_bytes=None, needed_bytes=3_000_000, fixed_bytes=1))
    writer.close()
    assert "about 3.0 MB by estimate" in look(tmp_path)["memory"]


def test_what_a_run_does_outside_of_its_steps(tmp_path: Path) -> None:
    home = run_folder(tmp_path, "lora-r1")
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]}, skip=["lora-r1"])
    write_scripted_run(home, "lora", unfinished=True)
    for phase, text in (("train", "saving"), ("save", "evaluating"), ("evaluate", "answering")):
        writer = RecordWriter(home)
        writer.write(Phase(name=phase, seconds=1.0))  # type: ignore[arg-type]
        writer.close()
        with at_work(tmp_path):
            now = RaceReader(tmp_path).read()
        assert write_now(now, Language("en")).startswith(f"lora-r1 (3 of 3): {text}, begun ")
        assert share_done(now) is None


def test_a_message_is_shown_as_it_stands_and_steers_nothing(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]}, skip=["lora-r1"])
    home = run_folder(tmp_path, "lora-r1")
    write_scripted_run(home, "lora", unfinished=True)
    writer = RecordWriter(home)
    writer.write(Failed(reason="error", message="<script>x</script>\u202e\x1b[2J"))
    writer.close()
    told = RaceView(tmp_path, "en").look()
    (failure,) = told["rows"][1]["failures"]
    assert failure == "lora-r1: an error. <script>x</script>\ufffd\ufffd[2J"
    assert "<script>" not in told["losses"] + told["memory"] + told["interval"]
