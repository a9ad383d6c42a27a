"""`laptime show --watch`: lines where there is no terminal, a table in its place where there is one."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from laptime.cli.show import show_command
from laptime.comparison.result import write_result
from laptime.errors import UserError
from laptime.live import terminal_watch
from laptime.live.terminal_watch import watch_folder
from laptime.report.screen import Screen
from laptime.runs.plan import run_folder
from laptime.session import gather_result
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.live.test_race_reader import at_work


@pytest.fixture
def race(tmp_path: Path) -> Path:
    """A race of two methods, of which nothing has run."""
    return write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]}, skip=["full-r1", "lora-r1"])


def play(race: Path, monkeypatch: pytest.MonkeyPatch, screen: Screen) -> list[float]:
    """Watch a race that makes a step forward whenever it is waited for; returns the pauses."""
    lock = at_work(race)
    lock.__enter__()

    def end(method: str) -> None:
        shutil.rmtree(run_folder(race, f"{method}-r1"), ignore_errors=True)
        write_scripted_run(run_folder(race, f"{method}-r1"), method, train_seconds=len(method) * 2.0)
        write_result(race, gather_result(race))

    steps: list[Callable[[], object]] = [
        lambda: write_scripted_run(run_folder(race, "full-r1"), "full", unfinished=True),
        lambda: end("full"),
        lambda: None,
        lambda: end("lora"),
        lambda: lock.__exit__(None, None, None),
    ]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        steps.pop(0)()

    monkeypatch.setattr(terminal_watch.time, "sleep", sleep)
    watch_folder(race, screen)
    assert steps == [], "it ends when nothing works there any more"
    return pauses


def test_lines_where_there_is_no_terminal(race: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(file=io.StringIO(), width=80)
    pauses = play(race, monkeypatch, screen)
    assert min(pauses) >= 1.0
    assert screen.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "1 of 3 runs done; No verdict yet: it takes a finished round of two that race",
        "2 of 3 runs done; No verdict yet: it takes a finished round of two that race",
        "3 of 3 runs done; One round: LoRA trained 1.00x faster than full fine-tuning, no interval",
    ]


def test_a_table_in_its_place_on_a_terminal(race: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(file=io.StringIO(), width=80, height=12, force_terminal=True, color_system=None)
    play(race, monkeypatch, screen)
    written = screen.file.getvalue()  # type: ignore[attr-defined]
    frames = written.split("\x1b[?25l")[1].split("\x1b[2K")
    assert "full-r1 (2 of 3): step 1 of 4, loss 4.000" in written
    assert "INCOMPLETE: it is at work" in written
    assert max(frame.count("\n") for frame in frames) <= 12, "no frame is higher than the terminal"
    assert written.endswith("\x1b[?25h") or "\x1b[?25h" in written, "the cursor comes back"


def test_what_is_over_is_printed_once(race: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method in ("full", "lora"):
        write_scripted_run(run_folder(race, f"{method}-r1"), method)
    show_command.main([str(race), "--watch"], standalone_mode=False)
    watched = capsys.readouterr().out
    show_command.main([str(race)], standalone_mode=False)
    assert watched == capsys.readouterr().out != ""


def test_a_folder_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone: no such folder"):
        show_command.main([str(tmp_path / "gone"), "--watch"], standalone_mode=False)
