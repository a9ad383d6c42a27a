"""Time to quality and what no row beats, as they are told and drawn."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from laptime.report.charts import draw_charts
from laptime.report.front_sentences import write_fronts
from laptime.report.language import Language
from laptime.report.target_sentences import make_targets, write_target
from laptime.report.terminal import print_table
from tests.report import invented

ENGLISH = (
    "The target is a held-out loss of 1.500. It was reached, in time of training, by LoRA after 5.0 s "
    "(4.9 s to 5.1 s) and full fine-tuning after 9.0 s (8.9 s to 9.2 s). Not reached by LoRA on the top "
    "layers (in 1 of 3 rounds). LoRA is shown to be there before full fine-tuning. Each run was looked at in "
    "3 moments, and the first at or under the target counts; nothing is read in between. Of peer no moments "
    "were kept: another trainer, or weights spread over devices."
)
KOREAN = (
    "목표는 평가 손실 1.500입니다. 목표에 도달하기까지의 학습 시간: LoRA 5.0초(4.9초~5.1초), 전체 파인튜닝 "
    "9.0초(8.9초~9.2초)."
)


def test_who_was_there_when_is_told_in_both_languages() -> None:
    result = invented.make_targeted()
    (sentence,) = write_target(result, Language("en"))
    assert (sentence.text, sentence.warning) == (ENGLISH, False)
    assert write_target(result, Language("ko"))[0].text.startswith(KOREAN)
    assert write_target(invented.make_result(), Language("en")) == []


def test_a_target_that_the_base_has_reached_is_warned_of() -> None:
    result = invented.make_targeted()
    assert result.time_to_quality
    easy = replace(result.time_to_quality, base_loss=1.4, asked="slowest", slowest="full")
    (sentence,) = write_target(replace(result, time_to_quality=easy), Language("en"))
    assert sentence.warning and sentence.text.endswith(
        "The base has 1.400 before any training, so the target asks for no learning."
    )
    assert "which full fine-tuning, the worst at its end, reaches in every round" in sentence.text


def test_the_table_has_a_row_for_each_that_was_looked_at() -> None:
    rows = make_targets(invented.make_targeted(), Language("en"))
    shown = [(row.name, row.after, row.rounds, row.ratio, row.interval, row.verdict) for row in rows]
    assert shown == [
        ("full", "9.0 s", "3 of 3", "1.80x", "1.02 to 2.90", "later"),
        ("lora", "5.0 s", "3 of 3", "–", "", "first"),
        ("lora_top", "not reached", "1 of 3", "–", "", "–"),
    ]


def test_the_rows_that_none_beats_are_named_once_for_costs_that_agree() -> None:
    (sentence,) = write_fronts(invented.make_targeted(), Language("en"))
    assert sentence.text.startswith(
        "By training time and peak memory, against held-out loss, no other row beats LoRA and LoRA on the "
        "top layers. By saved bytes, against held-out loss, no row beats another."
    )
    assert write_fronts(invented.make_result(), Language("en")) == []


def test_charts_show_all_rounds_and_ring_what_none_beats() -> None:
    charts = {chart.name: chart for chart in draw_charts(invented.make_targeted(), Language("en"))}
    on_the_way = charts["held_out_by_second"].render()
    assert on_the_way.count("<path") == 9 and on_the_way.count('class="target"') == 1
    assert "LoRA on the top layers: not reached" in on_the_way
    rings = {
        name: chart.render().count('class="ring"') for name, chart in charts.items() if "against" in name
    }
    assert rings == {
        "time_against_quality": 2, "memory_against_quality": 2, "saved_against_quality": 3
    }  # fmt: skip
    assert 'class="whisker m0"' in charts["time_against_quality"].render()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_report_has_them(render: Callable[..., Path], lang: Any) -> None:
    folder = render("targeted", lang)
    language = Language(lang)
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text(encoding="utf-8")
        assert language.say("target.title") in text and language.say("target.never") in text
        assert language.say("column.general") in text and "41.5" in text
    assert (folder / "charts" / "memory_against_quality.svg").is_file()


def test_the_terminal_shows_them_within_80_columns() -> None:
    console = Console(width=80, record=True, file=StringIO())
    print_table(invented.make_targeted(), console)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["lora_top", "not", "reached", "1", "of", "3", "–", "–"] for line in lines)
    (row,) = [line for line in lines if line.startswith("lora ") and "41.5" in line]
    assert row.split() == ["lora", "0.0", "63.2", "3.200", "+0.200", "0.0500", "41.5"]
