"""Fairness findings in the language of the page, grouped by their level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laptime.comparison.result import ComparisonResult, Finding
from laptime.report.badges import merge_busy
from laptime.report.language import Language
from laptime.report.quantities import known
from laptime.report.recorded import say_recorded

LEVELS = ("wrong", "unequal", "stated", "flag")


def say_finding(finding: Finding, language: Language) -> str:
    """Return a finding in `language`, or its English text where code or values are not known."""
    key = f"finding.{finding.code}"
    if not language.knows(key):
        return finding.text
    try:
        words = _words(finding.values, language)
        number = words.pop("number", 0)
        return language.sentence(language.plural(key, number, **words))
    except (KeyError, IndexError, ValueError):  # values of another version
        return finding.text


def _words(values: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return the values of a finding as they stand in a sentence."""
    words = dict(values)
    if isinstance(words.get("method"), str):
        words["method"] = language.method(words["method"])
    if isinstance(words.get("methods"), str):
        words["methods"] = words["methods"].split(", ")
    if isinstance(words.get("methods"), list):
        words["methods"] = language.join([language.method(str(name)) for name in words["methods"]])
    if isinstance(words.get("values"), dict):
        words["values"] = ", ".join(f"{name} {value}" for name, value in words["values"].items())
    if isinstance(words.get("note"), str):
        words["note"] = say_recorded(words["note"], language)
    if "seconds" in words:
        words["seconds"] = language.seconds(words["seconds"])
    percent = words.get("percent")
    if isinstance(percent, (int, float)) and known(percent):
        words["percent"] = language.percent(abs(percent) / 100)
    return words


def group_findings(result: ComparisonResult, language: Language) -> list[tuple[str, str, list[str]]]:
    """Return (level, heading, sentences) for each level that has findings, the gravest first."""
    groups = []
    findings, busy = merge_busy(result, language)
    for level in LEVELS:
        said = [say_finding(finding, language) for finding in findings if finding.level == level]
        said += busy if level == "flag" else []
        if said:
            groups.append((level, language.say(f"findings.{level}"), list(dict.fromkeys(said))))
    return groups
