"""Trackers that are down, refuse, stall or can't write: what they cost a training, and its results.

    python benchmarks/faults/trackers.py [--rounds N] [--epochs N]

Each round trains the toy model once for every case, in processes of its own and in rotating order, against
servers on loopback. Told for each case: whether the process that trains is told the same and leaves the same
bits of weights and losses as without a tracker, the seconds of an undisturbed step over those without one
(paired by round, with its 95 % interval; a second run without a tracker shows what the machine can tell
apart), when the tracker began, the seconds from the last line of the record to the end of the command, and
the lines that it printed. The figures are written to benchmarks/results/trackers_<processor>.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from msgspec import Struct
from result_file import write_result

from laptime.comparison.statistics import compare_paired
from laptime.runs.job import JOB_FILE
from laptime.runs.record import FILE_NAME, read_record

KEY = "f" * 39 + "7"
CLOSED = "http://127.0.0.1:9"  # the port "discard": nobody listens
VIEWER = b'{"data": {"viewer": {"id": "x"}}}'
MOST_EXIT_SECONDS = 10.0


class Case(Struct, frozen=True):
    """A tracker and what is wrong with it: W&B's `server`, a file `in_the_way` of its folder."""

    name: str
    tracker: str = ""
    server: str = ""
    in_the_way: str = ""


class Outcome(Struct):
    """What one training left."""

    digest: str  # of the saved weights and the recorded losses
    job: dict[str, Any]  # all that the process which trained was told
    step_seconds: float  # a tenth of the steps took less: what other work on the machine disturbs least
    exit_seconds: float
    # from the last line of the record to the first file of a tracker
    tracker_began_after_seconds: float | None
    lines: list[str]


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler, int], None]) -> Iterator[str]:
    """Serve what `answer` does with a request and its number; gives the address."""
    numbers = iter(range(1, 1_000_000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer(self, next(numbers))

        do_POST = do_PUT = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def refuse(code: int) -> Callable[[BaseHTTPRequestHandler, int], None]:
    """Answer every request with an error."""
    return lambda request, number: request.send_error(code)


def stall(request: BaseHTTPRequestHandler, number: int, answered: int = 0) -> None:
    """Answer the first requests, then never."""
    if number > answered:
        time.sleep(120)
    with suppress(BrokenPipeError):  # nobody waits any more
        request.send_response(200)
        request.send_header("Content-Length", str(len(VIEWER)))
        request.end_headers()
        request.wfile.write(VIEWER)


@contextmanager
def line_up() -> Iterator[list[Case]]:
    """Start the servers and give every case, the one without a tracker first."""
    with ExitStack() as stack:
        servers = {
            "answers 401": stack.enter_context(serving(refuse(401))),
            "answers 500": stack.enter_context(serving(refuse(500))),
            "says nothing": stack.enter_context(serving(stall)),
            "stalls at the end": stack.enter_context(serving(lambda r, n: stall(r, n, answered=1))),
            "is not there": CLOSED,
        }
        yield [
            Case("no tracker"),
            Case("no tracker, again"),
            Case("tensorboard", "tensorboard"),
            Case("tensorboard can't write", "tensorboard", in_the_way="tensorboard"),
            Case("wandb can't write", "wandb", CLOSED, in_the_way="wandb"),
            *(Case(f"wandb's server {fault}", "wandb", address) for fault, address in servers.items()),
        ]


def train(case: Case, folder: Path, epochs: int) -> Outcome:
    """Train once; the command's home and temporary files are of its own."""
    home, out = folder / "home", folder / "out"
    home.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment = kept | {"HOME": str(home), "TMPDIR": str(home), "no_proxy": "127.0.0.1"}
    if case.server:
        environment |= {"WANDB_BASE_URL": case.server, "WANDB_API_KEY": KEY}
    words = [sys.executable, "-m", "laptime", "train", "--epochs", str(epochs), "--out", str(out)]
    words += ["--track", case.tracker] if case.tracker else []
    with (folder / "printed").open("w+", encoding="utf-8") as printed:
        process = subprocess.Popen(words, stdout=printed, stderr=subprocess.STDOUT, env=environment)
        while case.in_the_way and not (out / FILE_NAME).exists() and process.poll() is None:
            time.sleep(0.05)
        if case.in_the_way:
            (out / case.in_the_way).write_text("mine")
        code = process.wait()
        ended = time.time()
        printed.seek(0)
        lines = [line.rstrip() for line in printed]
    if code:
        raise SystemExit(f"{case.name}: exit code {code}\n" + "\n".join(lines[-5:]))
    return describe(case, out, ended, lines)


def describe(case: Case, out: Path, ended: float, lines: list[str]) -> Outcome:
    """Gather what a training left."""
    record = read_record(out)
    assert record.finished, f"{case.name}: not finished"
    digest = hashlib.sha256(repr([step.loss for step in record.steps]).encode())
    for file in sorted((out / "saved").glob("*.safetensors")):
        digest.update(file.read_bytes())
    written = [path.stat().st_mtime for path in out.glob(f"{case.tracker}/*")] if case.tracker else []
    job = json.loads((out / JOB_FILE).read_text().replace(str(out), "OUT"))
    return Outcome(
        digest=digest.hexdigest(),
        job={name: value for name, value in job.items() if name != "spawned"},
        step_seconds=quantiles([step.seconds for step in record.steps], n=10)[0],
        exit_seconds=ended - record.finished.time,
        tracker_began_after_seconds=min(written) - record.finished.time if written else None,
        lines=[
            line.replace(str(out), "OUT") for line in lines if case.tracker and line.startswith(case.tracker)
        ],
    )


def summarise(case: Case, outcomes: list[Outcome], without: list[Outcome]) -> dict[str, Any]:
    """Hold the rounds of a case against those without a tracker."""
    ratio = compare_paired([one.step_seconds for one in outcomes], [one.step_seconds for one in without])
    began = [one.tracker_began_after_seconds for one in outcomes if one.tracker_began_after_seconds]
    return {
        "case": case.name,
        "rounds": len(outcomes),
        "same_job": sum(one.job == base.job for one, base in zip(outcomes, without, strict=True)),
        "same_bits": sum(one.digest == base.digest for one, base in zip(outcomes, without, strict=True)),
        "step_seconds": median(one.step_seconds for one in outcomes),
        "step_ratio": ratio.value,
        "step_ratio_interval": ratio.interval,
        "exit_seconds": [round(one.exit_seconds, 2) for one in outcomes],
        "tracker_began_seconds_after_the_last_line": round(min(began), 2) if began else None,
        "said": outcomes[-1].lines,
    }


def judge(rows: list[dict[str, Any]]) -> dict[str, bool]:
    """Say which goals were reached by every case."""
    tracked, servers = rows[2:], [row for row in rows if "server" in row["case"]]
    return {
        "weights_and_losses_bit_equal": all(row["same_bits"] == row["rounds"] for row in tracked),
        # What is told the same and is over before a tracker begins cannot take longer for it; where the
        # machine varies by more than a percent, the ratios can only fail to contradict that.
        "training_told_the_same": all(row["same_job"] == row["rounds"] for row in tracked),
        "trackers_begin_after_the_last_line": all(
            (row["tracker_began_seconds_after_the_last_line"] or 1.0) > 0 for row in tracked
        ),
        "no_step_time_shown_to_be_over_1_percent_longer": all(
            row["step_ratio_interval"] is None or row["step_ratio_interval"][0] <= 1.01 for row in tracked
        ),
        "at_most_10_seconds_at_exit": all(max(row["exit_seconds"]) <= MOST_EXIT_SECONDS for row in rows),
        "sync_command_printed": all(re.search(r"wandb sync \S", " ".join(row["said"])) for row in servers),
    }


def main() -> None:
    """Train every case in every round, and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    outcomes: dict[str, list[Outcome]] = {}
    with line_up() as cases, tempfile.TemporaryDirectory() as place:
        for number in range(options.rounds):
            for case in cases[number % len(cases) :] + cases[: number % len(cases)]:
                folder = Path(place) / f"{number}-{cases.index(case)}"
                one = train(case, folder, options.epochs)
                outcomes.setdefault(case.name, []).append(one)
                print(f"{number + 1} {case.name}: step {one.step_seconds * 1e3:.1f} ms, "
                      f"exit {one.exit_seconds:.1f} s", *one.lines, sep="\n    ", flush=True)  # fmt: skip
        rows = [summarise(case, outcomes[case.name], outcomes[cases[0].name]) for case in cases]
    reached = judge(rows)
    print(write_result("trackers", {"reached": reached, "cases": rows}))
    print(reached)
    sys.exit(0 if all(reached.values()) else 1)


if __name__ == "__main__":
    main()
