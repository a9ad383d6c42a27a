"""W&B: real offline runs, and servers that refuse, fail and hang."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.collection import collect
from laptime.errors import UserError
from laptime.runs.process import kill_group
from laptime.runs.record import FILE_NAME, read_record
from laptime.trackers import wandb as tracker
from laptime.trackers.links import read_links
from laptime.trackers.parts import figures, wandb_report, wandb_upload
from laptime.trackers.parts.wandb_file import read_messages
from laptime.trackers.parts.wandb_live import note_live, take_live_away
from laptime.trackers.publication import publish
from laptime.trackers.tracker import check_trackers
from tests.comparison.scripted import (
    CREATED,
    QUESTION,
    REFERENCE,
    write_scripted_comparison,
    write_scripted_run,
)
from tests.trackers.fake_wandb import ENTITY, serve_wandb
from tests.trackers.growing import Growing

pytest.importorskip("wandb")
FAKE_KEY = "f" * 39 + "7"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account, no settings and no server of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(home / "config"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    """A scripted comparison of full and lora in one round."""
    return write_scripted_comparison(tmp_path / "race", {"full": [20], "lora": [10]})


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve on loopback whatever `answer` does with a request; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer(self)

        do_POST = do_PUT = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def failing_server() -> Iterator[str]:
    """A server that answers 500 to everything."""
    with serving(lambda request: request.send_error(500)) as address:
        yield address


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """A server that knows no such key."""
    with serving(lambda request: request.send_error(401)) as address:
        yield address


@pytest.fixture
def stalling_server() -> Iterator[str]:
    """A server that knows the key, and says nothing to anything that follows."""
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        if len(asked) > 1:
            time.sleep(60)
        body = b'{"data": {"viewer": {"id": "x"}}}'
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with serving(answer) as address:
        yield address


@pytest.fixture
def hanging_server() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def read_run(folder: Path) -> list[Any]:
    """Read a .wandb file into W&B's own messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("*.wandb")
    return [Record.FromString(message) for message in read_messages(path.read_bytes(), path)]


def find_run(folder: Path, name: str) -> list[Any]:
    """Return the messages of the run with this display name."""
    for path in (folder / "wandb").glob("offline-run-*"):
        records = read_run(path)
        if any(r.WhichOneof("record_type") == "run" and r.run.display_name == name for r in records):
            return records
    raise AssertionError(f"no run {name}")


def history(records: list[Any], key: str) -> list[Any]:
    """Return the logged values of `key` in order."""
    rows = [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]
    return [row[key] for row in rows if key in row]


def summary(records: list[Any]) -> dict[str, Any]:
    """Return the last value of every summary key."""
    return {
        item.key or "/".join(item.nested_key): json.loads(item.value_json)
        for record in records
        if record.WhichOneof("record_type") == "summary"
        for item in record.summary.update
    }


def test_offline_runs_hold_the_metrics(comparison: Path) -> None:
    """Without an account everything is written, nothing is sent, and the line says how to upload."""
    (line,) = publish(comparison, ("wandb",))
    assert line == (
        f"wandb: 3 runs under {comparison}/wandb; not logged in to W&B; "
        f"to upload them: wandb sync {comparison}/wandb/offline-run-*"
    )
    lora = find_run(comparison, "lora-r1")
    assert history(lora, "loss") == [4.0, 3.0, 2.0, 1.0]
    assert history(lora, "elapsed_seconds") == [4.0, 6.0, 8.0, 10.0]
    assert history(lora, "_timestamp") == [CREATED + 100.5 + n for n in (11, 12, 13, 14)]
    assert history(lora, "_runtime") == [11.0, 12.0, 13.0, 14.0]
    figures = summary(lora)
    assert (figures["_runtime"], figures["_wandb/runtime"]) == (21.0, 21)
    assert next(r.exit.runtime for r in lora if r.WhichOneof("record_type") == "exit") == 21
    assert (figures["train_seconds"], figures["held_out_loss"], figures["peak_bytes"]) == (10.0, 1.5, 5200)
    run = next(record.run for record in lora if record.WhichOneof("record_type") == "run")
    assert (run.project, run.run_group) == ("laptime", "tiny-20231114-221320")
    assert run.start_time.ToMicroseconds() / 1e6 == CREATED + 100.5
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["spec"]["training"]["epochs"] == 2
    assert (run.host, run.run_group) == ("", find_group(comparison, "summary"))


def test_what_arrives_has_the_times_of_the_record(comparison: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`wandb sync` to a server on loopback; what was done anew is a run of its own, no row twice."""
    where = comparison / "runs" / "lora-r1"
    (where / FILE_NAME).unlink()
    write_scripted_run(where, "lora", failed="killed")
    with serve_wandb() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.address)
        monkeypatch.setenv("WANDB_API_KEY", FAKE_KEY)
        (line,) = publish(comparison, ("wandb",), deadline_seconds=60)
        assert line.startswith(f"wandb: 3 runs under {comparison}/wandb; uploaded")
        runs = server.runs()
        full, lora = server.history(runs["full-r1"]), server.history(runs["lora-r1"])
        assert [row["_runtime"] for row in full] == [11, 12, 13, 14]
        assert [row["_timestamp"] for row in full] == [CREATED + 110 + n for n in (11, 12, 13, 14)]
        assert [row["elapsed_seconds"] for row in full] == [8, 12, 16, 20]
        assert server.summary(runs["full-r1"])["_wandb"] == {"runtime": 21}
        assert (len(lora), server.summary(runs["lora-r1"])["status"]) == (4, "failed")
        metrics = json.loads(server.buckets[runs["full-r1"]]["config"])["_wandb"]["value"]["m"]
        assert {"1", "5"} <= set().union(*metrics) and metrics[0]["1"] == "elapsed_seconds"
        chart = json.loads(server.buckets[runs["summary"]]["config"])["_wandb"]["value"]["visualize"]
        assert chart["Training Time (s)"]["panel_config"]["panelDefId"] == "wandb/bar/v0"
        links = {link.title: link.url for link in read_links(comparison)["wandb"].links}
        assert links["full-r1"] == f"{server.address}/{ENTITY}/laptime/runs/{runs['full-r1']}"
        assert {"full-r1", "lora-r1", "summary"} <= set(links)
        (where / FILE_NAME).unlink()
        write_scripted_run(where, "lora", started=CREATED + 500)
        publish(comparison, ("wandb",), deadline_seconds=60)
        again = server.runs()["lora-r1"]
        assert [row["_timestamp"] for row in server.history(again)] == [
            CREATED + 500 + n for n in range(11, 15)
        ]
        assert (server.history(runs["full-r1"]), server.history(runs["lora-r1"])) == (full, lora)
        assert server.summary(again)["status"] == "finished"
        links = {link.title: link.url for link in read_links(comparison)["wandb"].links}
        assert links["lora-r1"].endswith(again)


def test_a_report_is_saved_where_its_library_is(monkeypatch: pytest.MonkeyPatch, comparison: Path) -> None:
    pytest.importorskip("wandb_workspaces")
    result = collect(comparison)
    with serve_wandb() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.address)
        monkeypatch.setenv("WANDB_API_KEY", FAKE_KEY)
        run = f"{server.address}/{ENTITY}/laptime/runs/1"
        address, why = wandb_report.save_report(result, "tiny-1", run, 30.0)
        assert (why, address.startswith(f"{server.address}/{ENTITY}/laptime/reports/tiny-1")) == ("", True)
        (saved,) = server.reports
        assert '"chartTitle":"Training Time (s)","metrics":["train_seconds"]' in saved["spec"]
        assert '"op":"=","value":"tiny-1"' in saved["spec"]


def test_why_no_report_is_saved_is_told(
    monkeypatch: pytest.MonkeyPatch, comparison: Path, tmp_path: Path
) -> None:
    """Its library is absent, or fails: one sentence, and no exception."""
    result, run = collect(comparison), "http://127.0.0.1:9/someone/laptime/runs/1"
    monkeypatch.setattr(wandb_report.importlib.util, "find_spec", lambda name: None)
    absent = "no saved report: pip install 'laptime[wandb-report]'"
    assert wandb_report.save_report(result, "tiny-1", run, 5.0) == ("", absent)
    monkeypatch.setattr(wandb_report.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    address, why = wandb_report.save_report(result, "tiny-1", run, 5.0)
    assert address == "" and why.startswith("no saved report (ModuleNotFoundError: ")


def find_group(folder: Path, name: str) -> str:
    """Return the group of a run."""
    return next(r.run.run_group for r in find_run(folder, name) if r.WhichOneof("record_type") == "run")


def test_summary_run_has_chart_and_answers(comparison: Path) -> None:
    """The tables of seconds and of answers lie in the run's media."""
    publish(comparison, ("wandb",))
    tables = [json.loads(path.read_text()) for path in (comparison / "wandb").rglob("*.table.json")]
    assert {"columns": ["method", "Training Time (s)"], "data": [["full", 20.0], ["lora", 10.0]]} in tables
    (answers,) = [table for table in tables if "question" in table["columns"]]
    assert answers["columns"] == ["question", "source", "reference", "base", "full", "lora"]
    assert answers["data"][0] == [QUESTION, "trained", REFERENCE, "모릅니다.", REFERENCE, REFERENCE]
    assert summary(find_run(comparison, "summary"))["ratio full to lora"] == 2.0


def test_nothing_is_written_twice(comparison: Path) -> None:
    """A second call finds the runs of the first."""
    publish(comparison, ("wandb",))
    before = sorted(path.name for path in (comparison / "wandb").iterdir())
    publish(comparison, ("wandb",))
    assert sorted(path.name for path in (comparison / "wandb").iterdir()) == before


def test_a_run_done_anew_before_an_upload_takes_the_place_of_the_old(comparison: Path) -> None:
    publish(comparison, ("wandb",))
    where = comparison / "runs" / "lora-r1"
    (where / FILE_NAME).unlink()
    write_scripted_run(where, "lora", started=CREATED + 500)
    publish(comparison, ("wandb",))
    names = [
        record.run.display_name
        for path in (comparison / "wandb").glob("offline-run-*")
        for record in read_run(path)
        if record.WhichOneof("record_type") == "run"
    ]
    assert (names.count("lora-r1"), names.count("full-r1")) == (1, 1)
    assert history(find_run(comparison, "lora-r1"), "_timestamp")[0] == CREATED + 511


def test_modes_are_respected(comparison: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WANDB_MODE=disabled writes nothing; offline does not upload even with a key."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert publish(comparison, ("wandb",)) == ["wandb: WANDB_MODE is disabled; nothing was written"]
    assert not (comparison / "wandb").exists()
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", FAKE_KEY)
    (line,) = publish(comparison, ("wandb",))
    assert "W&B's mode is offline; to upload them: wandb sync" in line


@pytest.mark.parametrize(
    ("server", "trouble"),
    [
        ("failing_server", "the W&B server answered 500"),
        ("refusing_server", "the W&B server refused the key (401); `wandb login --relogin`"),
        ("hanging_server", "the W&B server gave no answer in 3 s"),
        ("stalling_server", "the W&B server took 0 of 3 in time"),
    ],
)
def test_server_in_trouble(
    comparison: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    server: str,
    trouble: str,
) -> None:
    """At most ten seconds, the runs stay, the command that uploads them is named, and no file has the key."""
    monkeypatch.setenv("WANDB_BASE_URL", request.getfixturevalue(server))
    monkeypatch.setenv("WANDB_API_KEY", FAKE_KEY)
    begun = time.monotonic()
    (line,) = publish(comparison, ("wandb",))
    assert time.monotonic() - begun <= 10
    sync = f"wandb sync {comparison}/wandb/offline-run-*"
    assert line == f"wandb: 3 runs under {comparison}/wandb; {trouble}; to upload them: {sync}"
    assert history(find_run(comparison, "full-r1"), "loss") == [4.0, 3.0, 2.0, 1.0]
    files = [path for path in comparison.rglob("*") if path.is_file()]
    assert not [path for path in files if FAKE_KEY.encode() in path.read_bytes()]


def test_the_key_goes_to_its_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends us elsewhere is up; nobody there sees the key."""
    seen: list[str | None] = []

    def note(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        request.send_error(404)

    def send_away(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        request.send_response(302)
        request.send_header("Location", elsewhere)
        request.end_headers()

    monkeypatch.setenv("WANDB_API_KEY", FAKE_KEY)
    with serving(note) as elsewhere, serving(send_away) as server:
        assert wandb_upload.probe(server, 3.0) == ""
    assert seen == ["Basic " + base64.b64encode(f"api:{FAKE_KEY}".encode()).decode()]


def test_an_address_with_a_password_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://someone:password@wandb.example.com/")
    with pytest.raises(UserError, match=r"^--track wandb: WANDB_BASE_URL holds a name or a password"):
        check_trackers(("wandb",))
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.com/@someone")
    check_trackers(("wandb",))


def test_server_that_hangs_after_its_first_answer(
    comparison: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hanging_server: str
) -> None:
    """The upload itself is ended when no run arrives in time; its log lies beside the runs."""
    publish(comparison, ("wandb",))
    present = tmp_path / "present"
    present.mkdir()
    monkeypatch.chdir(present)
    monkeypatch.setenv("WANDB_BASE_URL", hanging_server)
    monkeypatch.setenv("WANDB_API_KEY", FAKE_KEY)
    begun = time.monotonic()
    runs = sorted((comparison / "wandb").glob("offline-run-*"))
    assert wandb_upload.sync(runs, 6.0)[0] == "the W&B server took 0 of 3 in time"
    assert time.monotonic() - begun < 20
    assert not list(present.iterdir())
    assert list((comparison / "wandb" / "logs").iterdir())


def test_log_in_is_found_where_wandb_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment or a machine in netrc; another server's is none."""
    server = wandb_upload.DEFAULT_SERVER
    assert not wandb_upload.is_logged_in(server)
    (tmp_path / "home" / "netrc").write_text(f"machine api.wandb.ai\n  login user\n  password {FAKE_KEY}\n")
    assert wandb_upload.is_logged_in(server)
    assert not wandb_upload.is_logged_in("https://wandb.example.org")
    monkeypatch.setenv("WANDB_API_KEY", FAKE_KEY)
    assert wandb_upload.is_logged_in("https://wandb.example.org")


def test_failed_run(tmp_path: Path) -> None:
    """A run that failed is there with its reason."""
    write_scripted_run(tmp_path / "one", "lora", failed="out_of_memory")
    publish(tmp_path / "one", ("wandb",))
    records = find_run(tmp_path / "one", "lora-r1")
    assert summary(records)["failure"] == "out_of_memory at step 2"
    assert next(r.exit.exit_code for r in records if r.WhichOneof("record_type") == "exit") == 1


def test_ids_depend_on_the_comparison(comparison: Path) -> None:
    """The same run keeps its id; another comparison's run of the same name has another."""
    result = collect(comparison)
    first = figures.run_id(result, "lora-r1")
    assert first == figures.run_id(collect(comparison), "lora-r1")
    result.created += 1
    assert figures.run_id(result, "lora-r1") != first


@pytest.mark.parametrize(("taken", "trouble"), [(2, ""), (1, "the W&B server took 1 of 2")])
def test_upload_is_believed_by_its_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int, trouble: str
) -> None:
    """What `wandb sync` marked has arrived, whatever its exit code says; a scripted double stands for it."""
    double = tmp_path / "double" / "wandb"
    double.mkdir(parents=True)
    (double / "__init__.py").touch()
    (double / "__main__.py").write_text(
        "import pathlib, sys\nassert sys.argv[1] == 'sync'\n"
        f"for run in sys.argv[2:{2 + taken}]: (pathlib.Path(run) / 'run-1.wandb.synced').touch()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(double.parent))
    runs = [tmp_path / "one", tmp_path / "two"]
    for run in runs:
        run.mkdir()
    assert wandb_upload.sync(runs, 10.0)[0] == trouble


FOLLOW = """
import sys, time
from pathlib import Path
from laptime.trackers.live import Records
from laptime.trackers.publication import load_result
from laptime.trackers.wandb import TRACKER
from tests.trackers.growing import Growing
folder = Path(sys.argv[1])
race, records = Growing(folder), Records(folder)
for num_steps in (2, 4):
    race.show(num_steps)
    TRACKER.follow(folder, load_result(folder), records.read_grown())
time.sleep(600)
"""


def test_a_run_is_shown_live_and_gives_way_to_the_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows is killed at the end of the race; what it showed is taken away, no row is twice."""
    with serve_wandb() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.address)
        monkeypatch.setenv("WANDB_API_KEY", FAKE_KEY)
        monkeypatch.setenv("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", "0.2")
        monkeypatch.setenv("WANDB_SILENT", "true")
        command = [sys.executable, "-c", FOLLOW, str(tmp_path / "race")]
        process = subprocess.Popen(command, start_new_session=True)
        try:
            for _ in range(600):
                shown = [server.history(run) for run in list(server.buckets)]
                if shown and len(shown[0]) >= 3:  # the last one waits for what may still be logged of it
                    break
                time.sleep(0.1)
        finally:
            kill_group(process)
        (live,) = server.buckets
        assert server.buckets[live]["displayName"] == "lora-r1 (live)"
        moments = [CREATED + 111.5 + n for n in range(3)]
        assert [row["_timestamp"] for row in server.history(live)][:3] == moments
        Growing(tmp_path / "race").show(None)
        (line,) = publish(tmp_path / "race", ("wandb",), deadline_seconds=60)
        assert "; uploaded" in line and "could not be taken away" not in line
        assert server.deleted == [live]
        assert len(server.history(server.runs()["lora-r1"])) == 4
        assert not (tmp_path / "race" / "wandb" / "live.txt").exists()
        note_live(tmp_path / "race" / "wandb", f"{ENTITY}/laptime/unknown")
        left = take_live_away(tmp_path / "race" / "wandb", 3.0)
        assert left.endswith(f"shown live could not be taken away: {ENTITY}/laptime/unknown")
        assert (tmp_path / "race" / "wandb" / "live.txt").exists()


def test_nobody_is_followed_without_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    race = Growing(tmp_path)
    race.show(2)
    for name in ("SILENT", "ERROR_REPORTING", "DATA_DIR", "CACHE_DIR"):  # which it sets: to be taken back
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / "staging") if name.endswith("DIR") else "true")
    tracker.WandB().follow(tmp_path, collect(tmp_path), [read_record(race.record.parent)])
    assert not (tmp_path / "wandb" / "live.txt").exists()
