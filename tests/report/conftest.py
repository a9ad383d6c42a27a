"""A folder with the report of an invented comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.result import write_result
from laptime.report.page import render_report
from tests.report.invented import SITUATIONS


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
