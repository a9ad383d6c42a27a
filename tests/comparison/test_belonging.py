"""A run's folder holds the run that the plan has there, or nothing is said about it at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from laptime.cli.report import render_again
from laptime.errors import UserError
from laptime.runs.plan import read_plan, run_folder, write_plan
from laptime.session import gather_result
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run

SECONDS = {"full": [20.0, 21.0], "lora": [10.0, 11.0]}


def refusal(folder: Path) -> str:
    """Return why nothing is reported, which changes nothing in the folder."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UserError) as error:
        render_again(folder, "en")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    return str(error.value)


@pytest.mark.parametrize("other", ["lora-r1", "full-r2", "base"])
def test_swapped_runs_are_not_reported(tmp_path: Path, other: str) -> None:
    write_scripted_comparison(tmp_path, SECONDS)
    gather_result(tmp_path)
    one, two, aside = run_folder(tmp_path, "full-r1"), run_folder(tmp_path, other), tmp_path / "aside"
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    said = refusal(tmp_path)
    first = one if other != "base" else two
    assert said.startswith(f"{first}/record.jsonl: of run ")
    assert said.endswith("in this folder: put the folders of the runs back where they were")


def test_a_run_of_another_comparison_is_not_reported(tmp_path: Path) -> None:
    for name in ("one", "other"):
        ours = {run: {"comparison": name} for run in ("base", "full-r1", "full-r2", "lora-r1", "lora-r2")}
        folder = write_scripted_comparison(tmp_path / name, SECONDS, ours)
        write_plan(folder, replace(read_plan(folder), id=name))
        gather_result(folder)
    shutil.rmtree(run_folder(tmp_path / "one", "full-r2"))
    shutil.copytree(run_folder(tmp_path / "other", "full-r2"), run_folder(tmp_path / "one", "full-r2"))
    assert refusal(tmp_path / "one") == (
        f"{tmp_path}/one/runs/full-r2/record.jsonl: of a run of another comparison; put back the folder that "
        f"was there, or move this one away: the same laptime compare makes the run anew"
    )


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"training": {"seed": 5}}, "--seed"),
        ({"epochs": 3}, "--epochs"),
        ({"method_options": {"rank": 2}}, "--rank"),
    ],
)
def test_a_run_with_other_options_than_the_plan_is_not_reported(
    tmp_path: Path, changes: dict[str, Any], option: str
) -> None:
    write_scripted_comparison(tmp_path, SECONDS, {"lora-r2": changes})
    assert f"lora-r2/record.jsonl: of a run with other options ({option}) than plan.json" in refusal(tmp_path)


def test_options_without_effect_may_differ(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path, SECONDS, {"lora-r2": {"training": {"keep_checkpoints": 9}}})
    write_scripted_run(run_folder(tmp_path, "lora-r1.interrupted-1"), "full", 2)
    assert gather_result(tmp_path).complete
