"""What the self-checks found, said once for all that passed and for each method that did not."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.comparison.result import CheckResult, Finding
from laptime.report.check_sentences import write_checks
from laptime.report.findings import say_finding
from laptime.report.language import Language
from tests.report import invented


def make_checks(**outcomes: Any) -> list[CheckResult]:
    passed = {"parameters": True, "loss": True, "reload": True} | outcomes
    return [
        CheckResult(name=name, passed=value, note="", records=10 * (name == "loss"))  # type: ignore[arg-type]
        for name, value in passed.items()
    ]


def said(lang: Any, full: list[CheckResult], lora: list[CheckResult]) -> list[tuple[str, bool]]:
    result = invented.make_result()
    for method, checks in zip(result.methods, (full, lora), strict=True):
        method.checks = checks
    return [(sentence.text, sentence.warning) for sentence in write_checks(result, Language(lang))]


def test_without_checks_nothing_is_said() -> None:
    assert said("en", [], []) == []


def test_what_passed_everywhere_is_one_sentence() -> None:
    assert said("en", make_checks(), make_checks()) == [
        (
            "Checked after every run of full fine-tuning and LoRA: the trained parameters changed and no "
            "others did, the loss of 10 training examples, measured before the training and after it, fell, "
            "the saved result, loaded again, is the trained model with the same logits.",
            False,
        )
    ]
    ((korean, _),) = said("ko", make_checks(), make_checks())
    assert korean.startswith(
        "전체 파인튜닝, LoRA의 모든 실행을 마치고 점검한 결과: 학습 대상 파라미터만 바뀌었고,"
    )
    assert "학습 레코드 10개의 손실을 학습 전과 후에 재니 줄었고, 저장한" in korean


def test_one_example_is_said_to_be_one() -> None:
    checks = make_checks()
    checks[1].records = 1
    ((english, _),) = said("en", checks, checks)
    assert "the loss of 1 training example, measured before the training and after it, fell" in english


def test_the_losses_of_check_and_steps_are_told_apart() -> None:
    """Both sentences may stand on one page, where the examples before and after differ from step to step."""
    (english, _), *_ = said("en", make_checks(), make_checks())
    finding = Finding(level="flag", code="not_learned", text="", values={"method": "lora"})
    assert "measured before the training and after it" in english
    assert say_finding(finding, Language("en")) == (
        "As the training of LoRA went on, the loss of its steps, each on its own examples, did not fall."
    )
    assert "스텝마다 그 스텝의 레코드로 계산한 손실" in say_finding(finding, Language("ko"))


@pytest.mark.parametrize(
    ("outcomes", "text", "warning"),
    [
        ({"loss": False}, "measured before the training and after it, did NOT fall", True),
        ({"reload": False}, "WRONG: the saved result, loaded again, is not the trained model", True),
        ({"parameters": False}, "WRONG: the trained parameters did not change, or others did", True),
        ({"loss": None}, "it could not be checked that the loss of training examples is lower", False),
    ],
)
def test_what_did_not_pass_is_said_for_its_method(outcomes: Any, text: str, warning: bool) -> None:
    first, second = said("en", make_checks(**outcomes), make_checks())
    assert first[0].startswith("Checked after every run of LoRA: ")
    assert second[0].startswith("Full fine-tuning: ") and text in second[0]
    assert second[1] is warning
