"""A live view in a process of its own, as a person starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def live_view(cwd: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Give the process of `laptime serve` at a free port, and the address of its page."""
    process = subprocess.Popen(
        [sys.executable, "-m", "laptime", "serve", "--port", "0", *words],
        cwd=cwd,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    try:
        said = process.stdout.readline()
        assert said.startswith("live view: "), said + process.stdout.read()
        yield process, said.removeprefix("live view: ").strip()
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def ask(address: str, value: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an answer; `value` is posted as JSON."""
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    body = None
    if value is not None:
        body, given = json.dumps(value).encode(), {"Content-Type": "application/json"} | given
    request = urllib.request.Request(address, data=body, headers=given)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()
