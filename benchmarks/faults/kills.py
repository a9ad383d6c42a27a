"""Real trainings killed at every file operation of their saves and at random moments, each then resumed.

    python benchmarks/faults/kills.py [--kills N] [--operations N] [--jobs N] [--seed N]

`laptime train --save-every` runs on the toy model with full fine-tuning, LoRA and LoRA on the top layers,
the last two with dropout. Its process is killed (SIGKILL) at one file operation of a checkpoint or of the
result, a write after half of its bytes, or it and the command that started it at a random moment between
the first step and the end. What is left goes on with `laptime train --resume`, which may be killed again.
In the end the saved weights and the log of the steps must be those of an uninterrupted run, to the last bit.
--kills random moments [200]; --operations: so many of them for each method [all]. The counts are written to
benchmarks/results/kills_<processor>.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from result_file import write_result

from laptime.errors import UserError
from laptime.record import FILE_NAME, RunRecord, read_record, wait_for_writer

METHODS: dict[str, list[str]] = {
    "full": ["--gradient-accumulation", "2"],
    "lora": ["--lora-dropout", "0.1"],
    "lora_top": ["--lora-dropout", "0.1", "--top-layers", "2"],
}
JOB = ["--epochs", "3", "--save-every", "3", "--max-questions", "0", "--skip-self-checks"]
AGAIN = 0.3  # the chance that the process which goes on is killed too
TIMED = ("time", "seconds", "parts")
# Loaded by every Python process of a training: counts the file operations of saves, and dies at one of them.
HOOK = """
import os, signal, sys
OPERATIONS = ("open", "write", "fsync", "close", "mkdir", "rename", "unlink", "rmdir")
SAVING = ("whole_file.py", "tensor_file.py", "shutil.py")
state = {"count": 0}
def watched(name, real, at, log):
    def operation(*arguments, **options):
        if not sys._getframe(1).f_code.co_filename.endswith(SAVING):
            return real(*arguments, **options)
        state["count"] += 1
        if log:
            with open(log, "a") as file:
                file.write(name + " " + str(arguments[0]) + "\\n")
        if state["count"] == at:
            if name == "write":
                real(arguments[0], bytes(arguments[1][: len(arguments[1]) // 2]))
            if at % 2:
                os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return operation
if any("laptime.training" in word for word in sys.orig_argv):
    at, log = int(os.environ.get("KILL_AT", "0")), os.environ.get("KILL_LOG")
    for name in OPERATIONS if at or log else ():
        setattr(os, name, watched(name, getattr(os, name), at, log))
"""


class Reference(Struct, kw_only=True):
    """An uninterrupted run: what every other must come to, how long it takes, and what its saves do."""

    weights: dict[str, str]
    steps: list[dict[str, Any]]
    seconds: float
    seconds_of_steps: float  # from the first step to the end of the command
    operations: list[str]

    def of_interest(self) -> list[int]:
        """Return the numbers of the operations of one save and of all from the save of the result on.

        It is the third save, the first that removes an older checkpoint.
        """
        made = [(at, line) for at, line in enumerate(self.operations, 1) if line.startswith("mkdir")]
        saves = [at for at, line in made if ".step-" in line]
        result = next(at for at, line in made if ".saved" in line)
        return [*range(saves[2], saves[3]), *range(result, len(self.operations) + 1)]


class Case(Struct, kw_only=True):
    """One training and its first kill: at a file operation, or at a moment between first step and end."""

    name: str
    method: str
    operation: int = 0
    moment: float = 0.0  # the share of the time from the first step to the end


class Outcome(Struct, kw_only=True):
    """What became of a case; `verdict` is same, nothing_saved (killed too early), LOST or DIFFERENT."""

    case: Case
    verdict: str
    kills: int = 0
    resumed_after: list[int] = []
    note: str = ""


def environment(folder: Path, **extra: str) -> dict[str, str]:
    """Return what a training of ours sees: one thread, a machine lock of its own, the hook."""
    return os.environ | {
        "TMPDIR": str(folder), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder.parent / "hook"),
    } | extra  # fmt: skip


def start(folder: Path, words: list[str], **extra: str) -> subprocess.Popen[bytes]:
    """Start `laptime train` in a session of its own."""
    folder.mkdir(exist_ok=True)
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "laptime.cli", "train", *words],
            stdout=output, stderr=output, cwd=folder, start_new_session=True,
            env=environment(folder, **extra),
        )  # fmt: skip


def first_words(method: str) -> list[str]:
    """Return the options that begin a training."""
    return ["--method", method, *METHODS[method], *JOB, "--out", "run"]


def digest_weights(folder: Path) -> dict[str, str]:
    """Return the digest of each saved file of weights."""
    files = (folder / "run" / "saved").glob("*.safetensors")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def log_steps(record: RunRecord) -> list[dict[str, Any]]:
    """Return the steps without what a clock says."""
    steps = [msgspec.to_builtins(step) for step in record.steps]
    return [{key: value for key, value in step.items() if key not in TIMED} for step in steps]


def make_reference(home: Path, method: str) -> Reference:
    """Train without interruption."""
    folder = home / f"reference-{method}"
    begun = time.time()
    log = folder / "operations.txt"
    process = start(folder, first_words(method), KILL_LOG=str(log))
    if process.wait():
        raise SystemExit((folder / "output.txt").read_text())
    ended, record = time.time(), read_record(folder / "run")
    return Reference(
        weights=digest_weights(folder),
        steps=log_steps(record),
        seconds=ended - begun,
        seconds_of_steps=ended - record.steps[0].time,
        operations=log.read_text().splitlines(),
    )


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and the process of its run, as a machine that goes out does."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    with suppress(OSError):
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
    process.kill()
    process.wait()


def wait_for_first_step(process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Wait until the record tells of a step; tells whether the process is still there."""
    file = folder / "run" / FILE_NAME
    while process.poll() is None:
        if file.exists() and b'"event":"step"' in file.read_bytes():
            return True
        time.sleep(0.02)
    return False


def wait_until_dead(folder: Path) -> None:
    """Wait for a run whose command was killed: it saves before it goes."""
    wait_for_writer(folder / "run")


def kill_at_moment(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill after so many seconds; tells whether the process was still there."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_all(process)
        return True
    return False


def play(home: Path, references: dict[str, Reference], seed: int, case: Case) -> Outcome:
    """Train, kill, go on until the run is over, and compare."""
    rng = random.Random(f"{seed}-{case.name}")
    reference, folder = references[case.method], home / case.name
    outcome = Outcome(case=case, verdict="")
    process = start(folder, first_words(case.method), KILL_AT=str(case.operation))
    if case.operation:
        outcome.kills += process.wait() != 0
    elif wait_for_first_step(process, folder):
        outcome.kills += kill_at_moment(process, case.moment * reference.seconds_of_steps)
    for _ in range(20):
        wait_until_dead(folder)
        if not (folder / "run" / FILE_NAME).exists() or is_over(folder, outcome, reference):
            break
        process = start(folder, ["--resume", "run"])
        if rng.random() < AGAIN:
            outcome.kills += kill_at_moment(process, rng.random() * reference.seconds)
        elif process.wait():
            outcome.verdict, outcome.note = "LOST", (folder / "output.txt").read_text()[-2000:]
            break
    outcome.verdict = outcome.verdict or "nothing_saved"
    return outcome


def is_over(folder: Path, outcome: Outcome, reference: Reference) -> bool:
    """Judge what lies there; False where it is to go on."""
    try:
        record = read_record(folder / "run")
    except UserError:  # killed within its first line
        return True
    outcome.resumed_after = [event.step for event in record.resumptions]
    if record.finished:
        same = digest_weights(folder) == reference.weights and log_steps(record) == reference.steps
        outcome.verdict = "same" if same else "DIFFERENT"
        return True
    if any((folder / "run" / "checkpoints").glob("step-*")):
        return False
    saved = [event.step for event in record.checkpoints if not event.error]
    outcome.verdict = "LOST" if saved else "nothing_saved"
    outcome.note = f"the record tells of checkpoints {saved}, none is there" if saved else ""
    return True


def make_cases(references: dict[str, Reference], kills: int, most: int | None, seed: int) -> list[Case]:
    """Return a case for every file operation (at most so many a method, spread evenly) and every moment."""
    cases = []
    for method, reference in references.items():
        numbers = reference.of_interest()
        wanted = len(numbers) if most is None else min(most, len(numbers))
        for index in range(wanted):
            at = numbers[index * len(numbers) // wanted]
            cases.append(Case(name=f"{method}-operation-{at}", method=method, operation=at))
    rng = random.Random(seed)
    for index in range(kills):
        method = list(references)[index % len(references)]
        cases.append(Case(name=f"{method}-moment-{index}", method=method, moment=rng.random()))
    return cases


def summarise(references: dict[str, Reference], outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the figures of the result file."""
    bad = [outcome for outcome in outcomes if outcome.verdict in ("LOST", "DIFFERENT")]
    at_operations = [outcome for outcome in outcomes if outcome.case.operation]
    return {
        "job": {method: " ".join(first_words(method)) for method in references},
        "file_operations": {
            method: dict(Counter(reference.operations[at - 1].split()[0] for at in reference.of_interest()))
            for method, reference in references.items()
        },
        "trainings": len(outcomes),
        "kills": sum(outcome.kills for outcome in outcomes),
        "first_kill_at_a_file_operation": len(at_operations),
        "first_kill_at_a_random_moment": len(outcomes) - len(at_operations),
        "verdicts": dict(Counter(outcome.verdict for outcome in outcomes)),
        "resumptions": sum(len(outcome.resumed_after) for outcome in outcomes),
        "lost": sum(outcome.verdict == "LOST" for outcome in outcomes),
        "different": sum(outcome.verdict == "DIFFERENT" for outcome in outcomes),
        "bad": [msgspec.to_builtins(outcome) for outcome in bad],
    }


def main() -> None:
    """Play every case and write the counts; ends with code 1 where a run was lost or is not the same."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--operations", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        home = Path(name)
        (home / "hook").mkdir()
        (home / "hook" / "sitecustomize.py").write_text(HOOK)
        outcomes = []
        with ThreadPoolExecutor(arguments.jobs) as pool:
            made = pool.map(partial(make_reference, home), METHODS)  # side by side, as the cases run
            references = dict(zip(METHODS, made, strict=True))
            cases = make_cases(references, arguments.kills, arguments.operations, arguments.seed)
            for outcome in pool.map(partial(play, home, references, arguments.seed), cases):
                outcomes.append(outcome)
                print(f"{len(outcomes)}/{len(cases)} {outcome.case.name}: {outcome.verdict}", file=sys.stderr)
    figures = summarise(references, outcomes)
    print(json.dumps({key: figures[key] for key in ("trainings", "kills", "verdicts")}))
    print(write_result("kills", figures))
    sys.exit(bool(figures["lost"] or figures["different"]))


if __name__ == "__main__":
    main()
