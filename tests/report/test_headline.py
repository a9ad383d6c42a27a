"""The headline says what the verdict says and no more."""

from __future__ import annotations

import pytest

from laptime.comparison.result import ComparisonResult
from laptime.report.headline import read_ratio, write_headline
from laptime.report.language import Language
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
    "no_difference": (
        "No measurable difference in training time between LoRA and full fine-tuning "
        "(1.04x, 95 % interval 0.91 to 1.19, 3 rounds)",
        "Whole process: no measurable difference (1.03x, interval 0.95 to 1.11)",
        "LoRA와 전체 파인튜닝의 학습 시간에는 측정 가능한 차이가 없습니다"
        " (1.04배, 95% 신뢰 구간 0.91~1.19, 3라운드)",
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
        "LoRA on the top layers trained 3.52x faster than full fine-tuning "
        "(95 % interval 3.36 to 3.71, 3 rounds)",
        "Whole process: LoRA on the top layers 1.30x faster (1.20 to 1.40)",
        "상위 레이어 LoRA가 전체 파인튜닝보다 3.52배 빠르게 학습했습니다 (95% 신뢰 구간 3.36~3.71, 3라운드)",
    ),
    "extreme": (
        "One round: LoRA trained 116x faster than full fine-tuning, no interval",
        "Whole process: LoRA 71.0x faster, no interval",
        "1라운드 결과: LoRA가 전체 파인튜닝보다 116배 빠르게 학습했습니다 (신뢰 구간 없음)",
    ),
    "single": (
        "LoRA trained in 9.3 s; there is nothing to compare it with",
        "",
        "LoRA가 9.3초 만에 학습을 마쳤습니다. 비교할 다른 방법이 없습니다",
    ),
}


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


def test_tone_is_a_warning_where_there_is_no_ratio() -> None:
    tones = {name: write_headline(make(), Language("en")).tone for name, make in invented.SITUATIONS.items()}
    assert tones["normal"] == "shown"
    assert tones["one_round"] == tones["no_difference"] == "open"
    assert tones["unequal"] == tones["one_failed"] == tones["all_failed"] == "warning"
