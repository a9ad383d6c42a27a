"""Keeps what a comparison measured, without models and inputs, so that anyone can make its report again.

    python benchmarks/publish.py RACE NAME

copies plan, options and records of the comparison in RACE to benchmarks/results/NAME_<processor>/, which
`laptime report` and `laptime show` read. Run the comparison in the folder of its model and data, by relative
names: what it wrote down cannot be changed afterwards.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from results_folder import RESULTS, machine_name

from laptime.comparison.race import SPEC_FILE
from laptime.comparison.result import ComparisonResult, read_result
from laptime.runs.plan import FILE_NAME as PLAN
from laptime.runs.record import FILE_NAME as RECORD


def publish(race: Path, name: str, results: Path = RESULTS) -> Path:
    """Copy the comparison in `race` and return where it went; what was published under that name gives way.

    Exits where runs are still to come, and where what they wrote names a folder of this machine.
    """
    result = read_result(race)
    if not result.complete:
        sys.exit(f"publish.py: error: {race}: runs are still to come")
    files = [race / PLAN, race / SPEC_FILE, *sorted(race.glob(f"runs/*/{RECORD}"))]
    home = str(Path.home().parent if Path.home().parent != Path("/") else Path.home())
    for file in files:
        text = file.read_text(encoding="utf-8")
        if any(folder in text for folder in (str(race.absolute().parent), f"{home}/")):
            sys.exit(f"publish.py: error: {file}: names a folder of this machine; race by relative names")
    place = results / f"{name}_{machine_name(result.machine)}"
    shutil.rmtree(place, ignore_errors=True)
    for file in files:
        copy = place / file.relative_to(race)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    write_summary(result, place)
    return place


def write_summary(result: ComparisonResult, place: Path) -> None:
    """Write the table in the terminal's form beside the records, for whoever only looks."""
    from rich.console import Console

    from laptime.report.terminal import print_table

    with (place / "table.txt").open("w", encoding="utf-8") as file:
        print_table(result, Console(file=file, width=100))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(publish(Path(sys.argv[1]), sys.argv[2]))
