"""Why one of two contestants is faster, in words: sentences, table and chart, on page and terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from laptime.comparison.result import ComparisonResult, Explanation
from laptime.report.charts import draw_charts
from laptime.report.explanation_table import ExplanationTable, make_explanation
from laptime.report.language import Language
from tests.report import invented
from tests.report.test_terminal import printed


def tell(result: ComparisonResult, lang: str = "en") -> ExplanationTable:
    table = make_explanation(result, Language(lang))
    assert table is not None
    return table


def test_sentences_name_the_causes_by_weight_and_what_is_to_be_known_of_them() -> None:
    whole, causes, depends = tell(invented.make_explained()).sentences
    assert whole == (
        "Full fine-tuning took 28.4 s from start to saved result, LoRA 16.0 s: 12.4 s less, in the mean of "
        "3 rounds."
    )
    assert causes == (
        "One thing after another changed from the one to the other, each measured by runs before and behind "
        "its change: 6.5 s less by the speedups (off → on), 4.3 s less by the method (full fine-tuning → "
        "LoRA), 2.0 s less by --precision (fp32 → auto) (not settled) and 400 ms more by fused_blocks "
        "(on → off). Together that is the whole difference; nothing is left over."
    )
    assert depends == (
        "How much that is depends on the rest for the speedups (off → on): −4.0 s or −9.0 s, by what had "
        "changed before. The figure is the mean of both."
    )


def test_rows_have_signs_and_only_what_helps_has_a_share() -> None:
    rows = tell(invented.make_explained()).rows
    assert [(row.saved, row.share, row.ratio, row.interval, row.verdict) for row in rows] == [
        ("−6.5 s", "52 %", "1.31x", "1.24 to 1.38", "faster, shown"),
        ("−4.3 s", "35 %", "1.22x", "1.16 to 1.28", "faster, shown"),
        ("−2.0 s", "16 %", "1.08x", "1.03 to 1.13", "not settled"),
        ("+400 ms", "–", "0.98x", "0.93 to 1.03", "slower, shown"),
    ]
    assert rows[0].parts == "backward −4.9 s, optimizer −1.62 s"


def test_one_cause_is_told_by_its_parts() -> None:
    result = invented.make_explained()
    assert result.explanation
    method = replace(result.explanation.causes[3], seconds=12.4, seconds_by_order=[12.4])
    method.parts = {"import": 0.1, "backward": 9.3, "optimizer": 3.2, "save": -0.2}
    result.explanation.causes = [method]
    one = tell(result).sentences[1]
    assert one == (
        "They differ in one thing, the method (full fine-tuning → LoRA). It changes backward −9.3 s and "
        "optimizer −3.2 s."
    )
    chart = draw_charts(result, Language("en"))[0]
    assert chart.name == "explanation"
    assert chart.figures == (
        "Full fine-tuning: 28.4 s; backward: −9.3 s; optimizer: −3.2 s; saving: +200 ms; import: −100 ms; "
        "LoRA: 16.0 s."
    )


def test_the_bars_hang_where_the_one_before_ends() -> None:
    chart = draw_charts(invented.make_explained(), Language("en"))[0]
    assert (chart.title, chart.name) == ("From full fine-tuning to LoRA", "explanation")
    assert "the speedups (off → on): −6.5 s" in chart.figures
    bars = [shape for shape in chart.drawing.shapes if 'class="saves"' in shape or 'class="costs"' in shape]
    ends = [(float(bar.split('x="')[1].split('"')[0]), bar.split('class="')[1][:5]) for bar in bars]
    assert [kind for _, kind in ends] == ["saves", "saves", "saves", "costs"]
    places = [x for x, _ in ends]
    assert places[0] > places[1] > places[2] == pytest.approx(places[3], abs=2)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Explanation(first="full", second="lora", reason="nothing_differs"),
            "Full fine-tuning and LoRA differ in nothing on which time depends.",
        ),
        (
            Explanation(first="full", second="lora", reason="unequal_work"),
            "Full fine-tuning and LoRA did other work (see the findings), so that their difference is not "
            "split.",
        ),
        (
            Explanation(first="full", second="lora", reason="not_finished", lacking=["between1"]),
            "Their difference can't be split yet: there are no whole runs of between1.",
        ),
    ],
)
def test_why_nothing_is_split(found: Explanation, said: str) -> None:
    result = replace(invented.make_result(), explanation=found)
    assert tell(result).sentences == [said] and not tell(result).rows
    assert draw_charts(result, Language("en"))[0].name == "time_by_phase"


def test_without_it_there_is_none() -> None:
    assert make_explanation(invented.make_result(), Language("en")) is None


@pytest.mark.parametrize(("lang", "word"), [("en", "Where"), ("ko", "달라진 곳")])
def test_page_markdown_and_terminal_hold_it(render: Callable[..., Path], lang: str, word: str) -> None:
    folder = render("explained", lang)
    assert word in (folder / "report.html").read_text(encoding="utf-8")
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert word in text and "charts/explanation.svg" in text
    assert (folder / "charts" / "explanation.svg").is_file()
    lines = [line.rstrip() for line in printed("explained").splitlines()]
    assert "Why full fine-tuning and LoRA take different times" in lines
    assert any("−6.5 s" in line and "1.31x" in line for line in lines)
