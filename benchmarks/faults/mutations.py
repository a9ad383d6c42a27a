"""Ten thousand mutated data files and config files: never a traceback, never a silent change.

    python benchmarks/faults/mutations.py [--files N] [--configs N] [--seed N]

Every file is a good one (JSONL, JSON, CSV or Parquet; TOML, YAML or JSON) with up to three stretches of bytes
deleted, doubled, exchanged or inserted. It must be refused in one printable line, or every one of its rows
trained on exactly as the json and csv modules read it, down to the trained tokens; a config file must be
refused or hold what its format's own module reads. The first file that breaks this is printed, made as small
as it goes. The counts are written to benchmarks/results/mutations_<processor>.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.data.mutated import check_file, mutated_files
from tests.data.mutated_configs import check_config, mutated_configs

Mutated = SearchStrategy[tuple[str, bytes]]


def count_outcomes(
    files: Mutated, check: Callable[[str, bytes, Path], str], number: int, seed_number: int
) -> dict[str, dict[str, int]]:
    """Check so many files; return how many of each format were accepted and refused."""
    outcomes: dict[str, Counter[str]] = {}
    seen: set[tuple[str, bytes]] = set()

    with tempfile.TemporaryDirectory() as folder:

        @seed(seed_number)
        @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(files)
        def run(file: tuple[str, bytes]) -> None:
            seen.add(file)
            outcomes.setdefault(file[0], Counter())[check(*file, Path(folder))] += 1

        run()
    total = sum(sum(counts.values()) for counts in outcomes.values())
    return {"all": {"checked": total, "different": len(seen)}} | {
        suffix: dict(sorted(counts.items())) for suffix, counts in sorted(outcomes.items())
    }


def main() -> None:
    """Check all files and write the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--configs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begun = time.perf_counter()
    figures: dict[str, Any] = {
        "data_files": count_outcomes(mutated_files(), check_file, arguments.files, arguments.seed),
        "config_files": count_outcomes(mutated_configs(), check_config, arguments.configs, arguments.seed),
        "meaning": "the first traceback or silent change ends the run, and no such file is written",
    }
    from result_file import write_result

    print(write_result("mutations", figures | {"seconds": round(time.perf_counter() - begun, 1)}))


if __name__ == "__main__":
    main()
