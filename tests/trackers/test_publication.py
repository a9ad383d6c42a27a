"""Trackers run in processes of their own; whatever they do, the results stay as they are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from laptime.comparison.collection import collect
from laptime.comparison.result import write_result
from laptime.errors import UserError
from laptime.runs.watchdog import process_state
from laptime.trackers.publication import load_result, publish
from laptime.trackers.tracker import check_trackers, find_tracker, find_trackers, require
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run

MISBEHAVING = """
import os, subprocess, sys, time
from laptime.errors import UserError

class Tracker:
    name = {name!r}

    def check(self):
        pass

    def publish(self, folder, result, network_seconds):
        print("chatter of a library")
        {body}

TRACKER = Tracker()
"""


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    """A scripted comparison of full and lora in two rounds."""
    folder = write_scripted_comparison(tmp_path / "race", {"full": [20, 20], "lora": [10, 10]})
    write_result(folder, collect(folder))
    return folder


@pytest.fixture
def add_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that adds a tracker to the package, in this process and in those it starts."""
    extra = tmp_path / "extra"
    extra.mkdir()
    path = repr(str(extra))
    (tmp_path / "sitecustomize.py").write_text(
        f"import laptime.trackers\nlaptime.trackers.__path__.append({path})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    def add(name: str, body: str) -> None:
        (extra / f"{name}.py").write_text(MISBEHAVING.format(name=name, body=body))

    return add


def test_trackers_are_found_by_their_files() -> None:
    """One file, one tracker; finding them imports no library."""
    assert sorted(find_trackers()) == ["mlflow", "tensorboard", "trackio", "wandb"]
    code = (
        "import sys; from laptime.trackers.tracker import check_trackers;"
        "check_trackers(('wandb', 'tensorboard'));"
        "print([name for name in ('wandb', 'tensorboard', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_tracker_and_absent_library() -> None:
    """Both are told before anything runs."""
    with pytest.raises(UserError, match=r"no tracker 'wandbb'; did you mean 'wandb'\?"):
        check_trackers(("wandbb",))
    with pytest.raises(UserError, match=r"pip install 'laptime\[other\]'"):
        require("a_library_that_is_absent", "other")
    assert find_tracker("tensorboard").name == "tensorboard"


def test_lines_arrive_and_chatter_does_not(comparison: Path, add_tracker) -> None:
    """Only what `publish` returns is for the user; the tracker has a session of its own."""
    add_tracker(
        "told", "return [f'told: {os.getsid(0) == os.getpid()} {len(result.methods)} {network_seconds:g}']"
    )
    assert publish(comparison, ("told",), deadline_seconds=4) == ["told: True 2 4"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "raise RuntimeError('no\\\\nluck')",
            "odd: failed (RuntimeError: no luck); the results in {} are complete",
        ),
        ("raise UserError('give a project')", "odd: give a project"),
        ("os._exit(3)", "odd: failed (exit code 3); the results in {} are complete"),
    ],
)
def test_failures_cost_one_line(comparison: Path, add_tracker, body: str, expected: str) -> None:
    """An exception, a refusal and a sudden death leave the files as they were; the next tracker runs."""
    before = {path: path.read_bytes() for path in comparison.rglob("*") if path.is_file()}
    add_tracker("odd", body.replace("\\\\", "\\"))
    add_tracker("well", "return ['well: done']")
    first, last = publish(comparison, ("odd", "well"))
    assert first == expected.format(comparison)
    assert last == "well: done"
    assert {path: path.read_bytes() for path in comparison.rglob("*") if path.is_file()} == before


def has_ended(pid: int) -> bool:
    """Wait for the end of an orphan, which is reaped by the system, not by us."""
    for _ in range(600):
        if process_state(pid) in ("", "Z"):
            return True
        time.sleep(0.1)
    os.kill(pid, 9)
    return False


START_A_CHILD = "child = subprocess.Popen(['sleep', '600']); (folder / 'child').write_text(str(child.pid)); "


def test_a_hanging_tracker_is_ended_with_its_children(comparison: Path, add_tracker) -> None:
    """One that does nothing at all, past the deadline; the whole process group goes."""
    add_tracker("slow", f"{START_A_CHILD} time.sleep(600)")
    (line,) = publish(comparison, ("slow",), deadline_seconds=3, writing_seconds=600)
    assert re.fullmatch(
        rf"slow: ended after \d+ s without a sign of life; the results in {comparison} are complete", line
    )
    assert has_ended(int((comparison / "child").read_text()))


def test_a_tracker_that_works_has_time_but_not_for_ever(comparison: Path, add_tracker) -> None:
    """Writing much is no hang; an endless loop is none either, but it ends."""
    add_tracker("busy", "end = time.time() + 3\n        while time.time() < end: sum(range(10_000))\n"
                "        return ['busy: done']")  # fmt: skip
    assert publish(comparison, ("busy",), deadline_seconds=1) == ["busy: done"]
    add_tracker("endless", "while True: sum(range(10_000))")
    (line,) = publish(comparison, ("endless",), deadline_seconds=1, writing_seconds=3)
    assert line == f"endless: ended after 4 s; the results in {comparison} are complete"


def test_what_a_tracker_leaves_running_is_ended(comparison: Path, add_tracker) -> None:
    add_tracker("parent", f"{START_A_CHILD} return ['parent: done']")
    assert publish(comparison, ("parent",)) == ["parent: done"]
    assert has_ended(int((comparison / "child").read_text()))


def test_a_place_that_cannot_be_written_to_is_named(comparison: Path) -> None:
    """A file lies where TensorBoard's and W&B's folders would."""
    for name in ("tensorboard", "wandb"):
        pytest.importorskip(name)
        (comparison / name).write_text("mine")
        (line,) = publish(comparison, (name,))
        assert line.startswith(f"{name}: {comparison / name}")
        assert line.endswith(f"; the results in {comparison} are complete")
        assert (comparison / name).read_text() == "mine"


def test_no_folder_to_publish(tmp_path: Path) -> None:
    """A folder without records gives one line."""
    (line,) = publish(tmp_path, ("tensorboard",))
    assert line.startswith("tensorboard: ")
    assert "no record.jsonl here" in line


def test_results_come_from_records_too(comparison: Path, tmp_path: Path) -> None:
    """comparison.json, a plan with records, or one run: each gives a result."""
    whole = load_result(comparison)
    (comparison / "comparison.json").unlink()
    assert load_result(comparison) == whole
    write_scripted_run(tmp_path / "one", "lora")
    assert [method.name for method in load_result(tmp_path / "one").methods] == ["lora"]


def test_a_result_that_its_records_do_not_bear_out_is_not_published(comparison: Path) -> None:
    whole = load_result(comparison)
    write_result(comparison, msgspec.structs.replace(whole, order=["lora-r1"], methods=whole.methods[:1]))
    assert load_result(comparison) == whole
