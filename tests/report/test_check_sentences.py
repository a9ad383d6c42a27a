"""What the self-checks found, said once for all that passed and for each method that did not."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.comparison.result import CheckResult
from laptime.report.check_sentences import write_checks
from laptime.report.language import Language
from tests.report import invented


def make_checks(**outcomes: Any) -> list[CheckResult]:
    passed = {"parameters": True, "loss": True, "reload": True} | outcomes
    return [CheckResult(name=name, passed=value, note="") for name, value in passed.items()]  # type: ignore[arg-type]


def said(lang: Any, full: list[CheckResult], lora: list[CheckResult]) -> list[tuple[str, bool]]:
    result = invented.make_result()
    for method, checks in zip(result.methods, (full, lora), strict=True):
        method.checks = checks
    return [(remark.text, remark.warning) for remark in write_checks(result, Language(lang))]


def test_without_checks_nothing_is_said() -> None:
    assert said("en", [], []) == []


def test_what_passed_everywhere_is_one_sentence() -> None:
    assert said("en", make_checks(), make_checks()) == [
        (
            "Checked after every run of full fine-tuning and LoRA: the trained parameters changed and no "
            "others did, the loss on the training records fell, the saved result, loaded again, is the "
            "trained model with the same logits.",
            False,
        )
    ]
    ((korean, _),) = said("ko", make_checks(), make_checks())
    assert korean.startswith(
        "전체 파인튜닝, LoRA의 모든 실행을 마치고 점검한 결과: 학습 대상 파라미터만 바뀌었습니다,"
    )


@pytest.mark.parametrize(
    ("outcomes", "text", "warning"),
    [
        ({"loss": False}, "the loss on the training records did NOT fall", True),
        ({"reload": False}, "WRONG: the saved result, loaded again, is not the trained model", True),
        ({"parameters": False}, "WRONG: the trained parameters did not change, or others did", True),
        ({"loss": None}, "it could not be checked that the loss on the training records fell", False),
    ],
)
def test_what_did_not_pass_is_said_for_its_method(outcomes: Any, text: str, warning: bool) -> None:
    first, second = said("en", make_checks(**outcomes), make_checks())
    assert first[0].startswith("Checked after every run of LoRA: ")
    assert second[0].startswith("Full fine-tuning: ") and text in second[0]
    assert second[1] is warning
