"""Data sets of the hub, against a small hub on loopback that the real client talks to."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from laptime.data.hub_datasets import is_hub_id

COMMIT = "a" * 40


def rows(name: str) -> bytes:
    return (json.dumps({"prompt": name, "completion": "b"}) + "\n").encode()


REPOSITORIES = {
    "org/plain": {"main": ["README.md", "train.jsonl", "test.jsonl"]},
    "org/configured": {"main": ["main/train-0.jsonl", "extra/train-0.jsonl"]},
    "org/images": {
        "main": ["a.png"],
        "refs/convert/parquet": ["default/train/0.jsonl", "default/test/0.jsonl"],
    },
    "org/empty": {"main": ["README.md"]},
}


class Hub(BaseHTTPRequestHandler):
    """Answers the two requests of the client: the list of files, and a file."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).removeprefix("/api").removeprefix("/datasets/")
        name = "/".join(path.split("/")[:2])
        action, _, rest = path.removeprefix(name + "/").partition("/")
        if name == "org/gated":
            return self._answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if name not in REPOSITORIES:
            return self._answer(401, b"{}", {"X-Error-Code": "RepoNotFound"})
        for revision, files in REPOSITORIES[name].items():
            if action == "tree" and rest == revision:
                found = [{"type": "file", "path": file, "size": 1, "oid": "0"} for file in files]
                return self._answer(200, json.dumps(found).encode(), {"Content-Type": "application/json"})
            if action == "resolve" and rest.removeprefix(revision + "/") in files:
                body = rows(rest.removeprefix(revision + "/"))
                etag = hashlib.sha1(body).hexdigest()
                return self._answer(200, body, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        return self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ask(endpoint: str, home: Path, names: list[str], **options: str) -> list[str]:
    """Read each data set in a fresh process, which waits for nobody long; return its prompts or its error."""
    code = (
        "import sys, json, time\nfrom laptime.data.formats import read_examples\n"
        "from laptime.spec import DataSpec\n"
        "from laptime.errors import UserError\n"
        "naps = []; time.sleep = naps.append\n"
        "for name in json.loads(sys.argv[1]):\n"
        "    spec = DataSpec(data=name, **json.loads(sys.argv[2]))\n"
        "    try: print(*(r.prompt for r in read_examples(spec).examples))\n"
        "    except UserError as error: print(error)\n"
        "assert sum(naps) < 10, naps\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    environment = {key: value for key, value in environment.items() if not key.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(names), json.dumps(options)],
        env=environment,
        capture_output=True,
        text=True,
        cwd=home,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_files_of_the_split_are_fetched_and_found_again_offline(hub: str, tmp_path: Path) -> None:
    names = ["org/plain", "org/configured/extra", "org/images"]
    prompts = ["train.jsonl", "extra/train-0.jsonl", "default/train/0.jsonl"]
    assert ask(hub, tmp_path, names) == prompts
    assert ask(hub, tmp_path, ["org/plain"], split="test") == ["test.jsonl"]
    nowhere = "http://127.0.0.1:9"
    answers = ask(nowhere, tmp_path, [*names, "org/never"])
    assert answers[:3] == prompts
    assert answers[3] == (
        "--data org/never: no such file or folder here, not in the cache, and the hub cannot be reached; "
        "give the path of a local copy"
    )


def test_what_cannot_be_had_is_one_line(hub: str, tmp_path: Path) -> None:
    assert ask(hub, tmp_path, ["org/gated", "org/absent", "org/configured", "org/empty", "org/--bad"]) == [
        "--data org/gated: gated; accept its terms at https://huggingface.co/datasets/org/gated, then "
        "`hf auth login` (or set HF_TOKEN)",
        "--data org/absent: no such file or folder here, and no data set of that name on the hub "
        "(or a private one: then `hf auth login`)",
        "--data org/configured: several configurations (extra, main); name one: --data org/configured/extra",
        "--data org/empty: no file for --split train; it has no data files that can be read",
        "--data org/--bad: no such file or folder (nor a folder org)",
    ]
    assert ask(hub, tmp_path, ["org/plain"], split="dev") == [
        "--data org/plain: no file for --split dev; its data files: train.jsonl, test.jsonl"
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai/gsm8k", True),
        ("openai/gsm8k/main", True),
        ("./openai/gsm8k", False),
        ("/openai/gsm8k", False),
        ("data/train.jsonl", False),
        ("train", False),
        ("a/../b", False),
    ],
)
def test_a_hub_id_is_told_from_a_path(name: str, expected: bool) -> None:
    assert is_hub_id(name) == expected
