"""The documents keep up with the code."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import re
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
import yaml
from click.testing import CliRunner

from laptime.cli import main as cli
from laptime.cli import methods
from laptime.comparison import devices, quality_figures, result
from laptime.methods.full import Full
from laptime.methods.method import Method
from laptime.runs import events
from laptime.speedups.short_attention import ShortAttention
from laptime.speedups.speedup import Speedup, find_speedups
from laptime.trackers.tensorboard import TensorBoard
from laptime.trackers.tracker import Tracker
from laptime.util.disk import show_size
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "src" / "laptime"
READMES = ["README.md", "README.ko.md"]
MOST_LINES = 180  # of an introduction
PAGES = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted(REPOSITORY.glob("docs/*.md")),
    *(
        file
        for folder in ("benchmarks", "src", "tests", "tools")
        for file in REPOSITORY.glob(f"{folder}/**/*.md")
    ),
]
FOR_USERS = [page for page in PAGES if page.parent in (REPOSITORY, REPOSITORY / "docs")]
HOLDS_CODE = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.M | re.S)
SPAN = re.compile(r"`([^`\n]+)`")


def read(path: Path | str) -> str:
    return (REPOSITORY / path).read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


RECORD = read("docs/record.md")


def test_the_table_of_methods_has_the_memory_that_the_command_gives() -> None:
    done = CliRunner().invoke(methods.command(), ["--json"])
    told = {one["name"]: one["memory_bytes"] for one in json.loads(done.output)["methods"]}
    shown = dict(re.findall(r"^\| `(\w+)` \|.*?\| ([\d.]+ GB) \|", read("docs/methods.md"), flags=re.M))
    assert len(shown) > 15
    assert shown == {name: show_size(told[name]) for name in shown}


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
        result.Against,
        result.SetBeside,
        result.Change,
        result.Forgetting,
        quality_figures.TimeToQuality,
        quality_figures.Reached,
        quality_figures.MomentLoss,
        quality_figures.Front,
        devices.RankResult,
    ],
)
def test_every_field_of_the_comparison_is_documented(kind: type) -> None:
    missing = [field.name for field in msgspec.structs.fields(kind) if f"`{field.name}`" not in RECORD]
    assert missing == []


def without_code(text: str) -> str:
    """Return a page without its code blocks."""
    return HOLDS_CODE.sub("", text)


def spans(text: str) -> list[str]:
    """Return what stands between backticks in the sentences of a page."""
    return SPAN.findall(without_code(text))


def commands_in(text: str) -> Iterator[str]:
    """Yield the lines of a page that call laptime: in its blocks, and between backticks."""
    for language, block in HOLDS_CODE.findall(text):
        lines = [line.removeprefix("$ ") for line in block.splitlines()]
        yield from (line for line in lines if line.startswith("laptime ") and language in ("sh", "text"))
    yield from (span for span in spans(text) if span.startswith("laptime "))


@pytest.fixture(scope="module")
def options() -> dict[str, set[str]]:
    """Every command with the options that it has."""
    cli.build_commands()
    return {name: {"--help", *list_options(command)} for name, command in cli.commands.commands.items()}


def list_options(command: click.Command) -> Iterator[str]:
    """Yield the options of a command and of its own commands; those of contestants are compare's too."""
    for below in getattr(command, "commands", {}).values():
        yield from list_options(below)
    for parameter in command.params:
        yield from parameter.opts
        if parameter.name == "contestants":
            yield "--trainer"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_options_exist(page: Path, options: dict[str, set[str]]) -> None:
    lines = [line for line in commands_in(read(page)) if not line.startswith("laptime: error")]
    for line in lines:
        name = line.split()[1]
        assert name in options, line
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", line.split("  #")[0]):
            assert option in options[name], line


@pytest.mark.parametrize("name", READMES)
def test_an_introduction_shows_the_commands_and_is_short(name: str) -> None:
    text = read(name)
    assert len(text.splitlines()) <= MOST_LINES
    assert len(list(commands_in(text))) >= 3
    (install, *_) = [block for language, block in HOLDS_CODE.findall(text) if language == "sh"]
    assert {"pip install .", "make demo", "make test"} <= set(re.split(r"\s*#.*\n", install))


@pytest.mark.parametrize("page", FOR_USERS, ids=name_of)
def test_options_in_sentences_exist(page: Path, options: dict[str, set[str]]) -> None:
    known = set().union(*options.values())
    named = {option for span in spans(read(page)) for option in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", span)}
    assert named - known == set()


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#{1,6} (.*)$", without_code(page.read_text(encoding="utf-8")), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(read(page))):
        if re.match(r"[a-z]+://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert file.is_relative_to(REPOSITORY), target
        if anchor:
            assert anchor in headings(file), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    """A name with a folder lies there, from the top or within the package; one without, somewhere."""
    everywhere = {
        file.name
        for folder in ("src", "tests", "benchmarks", "tools")
        for file in REPOSITORY.glob(f"{folder}/**/*.py")
    }
    for span in spans(read(page)):
        for named in re.findall(r"(?<![\w/.])[a-z_0-9/]+\.py\b", span):
            places = [page.parent / named, REPOSITORY / named, PACKAGE / named]
            assert any(place.exists() for place in places) or named in everywhere, span


def test_every_page_is_found_from_the_readme() -> None:
    for name in READMES:
        missing = [
            page for page in FOR_USERS if page.name not in READMES and f"({name_of(page)})" not in read(name)
        ]
        assert missing == []


PLUG_INS = {
    Full: Method.__abstractmethods__,
    ShortAttention: Speedup.__abstractmethods__,
    TensorBoard: {"check", "publish"} & set(vars(Tracker)),
}


@pytest.mark.parametrize("kind", PLUG_INS, ids=lambda kind: kind.__name__)
def test_examples_of_plug_ins_are_those_of_the_code(kind: type) -> None:
    """What CONTRIBUTING.md shows has the words and signatures of the file, and all that its seam asks for."""
    blocks = [
        block for language, block in HOLDS_CODE.findall(read("CONTRIBUTING.md")) if language == "python"
    ]
    (shown,) = [
        node
        for block in blocks
        for node in ast.parse(block).body
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    ]
    hooks = {node.name: node for node in shown.body if isinstance(node, ast.FunctionDef)}
    assert hooks.keys() >= PLUG_INS[kind]
    for name, node in hooks.items():
        assert [one.arg for one in node.args.args] == list(inspect.signature(getattr(kind, name)).parameters)
    for node in shown.body:
        if isinstance(node, ast.Assign):
            assert getattr(kind, ast.unparse(node.targets[0])) == ast.literal_eval(node.value)


def test_both_readmes_have_the_same_structure_and_figures() -> None:
    """Same headings in number and level, same code blocks, same links, same figures in the tables."""
    english, korean = (read(name) for name in READMES)

    def outline(text: str) -> list[str]:
        lines = without_code(text).splitlines()
        return [line.split(" ")[0] for line in lines if re.match(r"#{1,4} ", line)]

    def figures(text: str) -> list[str]:
        rows = [line for line in text.splitlines() if line.startswith("|")]
        return [number for row in rows for number in re.findall(r"\d[\d,.]*", row)]

    def blocks(text: str) -> list[str]:
        return [re.sub(r"\s+#.*|\"[^\"]*\"", "", block) for _, block in HOLDS_CODE.findall(text)]

    def links(text: str) -> list[str]:
        return sorted(set(re.findall(r"\]\(([^)]+)\)", text)) - set(READMES))

    assert outline(english) == outline(korean)
    assert figures(english) == figures(korean)
    assert blocks(english) == blocks(korean)
    assert links(english) == links(korean)


def test_every_reason_of_a_failure_is_documented() -> None:
    (row,) = [line for line in RECORD.splitlines() if line.startswith("| `failed`")]
    reasons = typing.get_args(events.FailureReason)
    assert reasons and [reason for reason in reasons if f"`{reason}`" not in row] == []


def test_names_of_the_package_lead_somewhere() -> None:
    """`laptime.runs.runner.Listener` in a page is a thing that can be imported."""
    pages = [*REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("*.md")]
    named = {
        name for page in pages for name in re.findall(r"`(laptime(?:\.\w+){2,})`", page.read_text("utf-8"))
    }
    assert "laptime.runs.runner.Listener" in named
    for name in named:
        module, _, thing = name.rpartition(".")
        assert hasattr(importlib.import_module(module), thing), name


def test_the_architecture_names_every_folder() -> None:
    text = read("docs/architecture.md")
    named = set(re.findall(r"^\| `(src/laptime/[a-z_/]*)` \| .", text, flags=re.M))
    files = [file for file in PACKAGE.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert named == {f"{name_of(folder)}/" for folder in {file.parent for file in files}}


def test_the_architecture_draws_the_layers_that_are_held() -> None:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    text = read("docs/architecture.md")
    (picture,) = [block for _, block in HOLDS_CODE.findall(text) if block.startswith("cli ")]
    drawn = [re.split(r"\s{3,}", line)[0].split() for line in picture.splitlines()]
    held = [layer.replace("laptime.", "").replace(":", "").split() for layer in layers]
    assert drawn == held


def test_every_module_says_what_it_holds() -> None:
    """A new file needs no line in any document: its own first line is read instead."""
    modules = [file for folder in (PACKAGE, REPOSITORY / "tools") for file in folder.rglob("*.py")]
    assert [name_of(file) for file in modules if not ast.get_docstring(ast.parse(file.read_bytes()))] == []


def test_no_sentence_of_the_code_points_to_a_readme() -> None:
    """What a user is told must not lead to a page that may change its headings."""
    files = [file for file in PACKAGE.rglob("*") if file.suffix in (".py", ".j2")]
    files += REPOSITORY.glob("benchmarks/**/*.py")
    assert [
        name_of(file) for file in files if re.search(r"README|CONTRIBUTING", file.read_text("utf-8"))
    ] == []


@pytest.fixture(scope="module")
def maker() -> Any:
    """The tool that writes the table of speedups."""
    spec = importlib.util.spec_from_file_location(
        "speedup_pages", REPOSITORY / "tools" / "docs" / "speedups.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_speedups_is_that_of_the_code(maker: Any) -> None:
    page = read("docs/speedups.md")
    assert page == maker.renew(page), "python tools/docs/speedups.py renews it"
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (\w+) \|", page, flags=re.M))
    assert rows == {kind.name: kind.claims for kind in find_speedups()}


def test_the_table_of_speedups_says_where_they_have_no_effect(maker: Any) -> None:
    """Texts of the source with the constants of their file, also where another function gives them."""
    said = {kind.name: list(maker.find_reasons(kind)) for kind in find_speedups()}
    assert said["short_attention"] == [
        "a GPU's attention kernels are faster",
        "compiled_attention attends",
        "examples of up to ... tokens; short means 512",
    ]
    assert "written for llama, mistral, qwen2, qwen3, not for ..." in said["fused_blocks"]
    assert said["fused_optimizer"] == ["torch's fused kernel is AdamW's with moments of 32 bits"]


def test_the_workflow_runs_what_the_readme_says_on_the_oldest_python() -> None:
    workflow = yaml.safe_load(read(".github/workflows/ci.yml"))
    project = tomllib.loads(read("pyproject.toml"))["project"]
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == "make test"
    assert project["requires-python"] == f">={job['strategy']['matrix']['python'][0]}"
    assert "secrets" not in read(".github/workflows/ci.yml")


def test_the_package_says_that_it_has_types() -> None:
    assert (PACKAGE / "py.typed").exists()
