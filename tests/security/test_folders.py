"""Folders and files that somebody else made: what docs/security.md promises of them."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import laptime
from laptime.cli.ask import ask
from laptime.cli.report import render_again
from laptime.cli.show import show
from laptime.errors import UserError
from laptime.report.terminal import print_table
from laptime.runs.events import Saved, Started
from laptime.runs.machine_lock import machine_lock
from laptime.runs.plan import Plan, PlannedRun, read_plan, write_plan
from laptime.runs.record import RecordWriter, read_record
from laptime.session import choose_place, gather_result
from laptime.util.atomic import write_whole
from laptime.util.untrusted import MOST_BYTES, read_whole, told_in_one_line
from tests.comparison.scripted import write_scripted_comparison
from tests.records import edit_record, reseal
from tests.security.refusal import one_line

SOURCE = Path(laptime.__file__).parent


def write_comparison(folder: Path, run: str = "lora-r1", **changes: Any) -> Path:
    """Write a comparison of one run without figures."""
    spec: dict[str, Any] = {"model": {"model": "m"}, "data": {}, "training": {}, "method_options": {}}
    plan = Plan(laptime="1", created=1.0, spec=spec, runs=[PlannedRun(run=run, method="lora", round=1)])
    folder.mkdir(parents=True, exist_ok=True)
    write_plan(folder, plan)
    home = folder / "runs" / "lora-r1"
    writer = RecordWriter(home)
    writer.write(
        Started(laptime="1", run=changes.get("started", "lora-r1"), method="lora", round=1, spec=spec)
    )
    writer.write(Saved(kind="adapter", path=changes.get("saved", "saved"), num_bytes=1, files={}))
    writer.close()
    return folder


@pytest.mark.parametrize(
    "name", ["../x", "/etc", "..", ".", "", "a/b", "a\\b", "x\x1b[31m", "*", "a" * 300, "-rf"]
)
def test_names_of_runs_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    write_comparison(tmp_path / "plan", run=name)
    with pytest.raises(UserError, match="is no name of a run"):
        read_plan(tmp_path / "plan")
    write_comparison(tmp_path / "record", started=name)
    with pytest.raises(UserError, match="is no name of a run"):
        read_record(tmp_path / "record" / "runs" / "lora-r1")


@pytest.mark.parametrize("path", ["../../../etc", "/etc/passwd", "a/../../b", "", "a\\..\\b", "C:\\x"])
def test_what_a_run_saved_lies_in_its_folder(tmp_path: Path, path: str) -> None:
    write_comparison(tmp_path, saved=path)
    with pytest.raises(UserError, match="leaves the folder"):
        read_record(tmp_path / "runs" / "lora-r1")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"version": 1, "laptime": "", "created": 1, "runs": [], "spec": ' + b'{"a":' * 50_000,
        b"\xff\xfe",
        b"1e999",
        b"9" * 5000,
        b'{"version": 1, "laptime": "", "created": 1, "spec": {}, '
        b'"runs": [{"run": "a", "method": "a", "round": 99999999}]}',
        b"",
        b"null",
    ],
)
def test_a_hostile_plan_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(UserError) as error:
        gather_result(tmp_path)
    assert str(tmp_path / "plan.json") in one_line(error)


def test_reading_ends_and_reads_files_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(UserError, match="not a file"):
            read_whole(tmp_path / name)
    assert not read_whole(Path("/proc/self/status")), "what has no size is not read to an end that it has not"
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UserError, match="too large"):
        read_whole(tmp_path / "huge")


def test_asking_a_folder_trusts_no_code_that_its_maker_trusted() -> None:
    """The folder's spec says trust_remote_code; only the flag of who asks counts."""
    source = (SOURCE / "interview.py").read_text(encoding="utf-8")
    assert "trust_remote_code=trusts_code" in source
    from laptime.interview import Interviewer

    assert Interviewer.__init__.__defaults__ == (False,)


NUMBER = re.compile(rb'(?<=":)\s?(-?[0-9][0-9.]*(e[-+]?[0-9]+)?|null|true|false)')
EXTREMES = (
    b"0",
    b"-1",
    b"1e308",
    b"-1e308",
    b"5e-324",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"null",
)
TEXT = re.compile(rb'(?<=":)\s?"[^"\\\\]*"')


@pytest.mark.parametrize("seed", range(2))
def test_records_with_impossible_figures_are_shown_or_refused_in_one_line(tmp_path: Path, seed: int) -> None:
    """Some figures and texts of a comparison changed at random: a table and a report, or one line."""
    write_scripted_comparison(tmp_path, {"full": [9.0, 9.5], "lora": [3.0, 3.2]})
    files = [tmp_path / "plan.json", *sorted(tmp_path.rglob("record.jsonl"))]
    whole = {file: file.read_bytes() for file in files}
    chance, outcomes = random.Random(seed), {"shown": 0, "refused": 0}
    for _ in range(15):
        for file in files:
            file.write_bytes(whole[file])
        changed = chance.choice(files)
        content = whole[changed]
        for _ in range(chance.choice((1, 1, 3))):
            spots = list(chance.choice((NUMBER, NUMBER, TEXT)).finditer(content))
            if spots:
                spot = chance.choice(spots)
                new = b'"</script>"' if spot[0].strip().startswith(b'"') else chance.choice(EXTREMES)
                content = content[: spot.start()] + new + content[spot.end() :]
        changed.write_bytes(content)
        if changed.suffix == ".jsonl":  # whoever wrote it can count
            edit_record(changed.parent, lambda content: content)
        else:
            changed.write_bytes(reseal(content))
        try:
            with told_in_one_line(tmp_path):
                print_table(gather_result(tmp_path), Console(file=io.StringIO(), width=80))
            render_again(tmp_path, "en")
            outcomes["shown"] += 1
        except UserError as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1
    assert outcomes["shown"] > 3, outcomes


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    for name in ("report.html.tmp", "report.html"):
        (tmp_path / name).symlink_to(mine)
    write_whole(tmp_path / "report.html", b"report")
    assert mine.read_text() == "mine"
    assert (tmp_path / "report.html").read_text() == "report" and not (tmp_path / "report.html").is_symlink()


def test_the_lock_of_the_machine_lies_in_a_folder_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with machine_lock("cpu"):
        own = tmp_path / f"laptime-{os.getuid()}"
        assert own.stat().st_mode & 0o777 == 0o700
        with pytest.raises(UserError, match=f"locked by pid {os.getpid()}"), machine_lock("cpu"):
            pass
    for path in own.iterdir():
        path.unlink()
    own.rmdir()
    own.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="not a folder of yours alone"), machine_lock("cpu"):
        pass
    own.unlink()
    own.mkdir()
    own.chmod(0o777)
    with pytest.raises(UserError, match="not a folder of yours alone"), machine_lock("cpu"):
        pass


def plant(path: Path, kind: str) -> None:
    """Put something that is no file where a file was."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        # The name of a socket has room for 107 bytes.
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/proc/kmsg")


FILES = [
    "plan.json",
    "comparison.json",
    "runs/lora-r1/record.jsonl",
    "runs/lora-r1/log.txt",
    "inputs/facts.json",
    "inputs/encoded.msgpack",
    "runs/lora-r1/saved/adapter_config.json",
]


@pytest.mark.parametrize("command", ["show", "report", "ask", "compare"])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["pipe", "socket", "link"])
def test_what_is_no_file_holds_up_no_command(tmp_path: Path, command: str, name: str, kind: str) -> None:
    write_comparison(tmp_path, "lora-r1")
    plant(tmp_path / name, kind)
    with pytest.raises(UserError) as error:
        if command == "compare":
            choose_place(str(tmp_path), "compare")
        elif command == "ask":
            ask(tmp_path, ("q",), None)
        else:
            render_again(tmp_path, "en") if command == "report" else show(tmp_path)
    what = {"pipe": "a pipe", "socket": "a socket", "link": "a file of the system"}[kind]
    assert one_line(error) == f"{tmp_path / name}: {what}; take it away"


def test_a_folder_in_place_of_a_file_is_told(tmp_path: Path) -> None:
    write_comparison(tmp_path, "lora-r1")
    plant(tmp_path / "runs" / "lora-r1" / "record.jsonl", "folder")
    assert not gather_result(tmp_path).complete
    plant(tmp_path / "plan.json", "folder")
    with pytest.raises(UserError, match=r"plan\.json: not a file$"):
        show(tmp_path)


def test_what_trackers_keep_in_a_folder_is_their_own(tmp_path: Path) -> None:
    write_comparison(tmp_path, "lora-r1")
    plant(tmp_path / "wandb" / "run.sock", "socket")
    plant(tmp_path / "gone", "folder")
    (tmp_path / "gone" / "link").symlink_to("nowhere")
    assert gather_result(tmp_path).order == ["lora-r1"]
