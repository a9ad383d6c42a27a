"""The documents keep up with the code."""

from __future__ import annotations

import re
import typing

import msgspec
import pytest

from laptime import events
from laptime.comparison import result
from laptime.methods.method import find_methods
from laptime.spec import SECTIONS, CompareSpec, flag
from laptime.speedups.speedup import find_speedups
from tests.conftest import REPOSITORY

RECORD = (REPOSITORY / "docs" / "record.md").read_text(encoding="utf-8")
READMES = ["README.md", "README.ko.md"]


@pytest.mark.parametrize("event", typing.get_args(events.AnyEvent), ids=lambda event: event.__name__)
def test_every_event_and_field_of_the_record_is_documented(event: type) -> None:
    assert f"| `{event.__struct_config__.tag}` |" in RECORD
    row = next(
        line for line in RECORD.splitlines() if line.startswith(f"| `{event.__struct_config__.tag}` |")
    )
    for field in msgspec.structs.fields(event):
        if field.name not in {"time", "when"}:
            assert f"`{field.name}`" in row, field.name


@pytest.mark.parametrize(
    "kind",
    [
        result.ComparisonResult,
        result.MethodResult,
        result.Pair,
        result.QuestionAnswers,
        result.MethodAnswer,
        result.Finding,
        result.Failure,
        result.Score,
        result.SpeedupResult,
        result.Variant,
        result.Ablation,
    ],
)
def test_every_field_of_the_comparison_is_documented(kind: type) -> None:
    missing = [field.name for field in msgspec.structs.fields(kind) if f"`{field.name}`" not in RECORD]
    assert missing == []


@pytest.mark.parametrize("name", READMES)
def test_readmes_use_options_and_commands_that_exist(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    kinds = [CompareSpec, *SECTIONS.values(), *(method.options_type for method in find_methods().values())]
    known = {flag(field.name) for kind in kinds for field in msgspec.structs.fields(kind)}
    known |= {"--out", "--config", "--track", "--lang", "--method", "--help", "--records", "--tokens"}
    known |= {"--resume", "--wait", "--contestant"}
    lines = [line for line in text.splitlines() if line.startswith("laptime ") and "error:" not in line]
    assert lines, "no example of a command"
    for line in lines:
        assert line.split()[1] in {"compare", "train", "data", "ask", "report", "show"}, line
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", line):
            assert option in known, line


@pytest.mark.parametrize("name", READMES)
def test_every_speedup_is_in_the_table(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (bitwise|rounding|different) \|$", text, flags=re.M))
    assert rows == {kind.name: kind.claims for kind in find_speedups()}


def test_both_readmes_have_the_same_structure_and_figures() -> None:
    """Same headings in number and level, same code blocks, same figures in the tables."""
    english, korean = ((REPOSITORY / name).read_text(encoding="utf-8") for name in READMES)

    def outline(text: str) -> list[str]:
        prose = re.sub(r"```.*?```", "", text, flags=re.S)
        return [line.split(" ")[0] for line in prose.splitlines() if re.match(r"#{1,4} ", line)]

    def figures(text: str) -> list[str]:
        rows = [line for line in text.splitlines() if line.startswith("|")]
        return [number for row in rows for number in re.findall(r"\d[\d,.]*", row)]

    assert outline(english) == outline(korean)
    assert figures(english) == figures(korean)
    blocks = [re.findall(r"```(?:sh|python)\n(.*?)```", text, flags=re.S) for text in (english, korean)]
    commands = [[re.sub(r"\s+#.*|\"[^\"]*\"", "", block) for block in found] for found in blocks]
    assert commands[0] == commands[1]


def test_the_tree_in_the_readme_names_what_exists() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    tree = text.split("<!-- tree -->")[1]
    named = set(re.findall(r"\b([a-z0-9_]+\.py)\b", tree))
    package = REPOSITORY / "src" / "laptime"
    existing = {file.name for file in package.rglob("*.py") if file.name != "__init__.py"}
    assert named <= existing, "named but not there"
    assert existing - named == set(), "there but not named"
