"""Rows that users named: shown under their names, described once, and never taken for a method."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from laptime.comparison.result import ComparisonResult, Finding
from laptime.report.conclusion import write_conclusion
from laptime.report.environment import group_facts
from laptime.report.findings import group_findings, say_finding
from laptime.report.headline import write_headline
from laptime.report.language import Language, choose_language
from laptime.report.table import make_pairs, make_rows
from laptime.report.terminal import print_table
from tests.report import invented


def say(result: ComparisonResult, topic: str, lang: Any = "en") -> list[str]:
    """Return the sentences of one topic of the conclusion."""
    sentences = write_conclusion(result, choose_language(lang, result))
    return [sentence.text for sentence in sentences if sentence.topic == topic]


def make_slow(**differs: Any) -> ComparisonResult:
    """Return LoRA against one that takes three times as long, with options of its own."""
    result = invented.make_contestants()
    result.methods = [result.methods[0], result.methods[2]]
    result.methods[1].differs = differs
    result.pairs = [pair for pair in result.pairs if {pair.faster, pair.slower} == {"lora", "plain"}]
    return result


@pytest.mark.parametrize(
    ("lang", "described", "headline"),
    [
        (
            "en",
            ["wide: LoRA with --lora-rank 64", "plain: LoRA with --plain"],
            "Lowest held-out loss: LoRA (1.871), with an error that is not known. Of all rows LoRA trained "
            "fastest, 1.06x faster than wide, the next (",
        ),
        (
            "ko",
            ["wide: LoRA, --lora-rank 64", "plain: LoRA, --plain"],
            "평가 손실이 가장 낮은 것은 LoRA(1.871)이지만, 오차는 알 수 없습니다. "
            "전체에서 LoRA의 학습이 가장 빠르며, 다음인 wide보다 1.06배 빠릅니다 (",
        ),
    ],
)
def test_a_name_is_described_once_on_the_page(
    lang: Any, described: list[str], headline: str, render: Any
) -> None:
    result = invented.make_contestants()
    assert say(result, "contestants", lang) == described
    assert write_headline(result, choose_language(lang, result)).text.startswith(headline)
    folder: Path = render("contestants", lang)
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(described[0].replace("_", r"\_")) == 1, name


def test_rows_and_pairs_go_by_the_names() -> None:
    result = invented.make_contestants()
    language = choose_language("en", result)
    assert [row.title for row in make_rows(result, language)] == ["LoRA", "wide", "plain"]
    assert [row.number for row in make_rows(result, language)] == [1, 2, 3]
    assert {row.pair for row in make_pairs(result, language)} == {
        "wide / LoRA",
        "plain / LoRA",
        "plain / wide",
    }
    facts = dict(dict(group_facts(result, language))["Options of the methods"])
    assert facts["wide: lora rank"] == "64" and facts["plain: plain"] == "yes"


@pytest.mark.parametrize("name", ["about", "at", "full.v2", "wide"])
def test_a_name_stands_as_it_is_at_the_beginning_of_a_sentence(name: str) -> None:
    language = Language("en", names=[name])
    assert language.sentence(f"{name} trained in 3 s") == f"{name} trained in 3 s"
    assert language.sentence(f"{name}, round 1: killed.") == f"{name}, round 1: killed."
    assert language.sentence(f"{name}more trained") == f"{name[0].upper()}{name[1:]}more trained"
    assert language.title(name) == language.method(name) == language.short(name) == name


def test_a_name_that_a_report_has_words_for_is_still_a_name() -> None:
    assert Language("en").method("dora") == "DoRA"
    assert (
        Language("en", names=["dora"]).method("dora")
        == "dora"
        == Language("en", names=["dora"]).title("dora")
    )


@pytest.mark.parametrize(
    ("lang", "text"),
    [("en", "equal runs of one and two took the same time"), ("ko", "똑같은 one, two 실행의")],
)
def test_equal_runs_that_users_named_are_both_named(lang: Any, text: str) -> None:
    result = invented.make_named_twins()
    assert text in write_headline(result, choose_language(lang, result)).text


def test_equal_runs_of_a_method_are_named_by_it() -> None:
    result = invented.make_equal_runs()
    assert "equal runs of LoRA took" in write_headline(result, choose_language("en", result)).text


def test_options_of_the_training_explain_what_arithmetic_does_not() -> None:
    """Three times as long without speedups is no sign that something else was measured."""
    assert say(make_slow(plain=True), "arithmetic") == [
        "The number of operations alone would give 1.01x; measured was 3.12x. "
        "Beside their operations they differ in --plain."
    ]
    assert say(make_slow(plain=True), "arithmetic", "ko")[0].endswith("연산 외에 --plain 옵션도 다릅니다.")


def test_a_rank_of_its_own_is_arithmetic_and_no_excuse() -> None:
    (text,) = say(make_slow(lora_rank=8), "arithmetic")
    assert "about 1.0x of the 3.12x: a factor of 3.09" in text


def test_adapters_of_other_sizes_have_no_one_factor_to_the_model() -> None:
    full, lora = invented.make_method("full", 21.5), invented.make_method("lora", 9.3)
    wide = invented.make_method(
        "wide", 9.9, method="lora", differs={"lora_rank": 64}, saved_bytes=180_000_000
    )
    (text,) = say(invented.make_result(methods=[full, lora]), "disk")
    assert "The model takes 54.8 times the space" in text
    (text,) = say(invented.make_result(methods=[full, lora, wide]), "disk")
    assert "times the space" not in text and text.endswith("An adapter needs the base model beside it.")


@pytest.mark.parametrize(
    ("code", "values", "english", "korean"),
    [
        (
            "own_options",
            {"method": "wide", "options": "--lora-rank 64"},
            "wide has options of its own: --lora-rank 64.",
            "wide에만 지정한 옵션: --lora-rank 64.",
        ),
        (
            "other_batches",
            {"methods": "lora, wide", "values": "lora --batch-size 1, wide --batch-size 2"},
            "LoRA and wide train other examples in a step (lora --batch-size 1, wide --batch-size 2): "
            "no ratio between such as differ.",
            "LoRA, wide의 스텝에 들어가는 레코드가 서로 다르므로(lora --batch-size 1, wide --batch-size 2), "
            "서로 다른 것 사이의 배율은 제시하지 않습니다.",
        ),
        (
            "switched_off_for",
            {"methods": "lora, wide", "names": "no_padding"},
            "Switched off for LoRA and wide: no_padding. The times are those without.",
            "LoRA, wide에서 끈 가속 기법: no_padding. 시간은 이 기법 없이 측정한 값입니다.",
        ),
    ],
)
def test_findings(code: str, values: dict[str, Any], english: str, korean: str) -> None:
    finding = Finding(level="stated", code=code, text="Plain text.", values=values)
    assert say_finding(finding, Language("en", names=["wide"])) == english
    assert say_finding(finding, Language("ko", names=["wide"])) == korean


def test_what_is_its_own_stands_under_what_differs_by_choice() -> None:
    result = invented.make_contestants()
    (group,) = group_findings(result, choose_language("en", result))
    assert group[1] == "Differs by nature or by choice, and is stated"
    assert "plain has options of its own: --plain." in group[2]


def test_the_terminal_says_what_each_is_and_shows_whole_names() -> None:
    stream = io.StringIO()
    result = invented.make_contestants()
    result.methods[1].name = "twelve-marks"  # the longest that there can be
    for pair in result.pairs:
        pair.faster = pair.faster.replace("wide", "twelve-marks")
        pair.slower = pair.slower.replace("wide", "twelve-marks")
    print_table(result, Console(file=stream, width=80))
    shown = stream.getvalue()
    assert shown.count("twelve-marks: LoRA with --lora-rank 64\n") == 1
    assert "\ntwelve-marks  9.9 s" in shown
    assert all(
        len(line) <= 80 for line in shown.splitlines() if line.startswith(("method", "twelve", "plain"))
    )
