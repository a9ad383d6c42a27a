"""Trackio: its own store reads back what was written, at the times of the record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from laptime.runs.record import FILE_NAME
from laptime.trackers.links import read_links
from laptime.trackers.publication import publish
from tests.comparison.scripted import (
    CREATED,
    REFERENCE,
    write_scripted_comparison,
    write_scripted_run,
)

pytest.importorskip("trackio")
READ = """
import json
from trackio.sqlite_storage import SQLiteStorage as store
runs = store.get_runs("laptime")
read = [[store.get_run_config("laptime", run), store.get_logs("laptime", run)] for run in runs]
print(json.dumps(dict(zip(runs, read))))
print(len(runs))
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No place and no project of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("TRACKIO_")]:
        monkeypatch.delenv(name)


def read_runs(folder: Path) -> dict[str, Any]:
    """Return configuration and rows of every run, as Trackio reads them."""
    place = {"TRACKIO_DIR": str(folder / "trackio")}
    done = subprocess.run(
        [sys.executable, "-c", READ], env=os.environ | place, capture_output=True, text=True
    )
    told, number = done.stdout.splitlines()[-2:]
    runs: dict[str, Any] = json.loads(told)
    assert len(runs) == int(number)
    return runs


def test_runs_have_the_times_of_the_record_and_come_once(tmp_path: Path) -> None:
    """A run that was done anew takes the place of the one that failed."""
    folder = write_scripted_comparison(
        tmp_path, {"full": [20], "lora": [10]}, {"lora-r1": {"failed": "killed"}}
    )
    (line,) = publish(folder, ("trackio",))
    assert line == f"trackio: 2 runs written; TRACKIO_DIR={folder}/trackio trackio show --project laptime"
    (folder / "runs" / "lora-r1" / FILE_NAME).unlink()
    write_scripted_run(folder / "runs" / "lora-r1", "lora", started=CREATED + 500)
    publish(folder, ("trackio",))
    runs = read_runs(folder)
    assert set(runs) == {"full-r1", "lora-r1", "summary"}
    config, rows = runs["lora-r1"]
    assert (config["_Group"], config["status"], "_Username" in config) == (
        "tiny-20231114-221320",
        "finished",
        False,
    )
    assert [(row["step"], row["loss"]) for row in rows if "loss" in row] == [(1, 4), (2, 3), (3, 2), (4, 1)]
    assert [row["elapsed_seconds"] for row in rows[:4]] == [4, 6, 8, 10]
    assert rows[0]["timestamp"].startswith("2023-11-14T22:21:51")
    assert (len(rows), rows[-1]["train_seconds"]) == (5, 10)
    ((shown,),) = [rows for name, (_, rows) in runs.items() if name == "summary"]
    assert f"| full | 20 | {'█' * 30} |" in shown["Training Time (s)"]["_value"]
    assert REFERENCE in shown["answers"]["_value"]
    assert read_links(folder)["trackio"].command == "TRACKIO_DIR=trackio trackio show --project laptime"


def test_one_run_that_never_made_a_step(tmp_path: Path) -> None:
    write_scripted_run(tmp_path, "lora", losses=(), failed="out_of_memory")
    publish(tmp_path, ("trackio",))
    config, rows = read_runs(tmp_path)["lora-r1"]
    assert (config["failure"], [row["steps"] for row in rows]) == ("out_of_memory at step 2", [0])


FOLLOW = """
import sys
from pathlib import Path
from laptime.trackers.live import Records
from laptime.trackers.publication import load_result
from laptime.trackers.trackio import TRACKER
from tests.trackers.growing import Growing
folder = Path(sys.argv[1])
race, records = Growing(folder), Records(folder)
for num_steps in (2, 3, 1, 2):
    race.show(num_steps)
    TRACKER.follow(folder, load_result(folder), records.read_grown())
"""


def test_a_run_is_followed_and_then_whole(tmp_path: Path) -> None:
    """Each step once, also where some were taken back, and when all is over."""
    subprocess.run([sys.executable, "-c", FOLLOW, str(tmp_path)], check=True)
    _, rows = read_runs(tmp_path)["lora-r1"]
    assert [row["step"] for row in rows] == [1, 2]
    write_scripted_comparison(tmp_path, {"lora": [10]}, skip=("lora-r1",))
    (tmp_path / "runs" / "lora-r1" / FILE_NAME).unlink()
    write_scripted_run(tmp_path / "runs" / "lora-r1", "lora")
    publish(tmp_path, ("trackio",))
    config, rows = read_runs(tmp_path)["lora-r1"]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 4]
    assert config["status"] == "finished"
