"""One contestant, once: its command, its process watched from outside, and what it left behind."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from msgspec import Struct

from laptime.comparison.processes import MEMORY_SETTINGS, last_line
from laptime.errors import UserError
from laptime.inputs.batches import plan_steps
from laptime.record import read_record
from laptime.spec import TrainingSpec

PEERS = {"trl": "trl_sft.py", "llamafactory": "llamafactory_sft.py", "ms_swift": "ms_swift_sft.py"}
PEER_FOLDER = Path(__file__).parent / "peers"
POLL_SECONDS = 0.05  # a peak of the last moment before the exit may be missed
GRACE_SECONDS = 10.0
Tree = dict[int, tuple[int, int]]  # VmHWM and VmRSS of each process, in bytes


class Job(Struct, kw_only=True, frozen=True):
    """The work, the same for everyone."""

    model: str
    data: str
    method: str
    precision: str
    steps: int
    batch_size: int = 1
    rank: int = 16
    learning_rate: float
    limit_seconds: float = 1800.0


class Contestant(Struct, kw_only=True, frozen=True):
    """Who runs it: Laptime (with further options), or a peer's script in its own environment."""

    name: str
    python: str
    script: str | None = None  # of a peer
    options: tuple[str, ...] = ()
    huge_pages: bool = False  # Laptime asks for them by itself


class Outcome(Struct, kw_only=True):
    """What one process did; seconds, bytes. Lists are by optimizer step."""

    contestant: str
    round: int
    command: list[str]
    same_method: bool = True  # a variant of Laptime may train another one
    error: str | None = None
    load_average_before: float | None = None
    load_average_after: float | None = None
    whole_seconds: float = 0.0  # from the start of the process to its exit, the result on disk
    cpu_seconds: float = 0.0  # of all its threads and processes: shows who had to share the cores
    peak_bytes: int = 0  # VmHWM of the largest process
    peak_tree_bytes: int = 0  # the largest sum of resident memory over all its processes
    peak_device_bytes: int | None = None
    train_seconds: float | None = None
    phase_seconds: dict[str, float] = {}
    step_seconds: list[float] = []
    losses: list[float | None] = []
    num_tokens: int = 0
    num_trained_tokens: int = 0
    step_tokens: list[int] = []  # Laptime's; the others train the same records in the same order
    step_trained_tokens: list[int] = []
    versions: dict[str, Any] = {}
    machine: dict[str, Any] = {}
    speedups: list[dict[str, Any]] = []


def read_pairs(data: str) -> list[dict[str, str]]:
    """Return the records of a JSONL file of prompt and completion; raises UserError for any other."""
    try:
        lines = Path(data).read_text(encoding="utf-8").splitlines()
        return [
            {name: record[name] for name in ("prompt", "completion")}
            for record in map(json.loads, filter(str.strip, lines))
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"--data {data}: expected JSONL of prompt and completion ({error})") from None


def training_of(job: Job, num_records: int) -> TrainingSpec:
    """Return Laptime's training options that make `job.steps` steps."""
    epochs = math.ceil(job.steps * job.batch_size / num_records)
    return TrainingSpec(epochs=epochs, max_steps=job.steps, batch_size=job.batch_size)


def write_in_order(job: Job, file: Path) -> None:
    """Write the records of all steps in the order in which Laptime trains them, for the peers.

    Each peer goes through this file once without shuffling, so that step n is the same record for everyone.
    """
    records = read_pairs(job.data)
    if len(records) % job.batch_size:
        raise UserError(f"--batch-size {job.batch_size}: must divide the {len(records)} records of --data")
    plans = plan_steps(len(records), training_of(job, len(records)), seed=0)
    chosen = [records[i] for plan in plans for micro_batch in plan.micro_batches for i in micro_batch]
    file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in chosen), encoding="utf-8")


def command_of(contestant: Contestant, job: Job, records: Path, out: Path) -> list[str]:
    """Return the command; `records` is what `write_in_order` wrote."""
    shared = ["--model", job.model, "--precision", job.precision, "--batch-size", str(job.batch_size)]
    shared += ["--learning-rate", str(job.learning_rate), "--out", str(out)]
    if contestant.script:
        script = [contestant.python, contestant.script, "--data", str(records), "--method", job.method]
        return [*script, "--rank", str(job.rank), *shared]
    command = [contestant.python, "-m", "laptime.cli", "train", "--data", job.data, "--template", "plain"]
    training = training_of(job, len(read_pairs(job.data)))
    command += ["--epochs", str(training.epochs), "--max-steps", str(job.steps), *shared]
    command += ["--schedule", "constant", "--warmup-ratio", "0", "--max-questions", "0", "--skip-self-checks"]
    if "--method" not in contestant.options:
        command += ["--method", job.method]
    if job.method != "full":
        command += ["--lora-rank", str(job.rank), "--lora-alpha", str(2 * job.rank)]
    return [*command, *contestant.options]


def environment_of(contestant: Contestant, folder: Path) -> dict[str, str]:
    """Return the environment: as it is, off the network, with a temporary folder of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in MEMORY_SETTINGS}
    offline = {"HF_HUB_OFFLINE": "1", "TMPDIR": str(folder), "TOKENIZERS_PARALLELISM": "false"}
    return kept | offline | (MEMORY_SETTINGS if contestant.huge_pages else {})


def run(contestant: Contestant, job: Job, number: int, work: Path) -> Outcome:
    """Run `contestant` once in `work`, which is emptied afterwards; a failure becomes the outcome's error."""
    folder = work / f"{contestant.name.replace(' ', '-')}-{number}"
    folder.mkdir()
    records, out, log = folder / "records.jsonl", folder / "out", folder / "log.txt"
    write_in_order(job, records)
    command = command_of(contestant, job, records, out)
    outcome = Outcome(contestant=contestant.name, round=number, command=command)
    outcome.same_method = "--method" not in contestant.options
    outcome.load_average_before = os.getloadavg()[0]
    code = execute(command, environment_of(contestant, folder), log, job.limit_seconds, outcome)
    outcome.load_average_after = os.getloadavg()[0]
    try:
        read_figures(contestant, outcome, out, log)
    except (UserError, ValueError, KeyError) as error:
        outcome.error = f"no figures: {error}"
    if code:
        outcome.error = f"exit code {code}: {last_line(log)}".replace(f"{folder}/", "")
    shutil.rmtree(folder)
    return outcome


def execute(
    command: list[str], environment: dict[str, str], log: Path, limit_seconds: float, outcome: Outcome
) -> int:
    """Run a command with its memory watched; returns its exit code."""
    begun, used = time.perf_counter(), cpu_seconds_of_children()
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watcher = threading.Thread(target=watch, args=(process, outcome))
        watcher.start()
        try:
            process.wait(limit_seconds)
        except BaseException as error:
            end(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        finally:
            watcher.join()
    outcome.whole_seconds = time.perf_counter() - begun
    outcome.cpu_seconds = cpu_seconds_of_children() - used
    return process.returncode


def cpu_seconds_of_children() -> float:
    """Return the processor time of all ended children and of those that they waited for."""
    times = os.times()
    return times.children_user + times.children_system


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to stop, then end its group."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def watch(process: subprocess.Popen[bytes], outcome: Outcome) -> None:
    """Keep the peaks of a process and all that it starts, until it has ended."""
    while process.returncode is None:
        tree = read_tree(process.pid)
        outcome.peak_bytes = max([outcome.peak_bytes, *(peak for peak, _ in tree.values())])
        outcome.peak_tree_bytes = max(outcome.peak_tree_bytes, sum(resident for _, resident in tree.values()))
        time.sleep(POLL_SECONDS)


def read_tree(pid: int) -> Tree:
    """Return the memory of a process and of its descendants, as far as they still live (Linux)."""
    found: Tree = {}
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        kibibytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
        found[pid] = (kibibytes.get("VmHWM", 0) * 1024, kibibytes.get("VmRSS", 0) * 1024)
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found |= read_tree(int(child))
    except (OSError, ValueError):  # it has just ended
        pass
    return found


def read_figures(contestant: Contestant, outcome: Outcome, out: Path, log: Path) -> None:
    """Fill `outcome` from Laptime's record or the peer's JSON line."""
    if contestant.script:
        read_peer(outcome, parse_figures(log.read_text(errors="replace")))
    else:
        read_laptime(outcome, out)


def read_laptime(outcome: Outcome, out: Path) -> None:
    """Fill `outcome` from the record of a run."""
    record = read_record(out)
    if record.finished is None:
        raise ValueError(record.failed.message if record.failed else "the run did not finish")
    outcome.train_seconds = record.finished.train_seconds
    outcome.peak_device_bytes = record.finished.peak_bytes.get("cuda_allocated")
    outcome.phase_seconds = record.phase_seconds()
    outcome.step_seconds = [step.seconds for step in record.steps]
    outcome.losses = [step.loss for step in record.steps]
    outcome.step_tokens = [step.tokens for step in record.steps]
    outcome.step_trained_tokens = [step.trained_tokens for step in record.steps]
    outcome.num_tokens = sum(outcome.step_tokens)
    outcome.num_trained_tokens = sum(outcome.step_trained_tokens)
    outcome.machine = record.machine.facts if record.machine else {}
    outcome.versions = outcome.machine.get("versions", {})
    outcome.speedups = [
        {"name": one.name, "claims": one.claims, "ran": one.ran, "note": one.note} for one in record.speedups
    ]


def parse_figures(log: str) -> dict[str, Any]:
    """Return a peer's JSON line, the last of its log; raises ValueError when there is none."""
    for line in reversed(log.splitlines()):
        start = line.find('{"peer"')  # a progress bar may stand before it
        if start >= 0:
            figures: dict[str, Any] = json.loads(line[start:])
            return figures
    raise ValueError("the peer printed no JSON line")


def read_peer(outcome: Outcome, figures: dict[str, Any]) -> None:
    """Fill `outcome` from a peer's figures."""
    outcome.peak_device_bytes = figures["peak_device_bytes"]
    outcome.phase_seconds = figures["phases"]
    outcome.train_seconds = figures["phases"].get("train")
    outcome.step_seconds = figures["step_seconds"]
    outcome.losses = figures["losses"]
    outcome.num_tokens = figures["num_tokens"]
    outcome.num_trained_tokens = figures["num_trained_tokens"]
    outcome.versions = figures["versions"]


def laptime_itself() -> Contestant:
    """Return Laptime as it comes."""
    return Contestant(name="laptime", python=sys.executable)
