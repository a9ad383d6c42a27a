"""From the offline runs of W&B to its server, where a user is logged in and the server is up."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import netrc
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEFAULT_SERVER = "https://api.wandb.ai"
PROBE_SECONDS = 3.0
LEAST_SECONDS = 2.0
UPLOAD_SECONDS = 40.0  # for all runs together; `network_seconds` bounds the wait for each


def upload(runs: Sequence[Path], network_seconds: float) -> tuple[str, list[str]]:
    """Upload `runs` within about `network_seconds` of silence; returns "" or why not, and their addresses."""
    import wandb

    settings = wandb.setup().settings
    if settings.mode != "online":
        return f"W&B's mode is {settings.mode}", []
    server = str(settings.base_url)
    if not is_logged_in(server):
        return "not logged in to W&B", []
    begun = time.monotonic()
    if trouble := probe(server, min(PROBE_SECONDS, network_seconds)):
        return trouble, []
    return sync(runs, max(LEAST_SECONDS, network_seconds - (time.monotonic() - begun)))


def is_logged_in(server: str) -> bool:
    """Say whether wandb will find credentials for `server` by itself: in the environment or in netrc."""
    return bool(os.environ.get("WANDB_IDENTITY_TOKEN_FILE") or find_key(server))


def find_key(server: str) -> str:
    """Return the API key that wandb will use for `server`, "" where there is none."""
    if key := os.environ.get("WANDB_API_KEY"):
        return key
    given = os.environ.get("NETRC")
    for path in [Path(given)] if given else [Path("~/.netrc"), Path("~/_netrc")]:
        with contextlib.suppress(OSError, netrc.NetrcParseError, RuntimeError):
            found = netrc.netrc(str(path.expanduser())).authenticators(urlsplit(server).netloc)
            return (found[2] or "") if found else ""
    return ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the key is for this server alone."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse."""


def probe(server: str, seconds: float) -> str:
    """Ask `server` who we are; returns "" or what is wrong with it or with the key.

    In a thread, because the time that a name look-up takes can't be bounded otherwise.
    """
    trouble = [f"the W&B server gave no answer in {seconds:g} s"]
    request = urllib.request.Request(
        f"{server.rstrip('/')}/graphql",
        data=json.dumps({"query": "query Viewer { viewer { id } }"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    if key := find_key(server):
        credentials = base64.b64encode(f"api:{key}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {credentials}")

    def ask() -> None:
        try:
            urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds).close()
            trouble[0] = ""
        except urllib.error.HTTPError as error:
            trouble[0] = _tell_answer(error.code)
        except TimeoutError:
            pass
        except (OSError, http.client.HTTPException) as error:
            trouble[0] = f"the W&B server can't be reached ({getattr(error, 'reason', error)})"

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return trouble[0]


def _tell_answer(code: int) -> str:
    """Return what is wrong by an HTTP status, "" where the server is up and only refuses this question."""
    if code in (401, 403):
        return f"the W&B server refused the key ({code}); `wandb login --relogin`"
    return f"the W&B server answered {code}" if code >= 500 else ""


def sync(runs: Sequence[Path], network_seconds: float) -> tuple[str, list[str]]:
    """Run `wandb sync`, ended when no run arrives for `network_seconds`.

    Returns "" or what went wrong, and the addresses of the runs as their server gave them.
    """
    command = [sys.executable, "-P", "-m", "wandb", "sync", *(str(run) for run in runs)]
    # The command's own logs go beside the runs, not into the folder that the user happens to stand in.
    environment = os.environ | {"WANDB_DIR": str(runs[0].parent.parent)}
    environment.pop("WANDB_SILENT", None)  # it would not say where the runs are
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        trouble = _wait_for_runs(process, runs, network_seconds)
        said.seek(0)
        addresses = re.findall(r"View run .*\bat (https?://\S+)", said.read().decode(errors="replace"))
    return trouble, addresses


def _wait_for_runs(process: subprocess.Popen[bytes], runs: Sequence[Path], network_seconds: float) -> str:
    """Wait for the upload, or end it; returns "" or what went wrong."""
    begun = progressed = time.monotonic()
    arrived = 0
    while process.poll() is None:
        time.sleep(0.1)
        now, count = time.monotonic(), count_synced(runs)
        if count > arrived:
            arrived, progressed = count, now
        if now - progressed > network_seconds or now - begun > UPLOAD_SECONDS:
            process.kill()
            process.wait()
            return f"the W&B server took {count_synced(runs)} of {len(runs)} in time"
    arrived = count_synced(runs)
    return "" if arrived == len(runs) else f"the W&B server took {arrived} of {len(runs)}"


def count_synced(runs: Sequence[Path]) -> int:
    """Return how many runs bear wandb's mark of having arrived."""
    return sum(is_synced(run) for run in runs)


def is_synced(run: Path) -> bool:
    """Tell whether a run bears wandb's mark of having arrived."""
    return any(run.glob("*.wandb.synced"))
