"""A model of the hub that is gated, absent, out of reach or here already, by the whole command."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from laptime.util import hub as hub_module
from tests.tiny import make_tiny_model

COMMIT = "b" * 40
NOWHERE = "http://127.0.0.1:9"
GATED = "gated; accept its terms at https://huggingface.co/org/gated, then `hf auth login` (or set HF_TOKEN)"


class Hub(BaseHTTPRequestHandler):
    """Has one model that everybody may read and one that is gated."""

    files: Path
    asked: list[str]
    closed: bool  # every model is gated

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).removeprefix("/api/models").lstrip("/")
        self.asked.append(path)
        name = "/".join(path.split("/")[:2])
        action, _, rest = path.removeprefix(f"{name}/").partition("/")
        if name == "org/gated" or self.closed:
            return self._answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if name != "org/open":
            return self._answer(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        names = sorted(file.name for file in self.files.iterdir())
        if action == "revision":
            found = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": file} for file in names]}
            return self._answer(200, json.dumps(found).encode(), {"Content-Type": "application/json"})
        if action == "tree":
            listed = [{"type": "file", "path": file, "size": 1, "oid": "0"} for file in names]
            return self._answer(200, json.dumps(listed).encode(), {"Content-Type": "application/json"})
        if action == "resolve" and (file := rest.partition("/")[2]) in names:
            body = (self.files / file).read_bytes()
            etag = hashlib.sha1(body).hexdigest()
            return self._answer(200, body, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        return self._answer(404, b"{}", {"X-Error-Code": "EntryNotFound"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    Hub.files, Hub.asked, Hub.closed = make_tiny_model(tmp_path / "model"), [], False
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "train.jsonl"
    file.write_text('{"prompt": "a", "completion": "b"}\n')
    return file


def laptime(place: Path, endpoint: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a hub and a home of its own."""
    return run(place, endpoint, "-m", "laptime", *words)


def run(place: Path, endpoint: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with a hub and a home of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(place / "hf"), "TMPDIR": str(place)}
    return subprocess.run(
        [sys.executable, *words],
        env=kept | own | {"HF_HUB_DISABLE_XET": "1"} | variables,
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("command", [["compare"], ["train", "--method", "full"]], ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("org/gated", GATED),
        (
            "org/absent",
            "no such folder here, and no model of that name on the hub "
            "(or a private one: then `hf auth login`)",
        ),
    ],
)
def test_it_is_found_before_any_work(
    tmp_path: Path, hub: str, data: Path, command: list[str], model: str, said: str
) -> None:
    done = laptime(tmp_path, hub, *command, "--model", model, "--data", str(data), "--out", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"laptime: error: --model {model}: {said}\n"
    assert not (tmp_path / "out").exists()
    assert all("safetensors" not in path for path in Hub.asked), "not a byte of weights was asked for"


FETCH = """
import sys
from laptime.errors import UserError
from laptime.models.source import locate_model
from laptime.spec import ModelSpec
try: print(locate_model(ModelSpec(model=sys.argv[1])).folder)
except UserError as error: print(error)
"""


def test_what_is_here_already_needs_no_hub(tmp_path: Path, hub: str) -> None:
    """Fetched once, a model is found again without a network, with HF_HUB_OFFLINE, and once it is gated."""
    assert run(tmp_path, NOWHERE, "-c", FETCH, "org/open").stdout == (
        "--model org/open: no such folder here, not in the cache, and the hub cannot be reached; "
        "give the path of a local copy\n"
    )
    fetched = run(tmp_path, hub, "-c", FETCH, "org/open").stdout
    assert (Path(fetched.strip()) / "model.safetensors").is_file()
    num_asked = len(Hub.asked)
    for endpoint, variables in ((NOWHERE, {}), (hub, {"HF_HUB_OFFLINE": "1"})):
        assert run(tmp_path, endpoint, "-c", FETCH, "org/open", **variables).stdout == fetched
    assert run(tmp_path, NOWHERE, "-c", FETCH, str(Hub.files)).stdout == f"{Hub.files}\n"
    assert len(Hub.asked) == num_asked, "nobody was asked again"
    Hub.closed = True
    assert run(tmp_path, hub, "-c", FETCH, "org/open").stdout == fetched


def test_a_hub_that_takes_connections_and_says_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(hub_module, "ANSWER_SECONDS", 0.5)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        begun = time.monotonic()
        with pytest.raises(ConnectionError):
            hub_module.check_reachable()
    assert time.monotonic() - begun < 5


def test_any_answer_of_the_hub_will_do(monkeypatch: pytest.MonkeyPatch, hub: str) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(constants, "ENDPOINT", hub)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub_module.check_reachable()
    assert Hub.asked == [""], "it answered 401"
