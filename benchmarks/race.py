"""Laptime and its peers in turn on the same work: seconds a step and a process, memory, losses, GEMM ceiling.

    python benchmarks/race.py --model DIR --data FILE.jsonl --method lora --precision fp32 --steps 50 \\
        --rounds 5 --peer trl=VENV/bin/python --name 208m_lora
    python benchmarks/race.py --tables

Every contestant runs once a round in a process of its own, in an order that rotates; FILE holds prompts and
completions. A peer is one of trl, llamafactory, ms_swift with the Python of an environment that has it.
--variant NAME="OPTIONS" adds Laptime with further options (--plain; --method lora_top --top-layers 4).
Laptime keeps freed memory and asks for huge pages; --peer-memory gives that to the peers as well.
The figures go to benchmarks/results/race_NAME_MACHINE.json after every round, the table to the terminal.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from arithmetic import Layers
from contestants import PEER_FOLDER, PEERS, Contestant, Job, Outcome, laptime_itself, run
from msgspec import Struct
from msgspec.structs import replace
from standings import Standing, rank, steady_step, table

from laptime import __version__
from laptime.comparison.processes import MEMORY_SETTINGS
from laptime.errors import UserError

HERE = Path(__file__).parent
RESULTS = HERE / "results"
RATES = {"lora": 2e-4, "full": 2e-5}
EXPLANATION = {
    "work": "the same records in the same order for everyone, loss on the completions only, constant rate",
    "step_seconds": "median of all steps but the first two of a process, median over rounds",
    "whole_seconds": "start of the process to its exit, the result on disk; no evaluation, no answers",
    "peak_bytes": "VmHWM of the largest process, read from outside every 50 ms for everyone alike; "
    "on a GPU what torch allocated there",
    "ratios": "the contestant's figure over Laptime's in the same round: median, lowest, highest",
    "ceiling": "all FLOPs of the products of a step over the seconds of the fastest way to do each at its "
    "own shape, sustained, median of all rounds; the share counts 2 FLOPs a weight and token forward, 2 for "
    "the gradient of the input, 2 for the weight's own where it trains, the head on trained tokens only",
    "profile": "one step of Laptime under torch's profiler: shares of its time, the profiler's included",
    "losses": "the largest difference to Laptime at any step of the first round; adapters start at random",
}


class Race(Struct, kw_only=True):
    """A race as far as it has come: the content of its result file, less what is derived from it."""

    name: str
    job: Job
    contestants: list[Contestant]
    outcomes: list[Outcome] = []
    ceilings: list[dict[str, Any]] = []
    profile: dict[str, Any] = {}

    def standings(self) -> list[Standing]:
        """Return every contestant's standing."""
        layers = msgspec.convert(self.ceilings[0], Layers) if self.ceilings else None
        return rank(self.outcomes, self.job, layers, [one["flops_per_second"] for one in self.ceilings])


def order_of(contestants: Sequence[Contestant], number: int) -> list[Contestant]:
    """Return the contestants in the order of round `number` (from 1): each round starts with the next."""
    start = (number - 1) % len(contestants)
    return [*contestants[start:], *contestants[:start]]


def hold(race: Race, rounds: int, warm: bool = False, until: float | None = None) -> Iterable[Race]:
    """Run the rounds, giving the race after each; none begins that would end past `until` (time.time())."""
    with tempfile.TemporaryDirectory(prefix="race-") as name:
        if warm:  # files and libraries into the page cache; not counted
            for contestant in race.contestants:
                run(contestant, replace(race.job, steps=1), 0, Path(name))
        for number in range(1, rounds + 1):
            begun = time.time()
            for contestant in order_of(race.contestants, number):
                outcome = run(contestant, race.job, number, Path(name))
                race.outcomes.append(outcome)
                say(outcome)
            measure_ceiling(race)
            yield race
            if until is not None and time.time() + (time.time() - begun) > until:
                return


def say(outcome: Outcome) -> None:
    """Print one line on one process."""
    step = steady_step(outcome)
    figures = f"{outcome.whole_seconds:.1f} s" + (f", {step:.3f} s/step" if step else "")
    shown = f"failed: {outcome.error}" if outcome.error else figures
    print(f"round {outcome.round}  {outcome.contestant:16} {shown}", file=sys.stderr, flush=True)


def measure_ceiling(race: Race) -> None:
    """Measure the GEMM ceiling at the mean step of the job, in a process with Laptime's environment."""
    ours = next((one for one in race.outcomes if one.step_tokens), None)
    if ours is None:
        return
    steps = len(ours.step_tokens)
    found = ask(
        "arithmetic.py", race.job, "--tokens", str(round(ours.num_tokens / steps)),
        "--trained-tokens", str(round(ours.num_trained_tokens / steps)),
    )  # fmt: skip
    if found:
        race.ceilings.append(found)


def measure_parts(race: Race) -> None:
    """Profile one step of Laptime, to say what its time is made of (CPU only)."""
    if not any(one.machine.get("gpu") for one in race.outcomes):
        race.profile = ask("profile_step.py", race.job, "--data", race.job.data, "--rank", str(race.job.rank))


def ask(script: str, job: Job, *options: str) -> dict[str, Any]:
    """Run a script of this folder on the race's job, in Laptime's environment; returns its JSON line."""
    command = [sys.executable, str(HERE / script), "--model", job.model, "--method", job.method]
    command += ["--precision", job.precision, *options]
    ended = subprocess.run(command, env=dict(os.environ) | MEMORY_SETTINGS, capture_output=True, text=True)
    if ended.returncode:
        print(f"{script}: {ended.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return {}
    return json.loads(ended.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def machine_name(facts: dict[str, Any]) -> str:
    """Return the processor's name as part of a file's name."""
    words = re.sub(r"[^0-9A-Za-z]+", "_", str(facts.get("gpu") or facts.get("cpu") or "unknown machine"))
    return words.strip("_").lower()


def content(race: Race) -> dict[str, Any]:
    """Return the content of the result file."""
    ours = [one for one in race.outcomes if one.machine]
    outcomes = [
        {name: value for name, value in msgspec.to_builtins(one).items() if name != "machine"}
        for one in race.outcomes
    ]
    return {
        "race": race.name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "laptime": __version__,
        "machine": ours[0].machine if ours else {},
        "job": msgspec.to_builtins(race.job),
        "meaning": EXPLANATION,
        "huge_pages": {one.name: True if one.script is None else one.huge_pages for one in race.contestants},
        "versions": {one.contestant: one.versions for one in race.outcomes if one.versions},
        "speedups": {one.contestant: one.speedups for one in race.outcomes if one.speedups},
        "standings": [msgspec.to_builtins(one) for one in race.standings()],
        "ceilings": race.ceilings,
        "profile": race.profile,
        "outcomes": [{k: v for k, v in one.items() if k not in ("versions", "speedups")} for one in outcomes],
    }


def write(race: Race) -> Path:
    """Write the result file with the folders of this machine left out of it."""
    found = content(race)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"race_{race.name}_{machine_name(found['machine'])}.json"
    text = json.dumps(found, indent=1, ensure_ascii=False)
    # Lists of numbers on one line: a figure a line makes the file unreadable.
    text = re.sub(r"\[\s+([-\d.,\se+null]+?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", text)
    file.write_text(without_folders(text, race.job) + "\n", encoding="utf-8")
    return file


def without_folders(text: str, job: Job) -> str:
    """Return `text` with the last part of each path for the whole."""
    for path in sorted({job.model, job.data}, key=len, reverse=True):
        text = text.replace(json.dumps(path, ensure_ascii=False)[1:-1], Path(path).name)
    return re.sub(r'"(?:/[^"/\s]+)+/([^"/\s]+)"', r'"\1"', text)


def title(found: dict[str, Any]) -> str:
    """Return the title of a race's table."""
    job, machine = found["job"], found["machine"]
    what = f"{found['race']}: {job['method']}, {job['precision']}, batch {job['batch_size']}"
    what += f", {job['steps']} steps"
    rounds = max((one["rounds"] for one in found["standings"]), default=0)
    where = machine.get("gpu") or f"{machine.get('cpu', 'unknown machine')}, {machine.get('threads')} threads"
    rates = [one["flops_per_second"] for one in found["ceilings"]]
    ceiling = f"; GEMM ceiling {median(rates) / 1e9:,.0f} GFLOP/s" if rates else ""
    return f"{what}, {rounds} {'round' if rounds == 1 else 'rounds'}; {where}{ceiling}"


def print_tables() -> None:
    """Print the table of every result file."""
    for file in sorted(RESULTS.glob("race_*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        print(table(title(found), found["standings"]), end="\n\n")


def peer(text: str) -> Contestant:
    """Parse NAME=PYTHON of --peer."""
    name, _, python = text.partition("=")
    if name not in PEERS:
        raise argparse.ArgumentTypeError(f"no peer '{name}'; there are {', '.join(PEERS)}")
    if not Path(python).is_file():
        raise argparse.ArgumentTypeError(f"{name}: no Python interpreter at '{python}'")
    return Contestant(name=name, python=python, script=str(PEER_FOLDER / PEERS[name]))


def variant(text: str) -> Contestant:
    """Parse NAME="OPTIONS" of --variant."""
    name, found, options = text.partition("=")
    if not found or not re.fullmatch(r"[\w.-]+", name):
        raise argparse.ArgumentTypeError("expected NAME=OPTIONS, as in plain=--plain")
    return Contestant(name=f"laptime {name}", python=sys.executable, options=tuple(shlex.split(options)))


def read_command(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", action="store_true", help="print the tables of all result files and end")
    parser.add_argument("--model", help="directory of a causal model and its tokenizer")
    parser.add_argument("--data", help="JSONL of prompt and completion")
    parser.add_argument("--name", help="part of the result file's name")
    parser.add_argument("--method", choices=list(RATES), default="lora")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, help="default: 2e-4 for lora, 2e-5 for full")
    parser.add_argument("--peer", type=peer, action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--variant", type=variant, action="append", default=[], metavar="NAME=OPTIONS")
    parser.add_argument(
        "--method-option", action="append", default=[], metavar="OPTION", help="to every laptime train"
    )
    parser.add_argument(
        "--peer-memory", action="store_true", help="Laptime's memory settings for the peers as well"
    )
    parser.add_argument("--warm", action="store_true", help="one step of everyone first, not counted")
    options = parser.parse_args(arguments)
    missing = [name for name in ("model", "data", "name") if not getattr(options, name)]
    if missing and not options.tables:
        parser.error(", ".join(f"--{name}" for name in missing) + ": required")
    if options.steps < 1 or options.rounds < 1 or options.batch_size < 1:
        parser.error("--steps, --rounds and --batch-size: at least 1")
    return options


def line_up(options: argparse.Namespace) -> list[Contestant]:
    """Return the contestants, Laptime first."""
    extra = tuple(word for option in options.method_option for word in shlex.split(option))
    ours = [replace(one, options=(*extra, *one.options)) for one in (laptime_itself(), *options.variant)]
    return [*ours, *(replace(one, huge_pages=options.peer_memory) for one in options.peer)]


def main() -> None:
    """Hold the race, or print what was raced."""
    options = read_command()
    if options.tables:
        print_tables()
        return
    job = Job(
        model=options.model,
        data=options.data,
        method=options.method,
        precision=options.precision,
        steps=options.steps,
        batch_size=options.batch_size,
        rank=options.rank,
        learning_rate=options.learning_rate or RATES[options.method],
    )
    race = Race(name=options.name, job=job, contestants=line_up(options))
    try:
        for so_far in hold(race, options.rounds, options.warm):
            file = write(so_far)
        measure_parts(race)
        file = write(race)
    except UserError as error:
        sys.exit(f"race.py: error: {error}")
    print(table(title(content(race)), race.standings()))
    print(f"\n{file}")


if __name__ == "__main__":
    main()
