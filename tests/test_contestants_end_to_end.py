"""Two ranks of LoRA race on the model that ships with the package, each run in a process of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from laptime.comparison.result import ComparisonResult, read_result
from laptime.report.plain_text import width
from laptime.runs.record import read_record
from tests import commands

laptime = partial(commands.laptime, forks=True)
RACE = [
    "compare", "--contestant", "rank8=lora --lora-rank 8", "--contestant", "rank64=lora --lora-rank 64",
    "--epochs", "1", "--rounds", "1", "--max-questions", "1", "--precision", "fp32", "--out", "race",
]  # fmt: skip


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, ComparisonResult]:
    """A race of two ranks in one round, with what it printed."""
    folder = tmp_path_factory.mktemp("work")
    printed = laptime(folder, *RACE)
    return folder, printed, read_result(folder / "race")


def test_both_did_the_same_work_with_another_rank(race: tuple[Path, str, ComparisonResult]) -> None:
    folder, _, result = race
    narrow, wide = (read_record(folder / "race" / "runs" / f"{name}-r1") for name in ("rank8", "rank64"))
    assert [step.digest for step in narrow.steps] == [step.digest for step in wide.steps]
    assert narrow.model and wide.model
    assert wide.model.trainable_parameters == 8 * narrow.model.trainable_parameters
    assert [(row.name, row.method, row.differs) for row in result.methods] == [
        ("rank8", "lora", {"lora_rank": 8}),
        ("rank64", "lora", {"lora_rank": 64}),
    ]
    (pair,) = result.pairs
    assert pair.train_ratio and pair.verdict == "one_round" and not pair.equal_runs
    assert pair.arithmetic_ratio and pair.arithmetic_ratio != 1
    assert all(check.passed for row in result.methods for check in row.checks)


def test_a_person_sees_who_is_who(race: tuple[Path, str, ComparisonResult]) -> None:
    folder, printed, _ = race
    for text in (printed, laptime(folder, "show", "race")):
        assert "rank64: LoRA with --lora-rank 64" in text
        assert "\nrank8 " in text and "\nrank64 " in text and "full" not in text
    assert all(
        width(line) <= 80 for line in printed.splitlines() if "/" not in line and "laptime " not in line
    )
    page = (folder / "race" / "report.html").read_text(encoding="utf-8")
    assert "rank64: LoRA with --lora-rank 64" in page


def test_both_results_are_asked(race: tuple[Path, str, ComparisonResult]) -> None:
    shown = laptime(race[0], "ask", "race", "안녕?", "--max-new-tokens", "4")
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("   ") and line[3] != " "][
        1:
    ] == [
        "base",
        "rank8",
        "rank64",
    ]


def test_the_same_command_runs_nothing_again_and_another_contestant_is_refused(
    race: tuple[Path, str, ComparisonResult],
) -> None:
    folder, _, result = race
    assert "3 already done" in laptime(folder, "compare", "--config", "race/spec.json", "--out", "race")
    assert read_result(folder / "race") == result
    other = [word.replace("--lora-rank 64", "--lora-rank 32") for word in RACE]
    assert "begun with other options (--contestant rank64);" in laptime(folder, *other, code=2)
