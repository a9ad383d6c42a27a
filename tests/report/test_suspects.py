"""A ratio far beyond arithmetic: the headline says so first, and the records name or clear each suspect."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.comparison.result import ComparisonResult, Finding
from laptime.report.headline import choose_pair, write_headline
from laptime.report.language import Language
from laptime.report.quantities import Lang
from laptime.report.suspects import write_suspects
from tests.report import invented


def say(result: ComparisonResult) -> tuple[str, str]:
    """Return what is suspected, and what is cleared."""
    pair = choose_pair(result)
    assert pair is not None
    likely, *cleared = write_suspects(result, pair, Language("en"))
    assert likely.warning and not any(one.warning for one in cleared)
    return likely.text, " ".join(one.text for one in cleared)


def change(**changes: Any) -> ComparisonResult:
    """Return the job of 1040 s with changes to the row of full fine-tuning."""
    result = invented.make_reference_job()
    for row in result.methods:
        row.step_part_seconds["optimizer"] = 0.001
    for name, value in changes.items():
        setattr(result.methods[0], name, value)
    return result


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", "One round: LoRA trained 115x faster than full fine-tuning, of which arithmetic explains "
         "about 1.5x; no interval"),
        ("ko", "1라운드 결과: LoRA가 전체 파인튜닝보다 115배 빠르게 학습했지만, 연산량으로 설명되는 것은 약 "
         "1.5배뿐입니다 (신뢰 구간 없음)"),
    ],
)  # fmt: skip
def test_the_headline_says_it_first(lang: Lang, words: str) -> None:
    headline = write_headline(invented.make_reference_job(), Language(lang))
    assert headline.text == words
    assert headline.tone == "warning"


def test_a_shown_ratio_keeps_its_interval() -> None:
    result = invented.make_result(pairs=[invented.make_pair(30.0)])
    assert write_headline(result, Language("en")).text == (
        "LoRA trained 30.0x faster than full fine-tuning, of which arithmetic explains about 1.5x "
        "(95 % interval 28.6 to 31.6, 3 rounds)"
    )


@pytest.mark.parametrize(
    "changes",
    [{"arithmetic_ratio": None}, {"arithmetic_ratio": 11.0}, {"verdict": "not_settled"}],
)
def test_nothing_is_said_of_a_ratio_that_is_near_unknown_or_not_settled(changes: dict[str, Any]) -> None:
    result = invented.make_result(pairs=[invented.make_pair(30.0, **{"more_rounds": 3} | changes)])
    assert "arithmetic" not in write_headline(result, Language("en")).text


def test_nothing_is_said_where_the_user_chose_the_cause() -> None:
    result = invented.make_contestants()
    pair = invented.make_pair(30.0, faster="lora", slower="plain", arithmetic_ratio=1.0)
    result.pairs = [pair]
    result.methods = [row for row in result.methods if row.name != "wide"]
    assert "arithmetic" not in write_headline(result, Language("en")).text


def test_what_clears_and_what_is_left() -> None:
    likely, cleared = say(change())
    assert likely.startswith("Nothing that was recorded explains it: repeat the run")
    for words in ("swapping (no run", "checkpoints (none was written", "the number format (both compute"):
        assert words in cleared


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"step_part_seconds": {"forward": 6.0, "backward": 8.0, "optimizer": 6.8}},
         "the optimizer, whose state may be offloaded or paged (6.8 s of a step against 1.0 ms, 33 %"),
        ({"compute_dtype": "float32"}, "the slower one computes in float32, the faster one in float16"),
        ({"precision_reason": "asked for with --precision; the CPU has no native bf16"}, "the number format"),
        ({"step_part_seconds": {"data": 9.0, "forward": 6.0, "backward": 8.0, "optimizer": 0.001}},
         "the wait for data (39 %"),
        ({"first_step_seconds": 200.0}, "the first step of full fine-tuning (3 min 20 s, later ones 20.4 s)"),
        ({"step_seconds": [20.0] * 30 + [400.0]}, "single steps of full fine-tuning (up to 6 min 40 s"),
        ({"peak_bytes": 15_500_000_000}, "the memory (full fine-tuning held 16 GB of 16 GB, 97 %)"),
    ],
)  # fmt: skip
def test_each_suspect_is_named_by_its_evidence(changes: dict[str, Any], words: str) -> None:
    result = change(**changes)
    result.machine["gpu_memory_bytes"] = [16_000_000_000, 16_000_000_000]
    if "peak_bytes" not in changes:
        result.methods[0].peak_bytes = 9_000_000_000
    likely, cleared = say(result)
    assert words in likely and words not in cleared


def test_swapping_of_the_slower_one_alone_counts() -> None:
    result = change()
    result.findings = [Finding(level="flag", code="swap", text="", values={"run": "full-r1"})]
    assert "the machine swapped memory to disk during full-r1" in say(result)[0]
    result.findings[0].values["run"] = "lora-r1"
    assert "swapping (no run of the slower one swapped)" in say(result)[1]


def test_checkpoints_are_told_apart_from_the_training() -> None:
    result = change(phase_seconds={"train": 1040.0, "checkpoint": 500.0})
    assert "they took 8 min 20 s with full fine-tuning, which the training time leaves out" in say(result)[1]
