"""A race in a notebook: the cell that is renewed, the frame on Colab, and what is refused elsewhere."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import laptime
from laptime.errors import UserError
from laptime.live import notebook
from laptime.live.notebook import render_cell, show_cell, start_server, watch
from laptime.live.race_reader import RaceReader
from laptime.runs.plan import run_folder
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.live.test_race_reader import add_steps, at_work


@pytest.fixture
def race(tmp_path: Path) -> Path:
    """A race whose last run has made a step."""
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]}, skip=["lora-r1"])
    write_scripted_run(run_folder(tmp_path, "lora-r1"), "lora", unfinished=True)
    return tmp_path


def test_a_cell_holds_the_table_as_text_and_as_html(race: Path) -> None:
    with at_work(race):
        told = render_cell(RaceReader(race).read())
    assert told["text/plain"].startswith("lora-r1 (3 of 3): step 1 of 4")
    assert "INCOMPLETE: it is at work" in told["text/plain"] and "held-out" in told["text/plain"]
    assert told["text/html"].startswith("<pre") and "\x1b" not in told["text/html"]
    assert render_cell(RaceReader(race / "none").read())["text/plain"] == "nothing here"


def test_a_cell_is_renewed_until_the_race_is_over(race: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactive.InteractiveShell.instance()
    published: list[tuple[bool, str]] = []

    def publish(data: dict[str, str], *_: Any, update: bool = False, **__: Any) -> None:
        published.append((update, data["text/plain"].splitlines()[0]))

    monkeypatch.setattr(shell.display_pub, "publish", publish)
    lock = at_work(race)
    lock.__enter__()
    steps = [lambda: add_steps(run_folder(race, "lora-r1"), 2), lambda: lock.__exit__(None, None, None)]
    pauses: list[float] = []
    monkeypatch.setattr(notebook.time, "sleep", lambda seconds: (pauses.append(seconds), steps.pop(0)()))
    show_cell(race)
    assert [update for update, _ in published] == [False, True, True] and min(pauses) >= 1.0
    assert ["step 1 of 4" in line for _, line in published] == [True, False, False]
    assert "step 2 of 4" in published[1][1]


def test_interrupting_ends_the_watching_alone(race: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(notebook, "require_notebook", lambda: None)
    monkeypatch.setattr(notebook, "show_cell", interrupt)
    laptime.watch(race)


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "require_notebook", lambda: None)
    monkeypatch.setattr(notebook, "BEGINNING_SECONDS", 0.0)
    with pytest.raises(UserError, match="neither a comparison nor a run of laptime"):
        watch(tmp_path)
    with pytest.raises(UserError, match="gone: no such folder"):
        watch(tmp_path / "gone")
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="laptime show --watch DIR"):
        watch(tmp_path)


def test_a_race_that_was_begun_a_moment_ago_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Path] = []
    folder = tmp_path / "race"
    monkeypatch.setattr(notebook, "require_notebook", lambda: None)
    monkeypatch.setattr(notebook, "show_cell", shown.append)
    monkeypatch.setattr(notebook.time, "sleep", lambda _: write_scripted_run(folder, "lora"))
    watch(folder)
    assert shown == [folder]


@pytest.mark.skipif(not notebook.has_ui(), reason="laptime[ui] is not installed")
def test_colab_gets_the_page_in_a_frame(race: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    framed: list[tuple[int, dict[str, Any]]] = []
    colab, output = ModuleType("google.colab"), ModuleType("google.colab.output")
    output.serve_kernel_port_as_iframe = lambda port, **told: framed.append((port, told))  # type: ignore[attr-defined]
    colab.output = output  # type: ignore[attr-defined]
    google = ModuleType("google")
    for name, module in (("google", google), ("google.colab", colab), ("google.colab.output", output)):
        monkeypatch.setitem(sys.modules, name, module)
    ends: list[Any] = []
    monkeypatch.setattr(notebook.atexit, "register", ends.append)
    monkeypatch.setattr(notebook, "require_notebook", lambda: None)
    try:
        watch(race)
        ((port, told),) = framed
        assert port > 0 and len(told["path"]) > 30 and told["path"].endswith("/")
    finally:
        (end,) = ends
        end()
        end.__self__.wait(30)
        end.__self__.stdout.close()
    monkeypatch.setattr(notebook, "COLAB_NAMES", ())
    with pytest.raises(UserError, match=r"laptime\.watch: .*gone: no such folder"):
        start_server(race / "gone")
