"""The notebooks do what they show: their commands run here in order, on the toy and on processors."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.result import read_result
from tests.commands import run_command
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "notebooks"
NAMES = ["colab_one_t4.ipynb", "kaggle_two_t4.ipynb"]
HERE = {"MODEL": "builtin", "ROUNDS": 1}  # in the place of the settings of the first cell; devices stay


def read_cells(name: str) -> list[str]:
    """Return the code of a notebook, cell by cell."""
    book = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    assert (book["nbformat"], book["metadata"]["kernelspec"]["language"]) == (4, "python")
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code), "as nobody ran it"
    return ["".join(cell["source"]) for cell in code]


def read_settings(cell: str) -> dict[str, Any]:
    """Return the variables of the first cell, which holds nothing else."""
    assignments = [node for node in ast.parse(cell).body if isinstance(node, ast.Assign)]
    assert len(assignments) == len(ast.parse(cell).body)
    return {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in assignments}


def list_commands(cell: str) -> Iterator[str]:
    """Yield what a cell hands to the shell."""
    for line in cell.replace("\\\n", " ").splitlines():
        if line.startswith("!"):
            yield line[1:]


def play(name: str, folder: Path) -> list[list[str]]:
    """Write the files of a notebook and run its laptime commands in order; returns them."""
    first, *cells = read_cells(name)
    settings = read_settings(first)
    assert settings.keys() >= HERE.keys()
    environment = dict(os.environ) | {"CUDA_VISIBLE_DEVICES": ""}
    commands = []
    for cell in cells:
        if written := re.match(r"%%writefile (\S+)\n", cell):
            (folder / written[1]).write_text(cell[written.end() :] + "\n", encoding="utf-8")
        for command in list_commands(cell):
            words = shlex.split(command.format(**settings | HERE))
            if words[0] == "laptime":
                done = run_command(words[1:], folder, environment)
                assert done.returncode == 0, done.stdout + done.stderr
                commands.append(words)
    return commands


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_a_notebook_end_well_and_leave_the_report(name: str, tmp_path: Path) -> None:
    commands = play(name, tmp_path)
    assert [words[1] for words in commands] == ["compare", "ask"]
    assert (tmp_path / "race" / "report.html").is_file()
    result = read_result(tmp_path / "race")
    assert result.complete and result.data["num_records"] == 10
    devices = {row.name: row.devices for row in result.methods}
    shared = {"spread": "2× CPU", "one": "1", "two": "2× CPU"}
    assert devices == (shared if "two" in name else {"full": "1", "lora": "1"})
    assert [row.status for row in result.methods] == ["finished"] * len(devices)
    assert {pair.verdict for pair in result.pairs} == {"one_round"}, "all did the same work"
    if "two" in name:
        assert [row.is_spread for row in result.methods] == [True, False, False]
        losses = {row.name: row.train_losses for row in result.methods}
        # A small model trains in the format that is faster here; in bf16 another order of sums shows.
        near = 1e-3 if result.methods[0].compute_dtype == "float32" else 0.05
        assert losses["one"] == pytest.approx(losses["two"], abs=near)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_says_what_is_planned_and_starts_nothing_in_its_own_process(name: str) -> None:
    book = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    words = "".join(
        line for cell in book["cells"] if cell["cell_type"] == "markdown" for line in cell["source"]
    )
    assert "Planned, not measured" in words
    for cell in read_cells(name):
        if not cell.startswith("%%"):
            lines = [line for line in cell.replace("\\\n", " ").splitlines() if not line.startswith("!")]
            tree = ast.parse("\n".join(lines))
            imported = {
                name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
            }
            assert not imported & {"laptime", "torch"}


def test_every_notebook_is_played() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.ipynb")) == NAMES
