"""How long the check of a data file takes: 100,000 lines of every format, good and bad, from file to verdict.

    python benchmarks/faults/check_lines.py [--lines N] [--rounds N]

It makes the files in a temporary folder (questions and answers of about 250 letters, conversations of four
turns), checks each in a fresh process `--rounds` times and writes the seconds of each check to
benchmarks/results/check_lines_<processor>.json. The seconds hold reading, parsing and every test of every
record; they do not hold the start of the interpreter, and a tokenizer is not needed.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

CHECK = """
import sys, time
from laptime.errors import UserError
from laptime.data.formats import read_examples
from laptime.spec import DataSpec
begun = time.perf_counter()
try:
    number = len(read_examples(DataSpec(data=sys.argv[1])).examples)
except UserError:
    number = 0
print(time.perf_counter() - begun, number)
"""
WORDS = (
    "모델",
    "학습",
    "데이터",
    "질문",
    "답변",
    "검색",
    "문서",
    "the",
    "question",
    "answer",
    "of",
    "number",
    "trains",
)
GOAL_SECONDS = 5.0


def make_text(chance: random.Random, letters: int) -> str:
    """Return about so many letters of Korean and English words."""
    return " ".join(chance.choices(WORDS, k=letters // 4))


def pairs(number: int) -> Iterator[dict[str, Any]]:
    """Yield questions and answers."""
    chance = random.Random(0)
    texts = [make_text(chance, 250) for _ in range(1000)]
    for _ in range(number):
        yield {"question": chance.choice(texts), "answer": chance.choice(texts)}


def conversations(number: int) -> Iterator[dict[str, Any]]:
    """Yield conversations of four turns."""
    for row in pairs(number):
        turns = [{"from": "human", "value": row["question"]}, {"from": "gpt", "value": row["answer"]}]
        yield {"conversations": turns * 2}


def bad(number: int) -> Iterator[dict[str, Any]]:
    """Yield rows that are all refused."""
    for row in pairs(number):
        yield row | {"answer": ""}


def write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write JSON lines, every letter beyond ASCII escaped as `json.dump` does."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def write_array(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write one JSON array."""
    path.write_text(json.dumps(list(rows), indent=1, ensure_ascii=False), encoding="utf-8")


def write_csv(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write CSV."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["question", "answer"])
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write Parquet."""
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)


Rows = Callable[[int], Iterator[dict[str, Any]]]
FILES: dict[str, tuple[Rows, Callable[[Path, Iterator[dict[str, Any]]], None]]] = {
    "pairs.jsonl": (pairs, write_lines),
    "conversations.jsonl": (conversations, write_lines),
    "bad.jsonl": (bad, write_lines),
    "pairs.json": (pairs, write_array),
    "pairs.csv": (pairs, write_csv),
    "pairs.parquet": (pairs, write_parquet),
}


def check(path: Path, rounds: int) -> dict[str, Any]:
    """Check one file several times, each in a process of its own."""
    ends = [
        subprocess.run([sys.executable, "-c", CHECK, str(path)], capture_output=True, text=True, check=True)
        for _ in range(rounds)
    ]
    seconds = [float(end.stdout.split()[0]) for end in ends]
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "records": int(ends[0].stdout.split()[1]),
        "median_seconds": round(median(seconds), 2),
        "seconds": [round(one, 2) for one in seconds],
    }


def main() -> None:
    """Make the files, check them, write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for name, (rows, write) in FILES.items():
            write(Path(folder, name), rows(arguments.lines))
            found.append(check(Path(folder, name), arguments.rounds))
            print(f"{name:20} {found[-1]['median_seconds']:6.2f} s", flush=True)
    from result_file import write_result

    slowest = max(one["median_seconds"] for one in found)
    figures = {"lines": arguments.lines, "goal_seconds": GOAL_SECONDS, "reached": slowest <= GOAL_SECONDS}
    print(write_result("check_lines", figures | {"files": found}))


if __name__ == "__main__":
    main()
