"""Real trainings and comparisons killed from their first millisecond on, then gone on with to their end.

    python benchmarks/faults/kills.py [--kills N] [--comparison-kills N] [--operations N] [--jobs N]

`laptime train --save-every` runs on the toy model with full fine-tuning, LoRA and LoRA on the top layers, the
last two with dropout; `laptime compare` races full fine-tuning and LoRA. A command is killed (SIGKILL) at any
moment between its start and its end, alone or with the process of its run, and what goes on with it begins at
once or after a pause, and is often killed again. Other trainings are killed at one file operation of a
checkpoint or of the result, a write after half of its bytes. What goes on is the same command, or `laptime
train --resume` where a record was begun. In the end the saved weights and the log of the steps must be those
of an uninterrupted run, to the last bit, and every record must hold one beginning, one end, each step once.
--kills, --comparison-kills: at random moments [300, 200]; --operations: so many for each method [all]. The
counts are written to benchmarks/results/kills_<processor>.json.
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
from laptime.runs.events import Finished, Started
from laptime.runs.record import FILE_NAME, read_record
from laptime.runs.record_lines import decode_events
from laptime.runs.resumption import find_record_damage

TRAINING = [
    "--epochs",
    "3",
    "--save-every",
    "3",
    "--max-questions",
    "0",
    "--skip-self-checks",
    "--out",
    "run",
]
COMPARISON = "compare"
JOBS: dict[str, list[str]] = {
    "full": ["train", "--method", "full", "--gradient-accumulation", "2", *TRAINING],
    "lora": ["train", "--method", "lora", "--lora-dropout", "0.1", *TRAINING],
    "lora_top": ["train", "--method", "lora_top", "--lora-dropout", "0.1", "--top-layers", "2", *TRAINING],
    COMPARISON: ["compare", "--rounds", "1", *TRAINING],
}
AGAIN = 0.75  # the chance that what goes on is killed too
MOST_ATTEMPTS = 40
PAUSE_SECONDS = 3.0
TIMED = ("time", "seconds", "parts")
OVER = ("finished already", "holds a finished training")
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
    """An uninterrupted job: what every other must come to, how long it takes, and what its saves do."""

    runs: dict[str, dict[str, Any]]  # by the folder of the run: digests of its weights, log of its steps
    seconds: float
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
    """One job; its first kill is at a file operation, or at a random moment."""

    name: str
    job: str
    operation: int = 0


class Outcome(Struct, kw_only=True):
    """What became of a case; `verdict` is same, damaged, doubled, different or cannot_go_on.

    `kills` names whom each hit, when, and what followed: "command, before a step, at once".
    """

    case: Case
    verdict: str = ""
    kills: list[str] = []
    note: str = ""


def environment(folder: Path, **extra: str) -> dict[str, str]:
    """Return what a command of ours sees: one thread, a machine lock of its own, the hook."""
    path = os.pathsep.join([str(folder.parent / "hook"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1", "PYTHONPATH": path} | extra


def start(folder: Path, words: list[str], **extra: str) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own."""
    folder.mkdir(exist_ok=True)
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "laptime", *words],
            stdout=output, stderr=output, cwd=folder, start_new_session=True,
            env=environment(folder, **extra),
        )  # fmt: skip


def run_folders(folder: Path) -> list[Path]:
    """Return the folders of the runs that were not set aside; a training is one itself."""
    runs = folder / "run" / "runs"
    return (
        sorted(path for path in runs.iterdir() if ".interrupted-" not in path.name)
        if runs.exists()
        else [folder / "run"]
    )


def describe_run(run: Path) -> dict[str, Any]:
    """Return what must be the same: the digests of the saved weights, the steps without what a clock says."""
    files = sorted((run / "saved").glob("*.safetensors"))
    steps = [msgspec.to_builtins(step) for step in read_record(run).steps]
    return {
        "weights": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        "steps": [{key: value for key, value in step.items() if key not in TIMED} for step in steps],
    }


def make_reference(home: Path, job: str) -> Reference:
    """Run without interruption."""
    folder = home / f"reference-{job}"
    begun = time.monotonic()
    log = folder / "operations.txt"
    process = start(folder, JOBS[job], KILL_LOG=str(log))
    if process.wait():
        raise SystemExit((folder / "output.txt").read_text())
    return Reference(
        runs={run.name: describe_run(run) for run in run_folders(folder)},
        seconds=time.monotonic() - begun,
        operations=log.read_text().splitlines(),
    )


def kill(process: subprocess.Popen[bytes], whom: str) -> None:
    """Kill the command alone, or it and the process of its run, as a machine that goes out does."""
    with suppress(OSError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children if whom == "group" else ():
            os.kill(int(child), signal.SIGKILL)
    process.kill()
    process.wait()


def ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the end of a command, so many seconds at most; tells whether it has come."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


def words_to_go_on(folder: Path, job: str) -> list[str]:
    """Return the command that goes on with what lies there."""
    if job == COMPARISON:
        return JOBS[job]
    try:
        read_record(folder / "run")
    except UserError:  # nothing was begun
        return JOBS[job]
    return ["train", "--resume", "run"]


def count_steps(folder: Path) -> int:
    """Return how many steps the records tell of, whatever state they are in."""
    records = [run / FILE_NAME for run in run_folders(folder)]
    return sum(file.read_bytes().count(b'"event":"step"') for file in records if file.exists())


def play(home: Path, references: dict[str, Reference], seed: int, case: Case) -> Outcome:
    """Begin, kill, go on until the job is over, and judge what is left."""
    rng = random.Random(f"{seed}-{case.name}")
    reference, folder, outcome = references[case.job], home / case.name, Outcome(case=case)
    words, extra = JOBS[case.job], {"KILL_AT": str(case.operation)} if case.operation else {}
    for _ in range(MOST_ATTEMPTS):
        process = start(folder, words, **extra)
        whom, follows = rng.choice(["command", "group"]), rng.choice(["at once", "after a pause"])
        moment = rng.random() * reference.seconds
        if extra:
            how = "file operation" if process.wait() else ""
        elif (not outcome.kills or rng.random() < AGAIN) and not ends_within(process, moment):
            kill(process, whom)
            how = f"{whom}, {'after a step' if count_steps(folder) else 'before a step'}"
        else:
            how = ""
        if not how:
            if process.wait() and not is_over(folder):
                outcome.verdict, outcome.note = "cannot_go_on", (folder / "output.txt").read_text()[-2000:]
                return outcome
            break
        outcome.kills.append(f"{how}, {follows}")
        time.sleep(PAUSE_SECONDS if follows == "after a pause" else 0.0)
        words, extra = words_to_go_on(folder, case.job), {}
    outcome.verdict, outcome.note = judge(folder, reference)
    return outcome


def is_over(folder: Path) -> bool:
    """Tell whether the last command ended because there was nothing left to do."""
    lines = (folder / "output.txt").read_text().splitlines() or [""]
    return any(words in lines[-1] for words in OVER)


def judge(folder: Path, reference: Reference) -> tuple[str, str]:
    """Return the verdict on what lies there, and what it is for."""
    found = {run.name: run for run in run_folders(folder)}
    if found.keys() != reference.runs.keys():
        return "different", f"runs {sorted(found)}"
    for name, run in found.items():
        if damage := find_record_damage(run):
            return "damaged", damage
        events = decode_events((run / FILE_NAME).read_bytes())
        steps = [step.step for step in read_record(run).steps]
        ends = Counter(type(event) for event in events)
        if ends[Started] != 1 or ends[Finished] != 1 or steps != list(range(1, len(steps) + 1)):
            return "doubled", f"{name}: {ends[Started]} beginnings, {ends[Finished]} ends, steps {steps}"
        if describe_run(run) != reference.runs[name]:
            return "different", name
    return "same", ""


def operation_cases(references: dict[str, Reference], most: int | None) -> list[Case]:
    """Return a case for every file operation of the trainings, at most so many a method, spread evenly."""
    cases = []
    for job, reference in references.items():
        numbers = reference.of_interest() if job != COMPARISON else []
        wanted = len(numbers) if most is None else min(most, len(numbers))
        chosen = [numbers[index * len(numbers) // wanted] for index in range(wanted)]
        cases += [Case(name=f"{job}-operation-{at}", job=job, operation=at) for at in chosen]
    return cases


class Bench:
    """Plays cases side by side and keeps their outcomes."""

    def __init__(self, home: Path, references: dict[str, Reference], seed: int, num_jobs: int) -> None:
        self.play = partial(play, home, references, seed)
        self.num_jobs = num_jobs
        self.outcomes: list[Outcome] = []

    def play_all(self, cases: list[Case]) -> int:
        """Play cases; returns the number of kills."""
        with ThreadPoolExecutor(self.num_jobs) as pool:
            for outcome in pool.map(self.play, cases):
                self.outcomes.append(outcome)
                print(f"{outcome.case.name}: {len(outcome.kills)} kills, {outcome.verdict}", file=sys.stderr)
        return sum(len(outcome.kills) for outcome in self.outcomes[-len(cases) :]) if cases else 0

    def play_until(self, jobs: list[str], kills: int) -> None:
        """Play jobs in turn until there were so many kills at random moments."""
        number = 0
        while kills > 0:
            cases = [Case(name=f"{jobs[n % len(jobs)]}-{n}", job=jobs[n % len(jobs)])
                     for n in range(number, number + self.num_jobs * 2)]  # fmt: skip
            number += len(cases)
            kills -= self.play_all(cases)


def summarise(references: dict[str, Reference], outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the figures of the result file."""
    figures: dict[str, Any] = {
        "jobs": {job: " ".join(words) for job, words in JOBS.items()},
        "uninterrupted_seconds": {job: round(one.seconds, 1) for job, one in references.items()},
    }
    for kind in ("trainings", "comparisons"):
        chosen = [one for one in outcomes if (one.case.job == COMPARISON) == (kind == "comparisons")]
        kills = [words for one in chosen for words in one.kills]
        figures[kind] = {
            "number": len(chosen),
            "first_killed_at_a_file_operation": sum(one.case.operation > 0 for one in chosen),
            "kills": len(kills),
            "kills_by_kind": dict(sorted(Counter(kills).items())),
            "verdicts": dict(Counter(one.verdict for one in chosen)),
        }
    figures["bad"] = [msgspec.to_builtins(one) for one in outcomes if one.verdict != "same"]
    return figures


def main() -> None:
    """Play every case and write the counts; ends with code 1 where one did not come to the same end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--comparison-kills", type=int, default=200)
    parser.add_argument("--operations", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        home = Path(name)
        (home / "hook").mkdir()
        (home / "hook" / "sitecustomize.py").write_text(HOOK)
        with ThreadPoolExecutor(arguments.jobs) as pool:
            made = pool.map(partial(make_reference, home), JOBS)  # side by side, as the cases run
            references = dict(zip(JOBS, made, strict=True))
        bench = Bench(home, references, arguments.seed, arguments.jobs)
        bench.play_until([job for job in JOBS if job != COMPARISON], arguments.kills)
        bench.play_until([COMPARISON], arguments.comparison_kills)
        bench.play_all(operation_cases(references, arguments.operations))
    figures = summarise(references, bench.outcomes)
    print(json.dumps({kind: figures[kind] for kind in ("trainings", "comparisons")}, indent=1))
    print(write_result("kills", figures))
    sys.exit(bool(figures["bad"]))


if __name__ == "__main__":
    main()
