"""Weights & Biases: written offline first, then uploaded where the user is logged in and the server is up.

Writing is local and can't hang, so everything lies under FOLDER/wandb before the network is touched.
A server that is down or silent costs seconds; the runs stay, and the line names `wandb sync`. What wandb
would gather by itself (host, user, program, packages, git) is switched off: only what the record holds is
written. No prompt can appear.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import netrc
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from laptime.comparison.answers import BASE
from laptime.comparison.collection import read_measured
from laptime.comparison.result import ComparisonResult
from laptime.comparison.rows import held_out_loss, peak_counter, tokens_per_second
from laptime.credentials import holds_login
from laptime.errors import UserError
from laptime.runs.record import RunRecord
from laptime.trackers.tracker import require

FOLDER = "wandb"
DEFAULT_PROJECT = "laptime"
DEFAULT_SERVER = "https://api.wandb.ai"
PROBE_SECONDS = 3.0
START_SECONDS = 1.5  # of this process before it gets here, and its end
LEAST_SECONDS = 2.0
UPLOAD_SECONDS = 40.0  # for all runs together; `network_seconds` bounds the wait for each


class WandB:
    """Writes one W&B run a method and round in one group, and a summary run with chart and answers."""

    name = "wandb"

    def check(self) -> None:
        """Raise UserError when wandb is absent, or its server's address is one that it cannot use."""
        require("wandb", "wandb")
        if holds_login(os.environ.get("WANDB_BASE_URL", "")):
            raise UserError(
                "--track wandb: WANDB_BASE_URL holds a name or a password, which W&B does not read there; "
                "give the address alone, and the key in WANDB_API_KEY"
            )

    def publish(self, folder: Path, result: ComparisonResult, network_seconds: float) -> list[str]:
        """Write the runs that were not written before, and upload them if a user is logged in."""
        if os.environ.get("WANDB_MODE") == "disabled":
            return ["wandb: WANDB_MODE is disabled; nothing was written"]
        begun = time.monotonic()
        folder = folder.resolve()
        _quiet(folder)
        records = read_measured(folder, result)
        for record in records:
            _write_run(folder, result, record)
        _write_summary(folder, result, records)
        waiting = [run for run in _runs(folder) if not any(run.glob("*.wandb.synced"))]
        line = f"wandb: {len(_runs(folder))} runs under {folder / FOLDER}"
        # What was written took its time already: whoever waits at a dead server waits no longer in all.
        left = max(LEAST_SECONDS, network_seconds - START_SECONDS - (time.monotonic() - begun))
        trouble = _upload(waiting, left) if waiting else ""
        if not trouble:
            return [f"{line}; uploaded"]
        command = f"wandb sync {shlex.quote(str(folder / FOLDER))}/offline-run-*"
        return [f"{line}; {trouble}; to upload them: {command}"]


TRACKER = WandB()


def _quiet(folder: Path) -> None:
    """Keep wandb's words off the console, its files in `folder`, and its error reports at home."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=place).close()  # wandb itself would write elsewhere, without a word
    os.environ["WANDB_SILENT"] = "true"
    os.environ["WANDB_ERROR_REPORTING"] = "false"
    for variable, name in {"WANDB_DATA_DIR": "staging", "WANDB_CACHE_DIR": "cache"}.items():
        os.environ.setdefault(variable, str(place / name))


def _runs(folder: Path) -> list[Path]:
    """Return the folders of the offline runs in the order in which they were written."""
    return sorted((folder / FOLDER).glob("offline-run-*"))


def run_id(result: ComparisonResult, name: str) -> str:
    """Return the id of a run, the same in every call, so that nothing is written or uploaded twice."""
    return hashlib.sha256(f"{result.created} {result.model.get('digest')} {name}".encode()).hexdigest()[:12]


def group_name(result: ComparisonResult) -> str:
    """Return the name that all runs of a comparison share."""
    begun = time.strftime("%Y%m%d-%H%M%S", time.gmtime(result.created))
    return f"{Path(str(result.model.get('name', ''))).name or 'comparison'}-{begun}"[:128]


def _begin(folder: Path, result: ComparisonResult, name: str, job: str, config: Mapping[str, Any]) -> Any:
    """Begin an offline run that says nothing of the machine beyond our own facts; None if it was written."""
    import wandb

    identity = run_id(result, name)
    if any((folder / FOLDER).glob(f"offline-run-*-{identity}")):
        return None
    settings = wandb.Settings(
        mode="offline",
        silent=True,
        console="off",
        host="",  # an empty name keeps wandb from asking for the real one
        disable_git=True,
        disable_code=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
    return wandb.init(
        project=os.environ.get("WANDB_PROJECT") or DEFAULT_PROJECT,
        group=group_name(result),
        name=name.partition(" ")[0],
        job_type=job,
        id=identity,
        dir=str(folder),
        config=dict(config),
        settings=settings,
    )


def _write_run(folder: Path, result: ComparisonResult, record: RunRecord) -> None:
    """Write one method in one round: its spec, its steps, its figures."""
    started = record.started
    config: dict[str, Any] = {"contestant": started.name, "method": started.method}
    config |= {"round": started.round, "spec": started.spec}
    config |= {"machine": record.machine.facts if record.machine else {}}
    run = _begin(folder, result, started.run, started.method, config)
    if run is None:
        return
    elapsed = 0.0
    for step in record.steps:
        elapsed += step.seconds
        values = {"loss": step.loss, "learning_rate": step.learning_rate, "step_seconds": step.seconds}
        values |= {"grad_norm": step.grad_norm, "elapsed_seconds": elapsed, "epoch": step.epoch}
        values |= {"tokens_per_second": step.tokens / step.seconds if step.seconds else None}
        run.log({name: value for name, value in values.items() if value is not None}, step=step.step)
    run.summary.update(run_figures(record))
    run.finish(exit_code=0 if record.finished else 1)


def run_figures(record: RunRecord) -> dict[str, Any]:
    """Return the figures of a whole run; of a failed one its reason."""
    if not record.finished:
        return {
            "status": record.status,
            "failure": record.failed.message if record.failed else "no last line",
        }
    figures = {
        "status": record.status,
        "train_seconds": record.finished.train_seconds,
        "total_seconds": record.finished.total_seconds,
        "run_tokens_per_second": tokens_per_second(record),
        "peak_bytes": record.finished.peak_bytes.get(peak_counter(record)),
        "held_out_loss": held_out_loss(record),
        "saved_bytes": record.saved.num_bytes if record.saved else None,
        "trainable_parameters": record.model.trainable_parameters if record.model else None,
    }
    return {name: value for name, value in figures.items() if value is not None}


def _write_summary(folder: Path, result: ComparisonResult, records: Sequence[RunRecord]) -> None:
    """Write the comparison: the chart of training seconds, the ratios and the table of answers.

    Its id depends on the runs behind it, so that a comparison that went on gets a new summary.
    """
    import wandb

    name = " ".join(["summary", *(f"{record.started.run}:{record.status}" for record in records)])
    run = _begin(folder, result, name, "summary", {"spec": result.spec, "machine": result.machine})
    if run is None:
        return
    seconds = [[method.name, method.train_seconds] for method in result.methods if method.train_seconds]
    table = wandb.Table(columns=["method", "train_seconds"], data=seconds)
    run.log(
        {"train_seconds": wandb.plot.bar(table, "method", "train_seconds", title="Training time in seconds")}
    )
    columns, rows = answer_table(result)
    if rows:
        run.log({"answers": wandb.Table(columns=columns, data=rows)})
    for pair in result.pairs:
        run.summary[f"ratio {pair.slower} to {pair.faster}"] = pair.train_ratio
        run.summary[f"verdict {pair.slower} to {pair.faster}"] = pair.verdict
    run.finish()


def answer_table(result: ComparisonResult) -> tuple[list[str], list[list[str]]]:
    """Return the columns and rows of all answers, the base's before the methods'."""
    names = [BASE, *(method.name for method in result.methods)]
    rows = []
    for question in result.questions:
        texts = [question.answers[name].text if name in question.answers else "" for name in names]
        rows.append([question.question, question.source, question.reference or "", *texts])
    return ["question", "source", "reference", *names], rows


def _upload(runs: Sequence[Path], network_seconds: float) -> str:
    """Upload `runs` within about `network_seconds` of silence; returns "" or why they were not uploaded."""
    import wandb

    settings = wandb.setup().settings
    if settings.mode != "online":
        return f"W&B's mode is {settings.mode}"
    server = str(settings.base_url)
    if not is_logged_in(server):
        return "not logged in to W&B"
    begun = time.monotonic()
    if trouble := probe(server, min(PROBE_SECONDS, network_seconds)):
        return trouble
    return _sync(runs, max(LEAST_SECONDS, network_seconds - (time.monotonic() - begun)))


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


def _sync(runs: Sequence[Path], network_seconds: float) -> str:
    """Run `wandb sync`, ended when no run arrives for `network_seconds`; returns "" or what went wrong."""
    command = [sys.executable, "-P", "-m", "wandb", "sync", *(str(run) for run in runs)]
    # The command's own logs go beside the runs, not into the folder that the user happens to stand in.
    environment = os.environ | {"WANDB_DIR": str(runs[0].parent.parent)}
    silent: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    process = subprocess.Popen(command, env=environment, **silent)
    begun = progressed = time.monotonic()
    arrived = 0
    while process.poll() is None:
        time.sleep(0.1)
        now, count = time.monotonic(), _count_synced(runs)
        if count > arrived:
            arrived, progressed = count, now
        if now - progressed > network_seconds or now - begun > UPLOAD_SECONDS:
            process.kill()
            process.wait()
            return f"the W&B server took {_count_synced(runs)} of {len(runs)} in time"
    arrived = _count_synced(runs)
    return "" if arrived == len(runs) else f"the W&B server took {arrived} of {len(runs)}"


def _count_synced(runs: Sequence[Path]) -> int:
    """Return how many runs bear wandb's mark of having arrived."""
    return sum(any(run.glob("*.wandb.synced")) for run in runs)
