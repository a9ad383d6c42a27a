"""The headline says what the verdict says and no more."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.comparison.result import ComparisonResult
from laptime.report import quantities
from laptime.report.conclusion import write_conclusion
from laptime.report.headline import write_headline
from laptime.report.language import Language
from laptime.report.reading import read_ratio
from laptime.report.rounds_sentences import write_rounds
from laptime.report.table import make_pairs
from tests.report import invented

CASES = {
    "normal": (
        "LoRA trained 2.31x faster than full fine-tuning (95 % interval 2.20 to 2.43, 3 rounds)",
        "Whole process: LoRA 1.92x faster (1.85 to 1.99)",
        "LoRA가 전체 파인튜닝보다 2.31배 빠르게 학습했습니다 (95% 신뢰 구간 2.20~2.43, 3라운드)",
    ),
    "one_round": (
        "One round: LoRA trained 2.31x faster than full fine-tuning, no interval",
        "Whole process: LoRA 1.92x faster, no interval",
        "1라운드 결과: LoRA가 전체 파인튜닝보다 2.31배 빠르게 학습했습니다 (신뢰 구간 없음)",
    ),
    "not_settled": (
        "Not settled: LoRA trained between 1.10x slower and 1.19x faster than full fine-tuning "
        "(95 % interval, 3 rounds; about 7 more would tell)",
        "Whole process: not settled, LoRA between 1.11x slower and 1.05x faster",
        "아직 판단할 수 없습니다: LoRA의 학습 속도는 전체 파인튜닝보다 1.10배 느린 쪽에서 1.19배 빠른 쪽 "
        "사이입니다 (95% 신뢰 구간, 3라운드, 판단하려면 약 7라운드 더 필요)",
    ),
    "about_the_same": (
        "LoRA and full fine-tuning took about the same time to train, within 5 % "
        "(1.01x, 99 % interval 0.99 to 1.03, 5 rounds)",
        "Whole process: about the same (1.00x, interval 0.98 to 1.03)",
        "LoRA와 전체 파인튜닝의 학습 시간은 5% 이내로 거의 같습니다 "
        "(1.01배, 99% 신뢰 구간 0.99~1.03, 5라운드)",
    ),
    "equal_runs": (
        "This machine shows no difference where there is none: equal runs of LoRA took the same time "
        "(1.01x, 95 % interval 0.99 to 1.02, 3 rounds)",
        "Whole process: about the same (1.01x, interval 0.99 to 1.02)",
        "이 컴퓨터는 차이가 없는 곳에서 차이를 보이지 않습니다. 똑같은 LoRA 실행의 학습 시간이 같습니다 "
        "(1.01배, 95% 신뢰 구간 0.99~1.02, 3라운드)",
    ),
    "unequal": (
        "The runs did not do the same work: no ratio",
        "",
        "실행들이 같은 작업을 하지 않았으므로 배율을 제시하지 않습니다",
    ),
    "all_failed": ("No run finished: nothing to compare", "", "완료된 실행이 없어 비교할 수 없습니다"),
    "one_failed": (
        "LoRA finished, full fine-tuning did not: no ratio",
        "",
        "LoRA는 완료되었고 전체 파인튜닝은 완료되지 않아 배율을 낼 수 없습니다",
    ),
    "five": (
        "Lowest held-out loss: LoRA (1.871), with an error that is not known. Of all rows LoRA on the top "
        "layers trained fastest, 1.52x faster than LoRA, the next (95 % interval 1.45 to 1.60, 3 rounds)",
        "Whole process: of all rows LoRA on the top layers is the fastest, 1.30x faster than LoRA, the next "
        "(1.20 to 1.40)",
        "평가 손실이 가장 낮은 것은 LoRA(1.871)이지만, 오차는 알 수 없습니다. 전체에서 상위 레이어 "
        "LoRA의 학습이 가장 빠르며, 다음인 LoRA보다 1.52배 빠릅니다 (95% 신뢰 구간 1.45~1.60, 3라운드)",
    ),
    "extreme": (
        "One round: LoRA trained 116x faster than full fine-tuning, of which arithmetic explains "
        "about 1.5x; no interval",
        "Whole process: LoRA 71.0x faster, no interval",
        "1라운드 결과: LoRA가 전체 파인튜닝보다 116배 빠르게 학습했지만, 연산량으로 설명되는 것은 약 "
        "1.5배뿐입니다 (신뢰 구간 없음)",
    ),
    "single": (
        "LoRA trained in 9.3 s; there is nothing to compare it with",
        "",
        "LoRA의 학습은 9.3초 걸렸습니다. 비교할 다른 방법이 없습니다",
    ),
}


WORDS = ("method", "size", "confidence", "low", "high", "rounds")


@pytest.mark.parametrize("situation", CASES)
def test_headline(situation: str) -> None:
    english, total, korean = CASES[situation]
    result = invented.SITUATIONS[situation]()
    headline = write_headline(result, Language("en"))
    assert (headline.text, headline.total) == (english, total)
    assert write_headline(result, Language("ko")).text == korean


def test_total_may_go_the_other_way() -> None:
    pair = invented.make_pair(total_ratio=0.8, total_interval=(0.75, 0.85), total_verdict="slower")
    reading = read_ratio(pair, "total")
    assert reading is not None
    assert (reading.faster, reading.slower, reading.verdict) == ("full", "lora", "faster")
    assert reading.ratio == pytest.approx(1.25)
    assert reading.interval == pytest.approx((1 / 0.85, 1 / 0.75))
    result: ComparisonResult = invented.make_result(pairs=[pair])
    assert write_headline(result, Language("en")).total == (
        "Whole process: full fine-tuning 1.25x faster (1.18 to 1.33)"
    )


@pytest.mark.parametrize(
    ("verdict", "ratio", "half", "expected"),
    [
        (
            "faster", 1.08, 1.03,
            "This machine shows a difference of 8 % between equal runs of LoRA: distrust smaller ones "
            "(95 % interval 1.05 to 1.11, 3 rounds)",
        ),
        (
            "not_settled", 1.02, 1.09,
            "This machine shows no difference where there is none, between equal runs of LoRA, but would "
            "hardly see one below 9 % (95 % interval 0.94 to 1.11, 3 rounds)",
        ),
        (
            "not_settled", 1.02, 3e4,
            "3 rounds tell nothing yet of what this machine shows between equal runs of LoRA "
            "(95 % interval <0.001 to >999; about 7 more would tell)",
        ),
        (
            "not_settled", 1.2, 2.7,
            "3 rounds tell nothing yet of what this machine shows between equal runs of LoRA "
            "(95 % interval 0.44 to 3.24; about 7 more would tell)",
        ),
        ("one_round", 1.04, 1.0, "One round of equal runs of LoRA: they differ by 4 %, no interval"),
    ],
)  # fmt: skip
def test_equal_runs_say_what_the_machine_shows_of_itself(
    verdict: str, ratio: float, half: float, expected: str
) -> None:
    result = invented.make_equal_runs(verdict, ratio, half)
    assert write_headline(result, Language("en")).text == expected
    assert "{" not in write_headline(result, Language("ko")).text


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("faster", "Whole process: the equal runs differ by 8 % (interval 1.05 to 1.11)"),
        ("about_the_same", "Whole process: about the same (1.08x, interval 1.05 to 1.11)"),
        ("not_settled", "Whole process: no difference is shown (interval 1.05 to 1.11)"),
        ("one_round", "Whole process: they differ by 8 %, no interval"),
    ],
)
def test_no_method_is_faster_than_itself(verdict: Any, expected: str) -> None:
    result = invented.make_equal_runs("faster", 1.08, 1.03)
    pair = result.pairs[0]
    pair.total_ratio, pair.total_interval, pair.total_verdict = 1.08, (1.05, 1.11), verdict
    assert write_headline(result, Language("en")).total == expected
    korean = write_headline(result, Language("ko")).total
    assert "빠름" not in korean and "{" not in korean


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_interval": (0.999, 1.3)}, "between equally fast and 1.30x faster than"),
        ({"train_interval": (0.0001, 5e6)}, "between >999x slower and >999x faster than"),
        ({"more_rounds": 1}, "about 1 more would tell"),
        ({"more_rounds": 999}, "at least 100 more would be needed"),
        ({"train_confidence": 1 - 0.01 / 6}, "(99.8 % interval"),
    ],
)
def test_what_is_not_settled_is_said_with_its_reach(changes: dict[str, Any], words: str) -> None:
    pair = invented.make_pair(1.1, "not_settled", **changes)
    assert words in write_headline(invented.make_result(pairs=[pair]), Language("en")).text


def test_tone_is_a_warning_where_there_is_no_ratio() -> None:
    tones = {name: write_headline(make(), Language("en")).tone for name, make in invented.SITUATIONS.items()}
    assert tones["normal"] == "shown"
    assert tones["one_round"] == tones["not_settled"] == "open"
    assert tones["about_the_same"] == "shown"
    assert tones["unequal"] == tones["one_failed"] == tones["all_failed"] == "warning"


@pytest.mark.parametrize("code", ["en", "ko"])
def test_few_rounds_of_equal_runs_assure_nobody(code: Any) -> None:
    result = invented.make_equal_runs("not_settled", 1.02, 3e4)
    pair = result.pairs[0]
    pair.total_ratio, pair.total_interval, pair.total_verdict = 1.2, (0.45, 3.27), "not_settled"
    language = Language(code)
    headline = write_headline(result, language)
    assured = language.say("equal.not_settled", **dict.fromkeys(WORDS, "X")).split("X")[0]
    assert not headline.text.startswith(assured)
    assert headline.total == language.say("total.equal.too_wide", rounds=3, low="0.45", high="3.27")
    said = [sentence.text for sentence in write_conclusion(result, language)]
    missed = language.say("rounds.resolution", size="X").partition("X")
    assert not [text for text in said if text.startswith(missed[0]) and text.endswith(missed[2])]


def test_wide_intervals_promise_no_size_that_would_be_seen() -> None:
    pair = invented.make_pair(train_ratio=2.0, train_interval=(0.001, 4000.0), verdict="not_settled")
    (rounds,) = write_rounds(invented.make_result(pairs=[pair]), pair, Language("en"))
    assert "999" not in rounds.text
    assert "3 rounds show large differences alone; more rounds show smaller ones." in rounds.text


@pytest.mark.parametrize(
    ("verdict", "interval"), [("not_settled", (0.13, 7.06)), ("about_the_same", (0.97, 1.01))]
)
def test_an_interval_says_which_over_which_and_is_that_of_the_table(verdict: Any, interval: Any) -> None:
    pair = invented.make_pair(total_ratio=0.98, total_interval=interval, total_verdict=verdict)
    result = invented.make_result(pairs=[pair])
    low, high = map(quantities.bound, interval)
    (table,) = make_pairs(result, Language("en"))
    assert f"{low} to {high}" in table.total
    said = {one.topic: one.text for one in write_conclusion(result, Language("en"))}
    assert f"interval of full fine-tuning over LoRA from {low} to {high}" in said["total"]
    assert "interval of full fine-tuning over LoRA from 2.20 to 2.43" in said["time"]
    korean = {one.topic: one.text for one in write_conclusion(result, Language("ko"))}
    assert f"전체 파인튜닝/LoRA의 신뢰 구간 {low}~{high}" in korean["total"]
    assert "전체 파인튜닝/LoRA의 95% 신뢰 구간 2.20~2.43" in korean["time"]


def test_what_is_shown_the_other_way_names_its_own_direction() -> None:
    pair = invented.make_pair(total_ratio=0.8, total_interval=(0.75, 0.85), total_verdict="slower")
    said = {
        one.topic: one.text for one in write_conclusion(invented.make_result(pairs=[pair]), Language("en"))
    }
    assert "1.25x, with an interval of LoRA over full fine-tuning from 1.18 to 1.33" in said["total"]
