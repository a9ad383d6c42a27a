"""A method against itself on this machine: what it shows where there is no difference.

    python benchmarks/rounds/equal_runs.py [--rounds 15] [options of laptime compare]

Runs `laptime compare --methods lora,lora` on the toy in a temporary folder and keeps the figures: seconds by
round, the interval after each round as it was then, the verdict, and what was flagged (a busy machine).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

from result_file import write_result

from laptime.comparison.result import ComparisonResult, read_result
from laptime.comparison.statistics import compare_paired
from laptime.report.headline import write_headline
from laptime.report.language import Language


def run(out: Path, rounds: int, options: list[str]) -> ComparisonResult:
    """Race LoRA against itself into `out`; what it prints goes to the screen."""
    command = ["compare", "--methods", "lora,lora", "--rounds", str(rounds), "--out", str(out), *options]
    subprocess.run([sys.executable, "-m", "laptime", *command], check=True)
    return read_result(out)


def list_intervals(first: list[float], second: list[float]) -> list[dict[str, Any]]:
    """Return what the comparison would have said after each round but the first."""
    rows = []
    for number in range(2, len(first) + 1):
        found = compare_paired(second[:number], first[:number])
        rows.append(
            {"rounds": number, "ratio": found.value, "interval": found.interval, "verdict": found.verdict}
        )
    return rows


def count_flags(result: ComparisonResult) -> dict[str, int]:
    """Return how often each flag was raised."""
    codes = [finding.code for finding in result.findings if finding.level == "flag"]
    return {code: codes.count(code) for code in dict.fromkeys(codes)}


def main(rounds: int, note: str, options: list[str]) -> None:
    """Run and write the result file."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder) / "equal", rounds, options)
    first, second = result.methods
    (pair,) = result.pairs
    figures = {
        "note": note,
        "headline": write_headline(result, Language("en")).text,
        "verdict": pair.verdict,
        "ratio": pair.train_ratio,
        "interval": pair.train_interval,
        "confidence": pair.train_confidence,
        "whole_process": {
            "ratio": pair.total_ratio,
            "interval": pair.total_interval,
            "verdict": pair.total_verdict,
        },
        "order": [run for run in result.order if run != "base"],
        "train_seconds": {method.name: method.train_seconds_by_round for method in (first, second)},
        "total_seconds": {method.name: method.total_seconds_by_round for method in (first, second)},
        "after_each_round": list_intervals(first.train_seconds_by_round, second.train_seconds_by_round),
        "flags": count_flags(result),
    }
    print(write_result("equal_runs", figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="how often each runs [15]")
    parser.add_argument("--note", default="", help="what must be known of the machine, for the result file")
    known, others = parser.parse_known_args()
    main(known.rounds, known.note, others)
