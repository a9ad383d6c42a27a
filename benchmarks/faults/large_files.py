"""Large files and small ones that unpack to much: memory and seconds of `laptime data` and of a preparation.

    python benchmarks/faults/large_files.py [--model DIR] [--gigabytes X] [--records N] [--only NAME ...]

It makes the files in a temporary folder: --gigabytes [1] of JSONL (questions and answers of about thirty
tokens each, sentences of Python's own handbook), --records [200,000] such examples, one cell of 50 MB, a
Parquet file of a kilobyte that unpacks to 300 MB. Each is shown by `laptime data` and prepared by
`laptime train`, which is ended at its first step; the examples are prepared for 1 and for 20 epochs. The
model is the built-in one, or --model with random weights. Memory is what all processes of the command hold
together, looked at twenty times a second; files that are mapped count. --only parquet, cell, records or
large. The figures are written to benchmarks/results/large_files_<processor>.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from laptime.data.input_manifest import MANIFEST_FILE

LOOK_SECONDS = 0.05
MOST_SECONDS = 1800
GOALS = {
    "bytes_of_memory": 2_000_000_000,
    "seconds": 180.0,
    "seconds_to_first_step": 5.0,
}


def make_rows(number: int | None = None, num_bytes: int | None = None) -> Iterator[str]:
    """Yield questions and answers as lines of JSON, up to a number of them or of bytes."""
    from pydoc_data.topics import topics

    chance, words = random.Random(0), " ".join(topics.values()).split()
    while (number is None or number > 0) and (num_bytes is None or num_bytes > 0):
        begins = [chance.randrange(len(words) - 20) for _ in range(2)]
        question, answer = (" ".join(words[begin : begin + 20]) for begin in begins)
        line = json.dumps({"question": question, "answer": answer}) + "\n"
        number = None if number is None else number - 1
        num_bytes = None if num_bytes is None else num_bytes - len(line)
        yield line


def write_rows(number: int | None = None, num_bytes: int | None = None) -> Callable[[Path], object]:
    """Return what writes such rows to a file."""

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as stream:
            stream.writelines(make_rows(number, num_bytes))

    return write


def write_cell(path: Path) -> None:
    """Write an example with one huge cell, and one as others are."""
    rows = [{"question": "a", "answer": "a" * 50_000_000}, {"question": "a", "answer": "b"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_parquet(path: Path) -> None:
    """Write 300 rows of a million letters each, which are stored once."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"question": ["a"] * 300, "answer": ["b" * 1_000_000] * 300})
    parquet.write_table(table, path, compression="zstd")


def watch(words: list[str], out: Path | None) -> dict[str, Any]:
    """Run a command until it ends or, with `out`, until its first step is recorded; returns what it took."""
    begun, peak = time.perf_counter(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "laptime", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    found: dict[str, Any] = {}
    while process.poll() is None and time.perf_counter() - begun < MOST_SECONDS:
        peak = max(peak, sum(map(resident_bytes, family(process.pid))))
        if out and "seconds_to_first_step" not in found and has_begun(out):
            ready = (out / "inputs" / MANIFEST_FILE).stat().st_mtime
            found["seconds_to_first_step"] = round(time.time() - ready, 2)
            found["seconds"] = round(time.perf_counter() - begun, 1)
            process.send_signal(signal.SIGTERM)
        time.sleep(LOOK_SECONDS)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        found["timed_out"] = True
    lines = (process.stderr.read() if process.stderr else "").strip().splitlines()
    found.setdefault("seconds", round(time.perf_counter() - begun, 1))
    refused = process.returncode == 2 and lines
    return found | {"bytes_of_memory": peak} | ({"refused": lines[-1]} if refused else {})


def has_begun(out: Path) -> bool:
    """Tell whether a step is recorded."""
    for record in out.glob("**/record.jsonl"):
        if '"event":"step"' in record.read_text(encoding="utf-8"):
            return True
    return False


def family(parent: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(stat[1]), []).append(int(folder.name))
    found = [parent]
    for one in found:
        found += children.get(one, [])
    return found


def resident_bytes(process: int) -> int:
    """Return what a process holds in memory; 0 where it is gone."""
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def measure(name: str, path: Path, model: list[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what a file costs: shown, and prepared for a training."""
    file = {"file": name, "bytes": path.stat().st_size}
    yield file | {"command": "data"} | watch(["data", "--data", str(path), *model], None)
    for epochs in (1, 20) if name == "records" else (1,):
        out = folder / f"{name}-{epochs}"
        words = ["train", "--data", str(path), "--epochs", str(epochs), "--out", str(out), *model]
        yield file | {"command": "train", "epochs": epochs} | watch([*words, "--max-questions", "0"], out)


def main() -> None:
    """Make each file, measure, remove it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=None)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--only", nargs="*", default=None)
    arguments = parser.parse_args()
    files: dict[str, tuple[str, Callable[[Path], object]]] = {
        "parquet": ("bomb.parquet", write_parquet),
        "cell": ("cell.jsonl", write_cell),
        "records": ("records.jsonl", write_rows(number=arguments.records)),
        "large": ("large.jsonl", write_rows(num_bytes=int(arguments.gigabytes * 1e9))),
    }
    model = ["--model", arguments.model, "--random-weights"] if arguments.model else []
    found = []
    for name in arguments.only or files:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / files[name][0]
            files[name][1](path)
            for one in measure(name, path, model, Path(folder)):
                print(json.dumps(one), flush=True)
                found.append(one)
    reached = all(one[key] <= goal for one in found for key, goal in GOALS.items() if key in one)
    from result_file import write_result

    print(write_result("large_files", {"goals": GOALS, "reached": reached, "cases": found}))


if __name__ == "__main__":
    main()
