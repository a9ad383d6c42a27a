"""The server as it is reached: what it serves, whom it refuses, how it streams, and how it ends."""

from __future__ import annotations

import http.client
import importlib.util
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from laptime.cli.serve import serve_command
from laptime.errors import UserError
from laptime.live import server
from laptime.live.server import open_socket
from laptime.report.page import render_report
from laptime.runs.plan import run_folder
from laptime.session import gather_result, write_result
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.live.live_server import ask, live_view
from tests.live.test_race_reader import add_steps, at_work

has_ui = all(importlib.util.find_spec(name) for name in ("starlette", "uvicorn"))
needs_ui = pytest.mark.skipif(not has_ui, reason="laptime[ui] is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished race, one that stopped, and a report that is no report of ours."""
    root = tmp_path_factory.mktemp("races")
    write_scripted_comparison(root / "done", {"full": [2.0, 2.1], "lora": [1.0, 1.1]})
    write_result(root / "done", gather_result(root / "done"))
    render_report(root / "done")
    write_scripted_comparison(root / "half", {"full": [2.0], "lora": [1.0]}, skip=["lora-r1"])
    (root / "half" / "report.html").write_text("<script>parent.x = 1</script>")
    (root.parent / "secret.html").write_text("secret")
    return root


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """The address of the page for that folder."""
    with live_view(folder) as (_, address):
        yield address


@needs_ui
def test_the_page_and_what_it_is_made_of(address: str) -> None:
    status, headers, page = ask(address)
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert b"http://" not in page and b"https://" not in page and b"<style" not in page
    assert b"style=" not in page and b"onclick" not in page
    for name, kind in (("live.js", "text/javascript"), ("live.css", "text/css")):
        status, headers, content = ask(address + name)
        assert (status, headers["content-type"].split(";")[0]) == (200, kind)
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert b"http://" not in content and b"https://" not in content
    assert ask(address + "live.html.j2")[0] == 404


@needs_ui
def test_who_is_refused(address: str) -> None:
    parts = urlsplit(address)
    origin = f"http://{parts.netloc}"
    assert [ask(f"{origin}{path}")[0] for path in ("/", "/state", "/live.js", "/x/")] == [403] * 4
    assert ask(address, Host="evil.org")[0] == 421
    status, headers, _ = ask(address + "state", Origin="https://evil.org")
    assert status == 200 and not any(name.lower().startswith("access-control") for name in headers)
    assert ask(address + "start", {}, Content_Type="text/plain")[0] == 415


@needs_ui
@pytest.mark.parametrize(
    "path",
    [
        "races/..%2f..%2fsecret.html/report.html", "races/../../secret.html", "races/%2e%2e/report.html",
        "..%2fsecret.html", "races/done%2f..%2f..%2fsecret/report.html", "races/none/report.html",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder(address: str, path: str) -> None:
    parts = urlsplit(address)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)  # sends a path as it is
    connection.request("GET", parts.path + path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in (403, 404) and b"secret" not in body


@needs_ui
def test_a_race_and_its_report(address: str) -> None:
    told = json.loads(ask(address + "state?race=done")[2])
    assert sorted(told["races"]) == ["done", "half"] and told["name"] == "done"
    assert told["race"]["state"] == "finished" and told["race"]["report"]
    assert told["race"]["headline"].startswith("LoRA trained 1.95x faster")
    status, _, page = ask(address + "races/done/report.html")
    assert status == 200 and b"<html lang" in page
    assert json.loads(ask(address + "state?race=../done")[2])["race"] is None


@needs_ui
def test_a_report_of_others_runs_nothing(address: str) -> None:
    told = json.loads(ask(address + "state?race=half")[2])["race"]
    assert told["state"] == "stopped" and not told["report"]
    assert told["go_on"] == "laptime compare --config half/spec.json --out half"
    _, headers, _ = ask(address + "races/half/report.html")
    rules = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
    assert (rules["sandbox"], rules["default-src"]) == ("allow-scripts", "'none'"), "it is of no origin"
    assert re.fullmatch(r"'sha256-[\w+/=]{44}'", rules["script-src"]), "and runs no script but ours"


@needs_ui
def test_what_is_refused_is_a_line(address: str, folder: Path) -> None:
    def refusal(path: str, value: object) -> str:
        status, _, body = ask(address + path, value)
        assert status == 400, body
        return str(json.loads(body)["error"])

    assert refusal("command", {"out": "../x"}) == "--out ../x: give the name of a folder, which is made in ."
    assert refusal("start", {"epochs": "many"}) == "--epochs: expected a whole number (got 'many')"
    assert refusal("start", {"unknown": 1}).startswith("not understood: ")
    assert refusal("races/none/stop", {}) == "none: no race of that name here."
    assert refusal("races/done/stop", {}) == "done: nothing is at work there."
    assert refusal("races/done/ask", {"question": ""}).startswith("Give a question")
    assert sorted(path.name for path in folder.iterdir()) == ["done", "half"]
    told = json.loads(ask(address + "command", {"methods": ["lora"], "out": "half"})[2])
    assert told == {"command": "laptime compare --methods lora --out half", "name": "half", "goes_on": True}


@needs_ui
def test_events_come_when_something_has_changed(tmp_path: Path) -> None:
    write_scripted_comparison(tmp_path / "race", {"full": [2.0], "lora": [1.0]}, skip=["lora-r1"])
    home = run_folder(tmp_path / "race", "lora-r1")
    write_scripted_run(home, "lora", unfinished=True)
    with (
        at_work(tmp_path / "race"),
        live_view(tmp_path, "race", "--lang", "ko") as (_, address),
        urllib.request.urlopen(address + "events", timeout=30) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = read_event(stream)
        assert told["race"]["now"].startswith("lora-r1 (3개 중 3번째): 스텝 1/4")
        add_steps(home, 2)
        while "스텝 2/4" not in (now := read_event(stream)["race"]["now"]):
            assert "스텝 1/4" in now


def read_event(stream: http.client.HTTPResponse) -> dict[str, dict[str, str]]:
    """Return what the next event tells; comments are passed over."""
    while not (line := stream.readline()).startswith(b"data: "):
        assert line, "the stream has ended"
    told = json.loads(line.removeprefix(b"data: "))
    assert stream.readline() == b"\n"
    return dict(told)


@needs_ui
def test_ctrl_c_ends_it_though_a_tab_listens(tmp_path: Path) -> None:
    with (
        live_view(tmp_path) as (process, address),
        urllib.request.urlopen(address + "events", timeout=30) as stream,
    ):
        read_event(stream)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert process.stdout and "Traceback" not in process.stdout.read()


@needs_ui
def test_the_server_imports_no_torch(tmp_path: Path) -> None:
    code = (
        "import asyncio, pathlib, sys\n"
        "from laptime.live.desk import Desk\nfrom laptime.live.places import Places\n"
        "from laptime.live.server import make_app\n"
        "desk = Desk(Places(pathlib.Path()), 'en')\n"
        "make_app(desk, 't'); desk.look(); import laptime.live.form as form\n"
        "form.read_words(form.make_words(form.Form(), pathlib.Path('x'), 'en'))\n"
        "print(sorted({'torch', 'transformers', 'peft', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True) == "[]\n"


def test_what_the_command_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(*words: str) -> str:
        with pytest.raises(UserError) as error:
            serve_command.main([*words], standalone_mode=False)
        return str(error.value)

    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: object())
        assert refusal(str(tmp_path / "gone")) == f"{tmp_path / 'gone'}: no such folder"
        assert refusal("--host", "0.0.0.0").endswith("start processes in your name; --expose allows that")
        assert refusal("--port", "1", "--port", "2") == "--port: given 2 times; give it once"
        patch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else object())
        assert refusal() == "serve: uvicorn is not installed; pip install 'laptime[ui]'"


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {taken}: cannot be listened at"):
            open_socket("127.0.0.1", taken)
        with pytest.raises(UserError, match="give 1 to 65535"):
            open_socket("127.0.0.1", 70_000)
        monkeypatch.setattr(server, "PORT", taken)
        with open_socket("127.0.0.1", None) as found:
            assert found.getsockname()[1] != taken
