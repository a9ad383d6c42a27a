"""A folder with the report of an invented comparison, and a browser to look at it with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.result import write_result
from laptime.report.page import render_report
from tests.report.invented import SITUATIONS

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def render(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the comparison and the report of a situation into a folder."""

    def render_situation(situation: str, lang: Any = "en") -> Path:
        folder = tmp_path / f"{situation}-{lang}"
        folder.mkdir()
        write_result(folder, SITUATIONS[situation]())
        render_report(folder, lang)
        return folder

    return render_situation


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium with a fresh profile; skips where playwright or the browser is absent."""
    playwright = pytest.importorskip("playwright.sync_api")
    executable = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if executable is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=executable, args=FLAGS)
        yield chromium
        chromium.close()
