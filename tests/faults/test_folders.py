"""Folders that are locked, read-only, in the way, or gone while they are used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from laptime import session
from laptime.api import open_training
from laptime.data.formats import check_examples
from laptime.errors import UserError
from laptime.runs import lock
from laptime.runs.folder import locked
from laptime.runs.job import RunJob
from laptime.runs.lock import MARKER_FILE, read_owner
from laptime.runs.machine_lock import machine_lock
from laptime.spec import DataSpec
from laptime.util.temporary import tell_passed_over
from tests.commands import laptime
from tests.comparison.test_race import ScriptedRunner, race

HOLD = """
import sys, time
from pathlib import Path
from laptime.runs.folder import locked
from laptime.runs.machine_lock import machine_lock
with machine_lock("cpu"), locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def own_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the machine's lock out of these tests."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return temporary


def hold(folder: Path, temporary: Path) -> subprocess.Popen[str]:
    """Lock `folder` in another process."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def test_a_second_run_names_the_first(tmp_path: Path, own_temporary_files: Path) -> None:
    """On one machine, and in one folder where the two do not see each other's machine lock."""
    elsewhere = tmp_path / "other-tmp"
    elsewhere.mkdir()
    for temporary, place in ((own_temporary_files, "this machine"), (elsewhere, f"--out {tmp_path / 'out'}")):
        process = hold(tmp_path / "out", temporary)
        with pytest.raises(UserError) as error, machine_lock("cpu"), locked(tmp_path / "out"):
            pass
        hint = "; --wait waits for it" if place == "this machine" else ""
        assert re.fullmatch(
            rf"{place}: locked by pid {process.pid} since \d\d:\d\d:\d\d; "
            rf"two measurements at once would falsify both{hint}",
            str(error.value),
        )
        process.kill()
        process.wait()


def test_the_lock_of_a_dead_process_is_none(tmp_path: Path, own_temporary_files: Path) -> None:
    process = hold(tmp_path / "out", own_temporary_files)
    process.kill()
    process.wait()
    owner = read_owner(tmp_path / "out" / MARKER_FILE)
    assert owner and owner.pid == process.pid, "its file is still there"
    with locked(tmp_path / "out"):
        owner = read_owner(tmp_path / "out" / MARKER_FILE)
        assert owner and owner.pid == os.getpid()


def test_a_folder_deleted_meanwhile_is_one_line(tmp_path: Path) -> None:
    """Not a second error of the tidying up."""

    class Deleting(ScriptedRunner):
        def run(self, job: RunJob, on_event: Any) -> None:
            shutil.rmtree(tmp_path / "out")
            raise UserError(f"{job.folder}: deleted while its run went on; the run was ended")

    with pytest.raises(UserError, match="deleted while its run went on"):
        race(tmp_path / "out", Deleting())
    assert not (tmp_path / "out").exists()


def test_no_place_for_temporary_files_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    with pytest.raises(UserError) as error, machine_lock("auto"):
        pass
    assert "; set TMPDIR to a folder" in str(error.value)
    monkeypatch.setenv("TMPDIR", "/gone")
    for ask in (tell_passed_over, lambda: check_examples(DataSpec())):
        with pytest.raises(UserError, match=r"^TMPDIR /gone: no temporary file can be written \(No usable"):
            ask()
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/proc")  # nobody can write there, not even root
    with pytest.raises(UserError, match="set TMPDIR to a folder"), machine_lock("auto"):
        pass


@pytest.mark.parametrize("kind", ["absent", "a file", "full"])
def test_a_tmpdir_that_is_passed_over_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    given, used = tmp_path / "given", tempfile.gettempdir()
    assert tell_passed_over() == []
    monkeypatch.setenv("TMPDIR", str(given))
    why = "No such file or directory"
    if kind == "a file":
        given.write_text("mine")
        why = "Not a directory"
    elif kind == "full":
        given.mkdir()
        monkeypatch.setattr("tempfile.TemporaryFile", fail_for_want_of_room)
        why = "No space left on device"
    note = f"note: TMPDIR {given}: nothing can be written there ({why}); temporary files go to {used}"
    assert tell_passed_over() == [note]
    printed = laptime(tmp_path, "data", TMPDIR=str(given), COLUMNS="500")
    assert (f"note: TMPDIR {given}: nothing can be written there" in printed) is (kind != "full")


def fail_for_want_of_room(**_: Any) -> Any:
    raise OSError(28, "No space left on device")


def test_a_training_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(session, "train", lambda *_: None)
    monkeypatch.setattr(session, "collect_single", lambda _: None)
    monkeypatch.setattr(session, "write_result", lambda *_: None)
    monkeypatch.setattr(session, "tell_passed_over", lambda: ["note: TMPDIR"])
    listener: Any = SimpleNamespace(say=said.append)
    opened = open_training({"out": str(tmp_path / "out")})
    session.run(opened, listener)
    assert said == ["note: TMPDIR"]


def test_a_disk_without_locks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with (
        pytest.raises(UserError, match=r"cannot be locked \(No locks available\)"),
        locked(tmp_path / "out"),
    ):
        pass


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/laptime"])
def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=r"cannot be written to \(|a file; give a folder"):
        race(tmp_path / out, ScriptedRunner())
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(UserError) as error:
        race(tmp_path / "out", ScriptedRunner())
    assert str(error.value) == f"--out {tmp_path}/out: cannot be written to (Permission denied)"
