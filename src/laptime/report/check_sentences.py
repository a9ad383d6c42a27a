"""What the self-checks after training found, in plain sentences."""

from __future__ import annotations

from laptime.comparison.result import CheckResult, ComparisonResult
from laptime.report.language import Language
from laptime.report.sentence import Sentence


def write_checks(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Return one sentence for all methods whose checks all passed, and one for each other method."""
    checked = [method for method in result.methods if method.checks]
    passed = [m for m in checked if all(check.passed for check in m.checks)]
    sentences = []
    if passed:
        methods = language.join([language.method(method.name) for method in passed])
        text = language.say("checks.passed", methods=methods, list=_say_all(passed[0].checks, language))
        sentences.append(Sentence("checks", text))
    for method in checked:
        if method not in passed:
            values = {"method": language.title(method.name), "list": _say_all(method.checks, language)}
            failed = any(check.passed is False for check in method.checks)
            sentences.append(Sentence("checks", language.say("checks.mixed", **values), warning=failed))
    return sentences


def _say_all(checks: list[CheckResult], language: Language) -> str:
    """Return what each check found, one after the other."""
    outcomes = {True: "passed", False: "failed", None: "open"}
    return language.chain(
        [language.plural(f"check.{one.name}.{outcomes[one.passed]}", one.records) for one in checks]
    )
