"""The toy beside itself, in real processes: nothing has changed, and the older folder is not needed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from laptime.comparison.result import read_result
from laptime.runs.plan import read_plan
from tests.commands import laptime

JOB = [
    "--methods", "lora", "--epochs", "1", "--max-questions", "0", "--skip-self-checks", "--precision", "fp32",
]  # fmt: skip


def test_the_toy_beside_itself(tmp_path: Path) -> None:
    laptime(tmp_path, "compare", *JOB, "--rounds", "2", "--out", "old", TMPDIR=str(tmp_path))
    words = ["compare", "--against", "old", "--out", "new"]
    printed = laptime(tmp_path, *words, TMPDIR=str(tmp_path))
    assert "set beside old, begun 20" in printed
    old, new = (read_plan(tmp_path / name) for name in ("old", "new"))
    assert new.spec == old.spec and new.against and new.against.id == old.id != new.id
    assert new.threads and old.threads and new.threads.number == old.threads.number
    result = read_result(tmp_path / "new")
    assert result.against
    (row,) = result.against.rows
    assert (row.contestant, row.reason, row.rounds_before, row.rounds) == ("lora", "", 2, 2)
    assert row.train_ratio and row.train_interval and row.total_ratio
    assert row.train_interval[0] < row.train_ratio < row.train_interval[1]
    assert [change for change in result.against.changes if not change.name.startswith("speedup ")] == []

    shutil.rmtree(tmp_path / "old")
    shown = laptime(tmp_path, "show", "new")
    sentence = re.search(r"as long to train as before|slower than before|faster than before", shown)
    assert sentence and "The older comparison, old, was begun 20" in " ".join(shown.split())
    laptime(tmp_path, "report", "new", "--lang", "ko")
    assert "이전 비교 old는 20" in (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    again = laptime(tmp_path, *words, TMPDIR=str(tmp_path))
    assert "실행 3개, 각각 별도 프로세스, 이미 3개 완료" in again, "in the language of the report"
    assert read_result(tmp_path / "new") == result, "whose folder is gone"
    refused = laptime(tmp_path, *words, "--epochs", "2", code=2, TMPDIR=str(tmp_path))
    assert refused == "laptime: error: --against old: done with other options (--epochs); leave it out\n"
