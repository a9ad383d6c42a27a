"""What must be seen first: a busy machine, swapping, heat, too few rounds; and many busy runs in one line."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.comparison.result import ComparisonResult, Finding
from laptime.report.badges import list_badges
from laptime.report.findings import group_findings
from laptime.report.language import Language
from tests.report import invented

ENGLISH = Language("en")


def flag(code: str, **values: Any) -> Finding:
    return Finding(level="flag", code=code, text=code, values=values)


def busy(run: str, load: float = 3.4) -> Finding:
    return flag("load", run=run, load_average=load, cores=2)


def labels(result: ComparisonResult) -> list[str]:
    return [badge.label for badge in list_badges(result, ENGLISH)]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (invented.make_result(findings=[]), []),
        (invented.make_result(findings=[busy("full-2")]), ["Machine was busy"]),
        (
            invented.make_result(findings=[flag("fewer_threads", free=1, cores=2, threads=1)]),
            ["Machine was busy"],
        ),
        (invented.make_result(findings=[flag("swap", run="full-1")]), ["Memory was swapped"]),
        (invented.make_result(findings=[flag("throttled", run="full-1")]), ["Throttled by heat"]),
        (invented.make_one_round(findings=[]), ["Too few rounds"]),
        (invented.make_not_settled(), ["Too few rounds"]),
        (invented.make_about_the_same(), []),
        (invented.make_all_failed(), []),
    ],
)
def test_badges(result: ComparisonResult, expected: list[str]) -> None:
    result.findings = [one for one in result.findings if one.code != "learning_rate"]
    if result.pairs and result.pairs[0].verdict in ("about_the_same", "not_settled"):
        result.findings = []
    assert labels(result) == expected


def test_a_badge_counts_the_runs() -> None:
    result = invented.make_result(findings=[busy("full-1"), busy("lora-1"), busy("lora-1")])
    (badge,) = list_badges(result, ENGLISH)
    assert badge.text.startswith("2 of 6 runs had other programs beside them")


def test_busy_runs_are_one_line() -> None:
    result = invented.make_result(findings=[busy("full-1", 2.5), busy("lora-1"), flag("swap", run="full-1")])
    ((_, _, sentences),) = group_findings(result, ENGLISH)
    assert sentences == [
        "During full-1 the machine swapped memory to disk.",
        "During 2 of 6 runs the machine was busy: load 2.5 to 3.4 on 2 cores (full-1, lora-1).",
    ]
    result.findings = [busy("full-1")]
    ((_, _, sentences),) = group_findings(result, ENGLISH)
    assert sentences == ["During full-1 the machine was busy: load 3.4 on 2 cores."]


def test_findings_of_another_version_are_left_as_they_are() -> None:
    result = invented.make_result(findings=[flag("load", run="a"), flag("load", load_average="x")])
    ((_, _, sentences),) = group_findings(result, ENGLISH)
    assert sentences == ["load"]
