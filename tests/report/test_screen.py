"""The door to the terminal: nothing that a user, a file or a model wrote does anything there."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import laptime.cli
from laptime.cli.report import render_again
from laptime.cli.show import show
from laptime.report import screen
from laptime.report.progress import Watcher, say_what_it_is
from laptime.report.screen import Screen
from laptime.runs.events import Answer, Data, Failed, Phase, Resumed
from laptime.runs.plan import PlannedRun
from laptime.runs.runner import Prospect
from laptime.spec import CompareSpec, DataSpec, ModelSpec
from tests.comparison.scripted import write_scripted_comparison
from tests.report.hostile_strings import DIRECTIONS, OTHERS

MARKUP = ["x[/nope]y", "[red]x[bold]o", ":smile: [link=http://a]b[/link]", "\\[x]", "[@click=a]b[/]"]
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def written(*things: object) -> str:
    stream = io.StringIO()
    screen = Screen(file=stream, width=200)
    for thing in things:
        screen.print(thing, soft_wrap=isinstance(thing, str))
    return stream.getvalue()


@pytest.mark.parametrize("text", MARKUP)
def test_markup_is_text(text: str) -> None:
    table = Table(text, title=text)
    table.add_row(text)
    assert written(text) == f"{text}\n"
    assert written(table).count(text) == 3
    assert written(Padding(text, 0)).rstrip() == text


@pytest.mark.parametrize("text", [*OTHERS, *DIRECTIONS])
def test_no_string_does_anything(text: str) -> None:
    for thing in (text, Text(text), Padding(text, 1), Table(text, title=text)):
        assert not HARMFUL.search(written(thing))


def test_what_the_console_itself_writes_still_works() -> None:
    stream = io.StringIO()
    screen = Screen(file=stream, width=80, force_terminal=True, color_system="standard", legacy_windows=False)
    screen.print("a", style="bold")
    assert stream.getvalue() == "\x1b[1ma\x1b[0m\n"
    screen.show_cursor(False)
    assert stream.getvalue().endswith("\x1b[?25l")


@pytest.mark.parametrize("colours", [None, "standard"])
def test_no_line_ends_in_blanks(colours: Literal["standard"] | None) -> None:
    """Neither one that was wrapped, nor one of a table, whose cells are filled up."""
    stream = io.StringIO()
    screen = Screen(file=stream, width=20, force_terminal=bool(colours), color_system=colours)
    table = Table("name", "what it is", box=None)
    table.add_row("a", Text("b c d e f g h i j k", style="green"))
    for thing in ("one two three four five six", Text("seven eight nine ten", style="red"), table):
        screen.print(thing)
    screen.print(Padding("x", (1, 2)), Text("inner  blanks"))
    shown = re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue())
    assert len(shown.splitlines()) == 10 and "inner  blanks" in shown
    assert [line for line in shown.splitlines() if line.endswith(" ")] == []


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("text", [*MARKUP, "a\x1b]0;b\x07c\u202ed"])
def test_progress_takes_no_name_for_markup(terminal: bool, text: str) -> None:
    stream = io.StringIO()
    screen = Screen(file=stream, width=300, force_terminal=terminal, color_system=None)
    watcher = Watcher(screen)
    planned = PlannedRun(run=text, method=text, round=1)
    watcher.planned([planned], 0, Prospect())
    watcher.began(planned)
    watcher.happened(Data(name=text, digest="d", template=text, num_records=1, num_held_out=0,
                          num_tokens=1, num_trained_tokens=1, num_cut=0, num_steps=5))  # fmt: skip
    watcher.happened(
        Resumed(step=1, seconds_before=1.0, from_checkpoint=text, unusable=[text], changed=[text])
    )
    watcher.happened(Phase(name="train", seconds=1.0))
    watcher.happened(Answer(question=text, text=text, source="asked", num_tokens=1, stopped="length"))
    watcher.happened(Failed(reason="error", message=text))
    watcher.ended(planned)
    shown = stream.getvalue()
    if text in MARKUP:
        assert text in shown
    assert "\x1b]0" not in shown and "\u202e" not in shown and "\x07" not in shown


def test_no_password_of_an_address_passes() -> None:
    spec = CompareSpec(
        model=ModelSpec(model="https://a:secret/x@y@h"), data=DataSpec(data="ftp://a:secret@h")
    )
    stream = io.StringIO()
    say_what_it_is(Screen(file=stream, width=80), spec, Path("out"))
    assert "secret" not in stream.getvalue() and "-> out" in stream.getvalue()


@pytest.mark.parametrize("name", ["x[/nope]y", "[red]x[bold]o", "한글 😀 [b]"])
def test_a_report_says_where_it_lies(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / name
    folder.mkdir(parents=True)
    write_scripted_comparison(folder, {"full": [2.0], "lora": [1.0]})
    render_again(folder, "en")
    lines = capsys.readouterr().out.splitlines()
    assert f"{folder}/report.html" in lines and all(Path(line).is_file() for line in lines)
    show(folder)
    assert "lora" in capsys.readouterr().out


def test_the_commands_print_through_the_door_alone() -> None:
    assert isinstance(screen.console(), Screen)
    for file in Path(laptime.cli.__file__).parent.glob("*.py"):
        source = file.read_text(encoding="utf-8")
        assert Console.__name__ not in re.findall(r"\bConsole\b", source)
        assert not re.search(r"(?<![\w.])print\(", source)
