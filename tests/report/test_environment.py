"""The facts of the environment are words, never the marks of a data structure."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.report.environment import flatten, group_facts
from laptime.report.language import Language
from tests.report import invented


def _facts(lang: Any) -> dict[str, dict[str, str]]:
    groups = group_facts(invented.make_result(), Language(lang))
    return {heading: dict(facts) for heading, facts in groups}


@pytest.mark.parametrize(
    ("lang", "machine", "data", "variable", "note", "examples"),
    [
        ("en", "Machine and versions", "Data", "environment variable", "note", "examples digest"),
        ("ko", "하드웨어와 버전", "데이터", "환경 변수", "참고", "레코드 다이제스트"),
    ],
)
def test_variables_and_notes_are_read_one_by_one(
    lang: Any, machine: str, data: str, variable: str, note: str, examples: str
) -> None:
    facts = _facts(lang)
    assert facts[machine][f"{variable} OMP_NUM_THREADS"] == "2"
    assert facts[machine][f"{variable} THP_MEM_ALLOC_ENABLE"] == "1"
    assert facts[machine]["torch"] == "2.13.0"
    english = "2 of 10 examples cut to --max-length 64 at the end of their answer"
    korean = "레코드 10개 중 2개를 --max-length 64에 맞춰 답변 끝에서 자름"
    assert facts[data][f"{note} 1"] == (english if lang == "en" else korean)
    assert facts[data][f"{note} 2"].startswith(
        "1 of 3 held-out examples" if lang == "en" else "평가용 레코드 3개"
    )
    assert facts[data][examples] == "sha256:51d0c2"
    shown = [text for group in facts.values() for fact in group.items() for text in fact]
    assert not [text for text in shown if set(text) & set("{}[]'")]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"target_modules": ["q_proj", "v_proj"]}, [("target modules", "q_proj, v_proj")]),
        ({"notes": ["one sentence of four words"]}, [("note", "one sentence of four words")]),
        ({"notes": [], "environment": {}, "name": None}, []),
        (
            {"parts": [{"file_bytes": 2000, "whole": True}, {"file_bytes": 10, "whole": False}]},
            [
                ("parts 1 file bytes", "2.0 kB"),
                ("parts 1 whole", "yes"),
                ("parts 2 file bytes", "10 B"),
                ("parts 2 whole", "no"),
            ],
        ),
        ({"pairs": [[1, 2], [3, None]]}, [("pairs 1", "1, 2"), ("pairs 2", "3")]),
    ],
)
def test_facts_within_facts(facts: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert list(flatten(facts, Language("en"))) == expected


def test_the_version_is_the_one_of_the_whole_page() -> None:
    """The runs know the version alone; the comparison knows the commit."""
    result = invented.make_result(laptime="0.1.0+g1a2b3c4d5e6f", machine={"versions": {"laptime": "0.1.0"}})
    assert ("laptime", "0.1.0+g1a2b3c4d5e6f") in group_facts(result, Language("en"))[0][1]
    other = invented.make_result(laptime="0.2.0+g1a2b3c4d5e6f", machine={"versions": {"laptime": "0.1.0"}})
    assert ("laptime", "0.1.0") in group_facts(other, Language("en"))[0][1]
