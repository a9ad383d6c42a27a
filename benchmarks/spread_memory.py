"""What each process holds of a model that is spread over two, beside what one process holds.

    python benchmarks/spread_memory.py --model DIR --data FILE.jsonl --name 180m

Both train the same steps of full fine-tuning in float32 on the CPU, with the same settings of the allocator:
those of a spread run, which give memory back at once. Held between steps is the least resident memory seen
after the second step, looked at every 20 ms; the peak is the system's own (VmHWM) before anything is saved.
The result goes to benchmarks/results/spread_memory_NAME_MACHINE.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from results_folder import RESULTS, machine_name

from laptime.hardware.system_memory import read_kilobytes, read_lines
from laptime.runs.process import SPREAD_MEMORY_SETTINGS
from laptime.runs.record import FILE_NAME, RunRecord, read_record

TRAINS = (b"laptime.training.run", b"laptime.training.preprocess")  # `train` goes on in its preparation


def find_trainers(parent: int) -> list[int]:
    """Return the processes below `parent` that train."""
    parents: dict[int, int] = {}
    commands: dict[int, bytes] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(folder.name)] = (folder / "cmdline").read_bytes()
            except OSError:
                continue
    return [
        pid
        for pid, words in commands.items()
        if any(name in words for name in TRAINS) and is_below(pid, parent, parents)
    ]


def is_below(pid: int, parent: int, parents: dict[int, int]) -> bool:
    """Tell whether a process descends from another."""
    while pid in parents:
        if pid == parent:
            return True
        pid = parents[pid]
    return False


def train(folder: Path, words: argparse.Namespace, number: int) -> dict[str, Any]:
    """Train by so many processes; returns what each held."""
    out = folder / str(number)
    command = [
        sys.executable, "-m", "laptime", "train", "--method", "full", "--model", words.model,
        "--data", words.data, "--batch-size", "2", "--max-steps", str(words.steps), "--device", "cpu",
        "--precision", "fp32", "--threads", "2", "--max-questions", "0", "--skip-self-checks",
        "--devices", str(number), "--out", str(out),
    ]  # fmt: skip
    process = subprocess.Popen(command, env=os.environ | SPREAD_MEMORY_SETTINGS, stdout=subprocess.DEVNULL)
    held: dict[int, int] = {}
    while process.poll() is None:
        if 2 <= count_steps(out) < words.steps:
            for pid in find_trainers(process.pid):
                if now := read_kilobytes(read_lines(Path(f"/proc/{pid}/status")), "VmRSS:"):
                    held[pid] = min(held.get(pid, now), now)
        time.sleep(0.02)
    record = read_record(out)
    assert record.finished, record.failed
    peaks = [rank.peak_bytes for rank in record.ranks] or [record.finished.peak_bytes]
    return {
        "processes": number,
        "held_between_steps_bytes": sorted(held.values(), reverse=True),
        "peak_bytes": [peak["vm_hwm"] for peak in peaks],
        "step_seconds": [round(step.seconds, 3) for step in record.steps],
        "losses": [step.loss for step in record.steps],
        "machine": tell_machine(record),
    }  # fmt: skip


def count_steps(out: Path) -> int:
    """Return how many steps the record holds."""
    file = out / FILE_NAME
    return file.read_bytes().count(b'"event":"step",') if file.exists() else 0


def tell_machine(record: RunRecord) -> dict[str, Any]:
    """Return what the record says of the machine."""
    assert record.machine
    return record.machine.facts


def main() -> None:
    """Train by one and by two, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--name", required=True)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one, two = (train(Path(folder), words, number) for number in (1, 2))
    shares = {
        key: max(two[f"{key}_bytes"]) / max(one[f"{key}_bytes"]) for key in ("held_between_steps", "peak")
    }
    machine = one.pop("machine")
    two.pop("machine")
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine,
        "command": shlex.join(["python", "benchmarks/spread_memory.py", *sys.argv[1:]]),
        "meaning": __doc__,
        "settings": SPREAD_MEMORY_SETTINGS,
        "rows": [one, two],
        "share_of_one": shares,
    }
    file = RESULTS / f"spread_memory_{words.name}_{machine_name(machine)}.json"
    file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({"rows": [one, two], "share_of_one": shares}, indent=1), file, sep="\n")


if __name__ == "__main__":
    main()
