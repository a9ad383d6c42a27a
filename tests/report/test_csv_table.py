"""The figures as CSV: plain numbers, the same in every language, and nobody else's file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from laptime.comparison.result import ComparisonResult, write_result
from laptime.errors import UserError
from laptime.report.csv_table import NAME, write_csv
from tests.report import invented


def read(folder: Path, result: ComparisonResult) -> list[dict[str, str]]:
    write_result(folder, result)
    with write_csv(folder).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_a_method_in_plain_numbers(tmp_path: Path) -> None:
    full, lora = read(tmp_path, invented.make_result())
    assert next(iter(full)) == "name", "the first column says whose row it is"
    assert (full["name"], lora["name"], lora["status"]) == ("full", "lora", "finished")
    assert float(lora["train_seconds"]) == 9.3 and int(lora["saved_bytes"]) == 45_118_424
    assert float(full["step_optimizer_seconds"]) == pytest.approx(0.27 * 21.5 / 50)
    assert [float(one) for one in lora["train_seconds_by_round"].split()] == pytest.approx(
        [9.3, 9.114, 9.486]
    )
    assert lora["energy_joules"] == "" and lora["generalisation_chrf"] == "63.2"


def test_what_failed_has_empty_cells(tmp_path: Path) -> None:
    full, lora = read(tmp_path, invented.make_one_failed())
    assert full["status"] == "failed" and full["train_seconds"] == "" and lora["train_seconds"] == "9.3"


@pytest.mark.parametrize("name", ["=cmd()", "+1", "@x", "-a"])
def test_no_text_is_a_formula(tmp_path: Path, name: str) -> None:
    result = invented.make_single()
    result.methods[0].name = name
    (row,) = read(tmp_path, result)
    assert row["name"] == f"'{name}"


def test_its_own_file_is_written_anew_and_a_changed_one_stays(tmp_path: Path) -> None:
    read(tmp_path, invented.make_result())
    read(tmp_path, invented.make_five())
    path = tmp_path / NAME
    path.write_text(path.read_text() + "9,mine\n")
    with pytest.raises(UserError, match="changed since"):
        write_csv(tmp_path)
    assert path.read_text().endswith("9,mine\n")
