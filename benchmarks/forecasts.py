"""How far `laptime plan` is from what then happens: time, memory and the ratio of two methods.

    python benchmarks/forecasts.py --data FILE.jsonl --model DIR [--model DIR ...] --examples 15 --name cpu

Each method trains on each model twice by `laptime train`: the job itself, and the steps that `plan --probe`
makes, as many as it would choose and the longest examples first. Then the job is foretold three times by
Laptime's own code: from nothing but the machine's measured speed; from the jobs of all other models; and with
its probe beside these. `laptime doctor` must have measured the machine before. The result goes to
benchmarks/results/forecasts_NAME_MACHINE.json. With `--keep FOLDER` the runs stay there, and those that lie
there are not done again: another forecast can be tried on the same runs.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from results_folder import RESULTS, machine_name

from laptime.cli.plan import choose_probed_steps
from laptime.data.input_manifest import read_manifest
from laptime.forecast.forecast import Forecast, forecast
from laptime.forecast.surroundings import look_around
from laptime.methods.method import expand_methods
from laptime.runs.folder import INPUTS_FOLDER
from laptime.runs.past_runs import PastRun, describe
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.runs.record import RunRecord, read_record
from laptime.spec import RunSpec

METHODS = "full,lora,lora_top"
REFUSED = 2  # the exit status of a command that was asked for what cannot be
EPOCHS = 2
OPTIONS = ["--max-questions", "0", "--skip-self-checks", "--skip-bad"]


class Job(msgspec.Struct, kw_only=True):
    """A job that was done: its probe, itself, and how it is told apart."""

    model: str
    method: str
    devices: int
    done: RunRecord
    probe: RunRecord | None = None


class RefusedError(Exception):
    """A job that the command refuses, as of a method for which a model has nothing to train."""


def train(folder: Path, model: str, method: str, data: Path, probed: int | None, devices: int) -> RunRecord:
    """Train in a folder and return the record; `probed` are the steps of a probe. Ends where that fails.

    Raises RefusedError with the command's line.
    """
    if (folder / RECORD_FILE).exists():
        return read_record(folder)
    words = ["train", "--model", model, "--method", method, "--data", str(data)]
    words += ["--max-steps", str(probed), "--longest-first"] if probed else []
    words += ["--out", str(folder), "--epochs", str(EPOCHS), *OPTIONS]
    words += ["--devices", str(devices), "--batch-size", str(devices)] if devices > 1 else []
    command = [sys.executable, "-m", "laptime", *words]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode == REFUSED:
        raise RefusedError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return read_record(folder)


def do_jobs(home: Path, options: argparse.Namespace) -> tuple[list[Job], dict[str, str]]:
    """Do every job and its probe; returns them, and why each job that was refused could not be done."""
    jobs, refused = [], {}
    places = [(model, 1) for model in options.model] + [(model, 2) for model in options.together]
    data = home / "data.jsonl"
    data.write_text("".join(Path(options.data).read_text().splitlines(keepends=True)[: options.examples]))
    for model, devices in places:
        for method in expand_methods("--methods", options.methods.split(",")):
            name = f"{Path(model).name}-{method}-{devices}"
            try:
                done = train(home / name, model, method, data, None, devices)
            except RefusedError as reason:
                refused[name] = str(reason)
                continue
            job = Job(model=Path(model).name, method=method, devices=devices, done=done)
            steps = choose_probed_steps([foretell(job, [])])
            job.probe = train(home / f"{name}-probe", model, method, data, steps, devices)
            jobs.append(job)
            print(name, f"{done.train_seconds or 0:.2f} s", flush=True)
    return jobs, refused


def foretell(job: Job, past: list[PastRun]) -> Forecast:
    """Return what would have been said of a job with such a past."""
    spec = msgspec.convert(job.done.started.spec, RunSpec)
    manifest = read_manifest(job.done.folder / INPUTS_FOLDER)
    facts = job.done.machine.facts if job.done.machine else {}
    around = look_around(spec, manifest, int(facts.get("threads", 1)) * max(1, job.devices))
    around.past = past
    return forecast(job.method, spec, around, job.devices)


def judge(job: Job, jobs: list[Job]) -> dict[str, Any]:
    """Return what was foretold of a job in each way, and what happened."""
    assert job.probe is not None
    own, probe = describe(job.done), describe(job.probe)
    assert own is not None and probe is not None and job.done.finished is not None
    others = [past for one in jobs if one.model != job.model and (past := describe(one.done))]
    ways = {"no past": [], "other models": others, "probed": [*others, probe]}
    happened = {
        "train_seconds": job.done.train_seconds, "total_seconds": job.done.total_seconds,
        "memory_bytes": own.peak_bytes,
    }  # fmt: skip
    found: dict[str, Any] = {
        "model": job.model, "method": job.method, "devices": job.devices,
        "steps": len(job.done.steps), "probed_steps": len(job.probe.steps), "parameters": own.parameters,
        "dtype": own.dtype, "step_seconds": own.step_seconds, **happened,
    }  # fmt: skip
    for way, runs in ways.items():
        told = foretell(job, runs)
        found[way] = {name: getattr(told, name) / (value or 1) - 1 for name, value in happened.items()} | {
            "inside": told.train_range[0] <= (job.done.train_seconds or 0) <= told.train_range[1]
        }
        found[way]["foretold_train_seconds"] = told.train_seconds
    return found


def sum_up(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how far each way was from what happened: medians and the most, and the ratios of methods."""
    result: dict[str, Any] = {}
    for way in ("no past", "other models", "probed"):
        result[way] = {
            name: {
                "median": median(abs(row[way][name]) for row in rows),
                "most": max(abs(row[way][name]) for row in rows),
                "within_15_percent": sum(abs(row[way][name]) <= 0.15 for row in rows),
                "within_10_percent": sum(abs(row[way][name]) <= 0.10 for row in rows),
                "of": len(rows),
            }
            for name in ("train_seconds", "total_seconds", "memory_bytes")
        }
        result[way]["inside the range"] = sum(row[way]["inside"] for row in rows)
        result[way]["ratio of full to lora"] = [
            (full[way]["foretold_train_seconds"] / lora[way]["foretold_train_seconds"])
            / (full["train_seconds"] / lora["train_seconds"])
            - 1
            for full in rows
            for lora in rows
            if (full["method"], lora["method"]) == ("full", "lora")
            and (full["model"], full["devices"]) == (lora["model"], lora["devices"])
        ]
    return result


def tell_command(words: list[str]) -> str:
    """Return the command that makes the same, wherever its runs are kept."""
    if "--keep" in words:
        place = words.index("--keep")
        words = [*words[:place], *words[place + 2 :]]
    return shlex.join(["python", "benchmarks/forecasts.py", *words])


def main() -> None:
    """Do the jobs, foretell them, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--together", action="append", default=[], help="by two processes too")
    parser.add_argument("--methods", default=METHODS, help="as in compare: names with commas, all, lora*")
    parser.add_argument("--examples", type=int, default=15, help="of the data, the first ones")
    parser.add_argument("--name", required=True)
    parser.add_argument(
        "--keep", type=Path, help="where the runs stay; those that lie there are not done again"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = options.keep or Path(scratch)
        home.mkdir(parents=True, exist_ok=True)
        jobs, refused = do_jobs(home, options)
        if not jobs:
            sys.exit("\n".join(["no job could be done:", *refused.values()]))
        rows = [judge(job, jobs) for job in jobs]
    facts = jobs[0].done.machine.facts if jobs[0].done.machine else {}
    result = {
        "command": tell_command(sys.argv[1:]),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts,
        "summary": sum_up(rows),
        "refused": refused,
        "jobs": rows,
    }
    file = RESULTS / f"forecasts_{options.name}_{machine_name(facts)}.json"
    file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result["summary"], indent=1), file)


if __name__ == "__main__":
    main()
