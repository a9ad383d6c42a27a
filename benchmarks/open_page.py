"""Whether a race takes longer while the live view of it is open: the same race in turn with it and without.

    python benchmarks/open_page.py --rounds 10 --name toy --methods full,lora --epochs 20

Everything that this script does not know goes to `laptime compare`. Three races make a round, in an order
that turns with the rounds: with nothing beside it; with `laptime serve` and one reader of its events, as a
page on another machine is; and with the page open in a Chromium on this machine, which draws it on the same
processors. A race's time is the sum over its runs. The result goes to
benchmarks/results/open_page_NAME_MACHINE.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from results_folder import RESULTS, machine_name

from laptime.comparison.result import ComparisonResult
from laptime.comparison.statistics import compare_family
from laptime.session import gather_result

WAYS = ("alone", "events read", "page open")
RACE = "race"
OPTIONS = ["--rounds", "1", "--max-questions", "0", "--skip-self-checks"]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the live view of what lies in `folder`, and give its address."""
    words = [sys.executable, "-m", "laptime", "serve", str(folder), "--port", "0"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        yield server.stdout.readline().removeprefix("live view: ").strip()
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def reading(address: str) -> Iterator[dict[str, int]]:
    """Read the events of the page at `address` on a thread, and give their number as it grows."""
    count = {"events": 0}

    def read() -> None:
        with urllib.request.urlopen(f"{address.rstrip('/')}/events") as stream:
            for line in stream:
                count["events"] += line.startswith(b"data:")

    threading.Thread(target=read, daemon=True).start()
    yield count


@contextmanager
def showing(address: str) -> Iterator[dict[str, int]]:
    """Show the page at `address` in a Chromium, and give the number of events that it was sent."""
    from playwright.sync_api import sync_playwright

    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        yield {"tabs": 1}
        page.wait_for_selector("#state[data-state=finished]", timeout=30_000)  # it has followed to the end
        chromium.close()


def race(way: str, options: list[str]) -> tuple[ComparisonResult, dict[str, int]]:
    """Race once in a folder of its own, watched in one of WAYS; returns what watched it too."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as beside:
        seen: dict[str, int] = {}
        if way != "alone":
            address = beside.enter_context(serving(Path(scratch)))
            seen = beside.enter_context(reading(address) if way == "events read" else showing(address))
        words = [sys.executable, "-m", "laptime", "compare", *options, *OPTIONS]
        done = subprocess.run([*words, "--out", str(Path(scratch) / RACE)], stdout=subprocess.DEVNULL)
        if done.returncode:
            sys.exit(f"{way}: laptime compare ended with {done.returncode}")
        return gather_result(Path(scratch) / RACE), dict(seen)


def add_up(result: ComparisonResult, name: str) -> float:
    """Return the sum over all runs of a race of `name`, such as train_seconds_by_round."""
    return sum(sum(getattr(row, f"{name}_by_round")) for row in result.methods)


def main() -> None:
    """Race in turn, compare in pairs, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--name", required=True)
    asked, options = parser.parse_known_args()
    seconds: dict[str, dict[str, list[float]]] = {
        name: {way: [] for way in WAYS} for name in ("train_seconds", "total_seconds")
    }
    watched: dict[str, list[dict[str, int]]] = {way: [] for way in WAYS}
    result = None
    for number in range(asked.rounds):
        for place in range(len(WAYS)):
            way = WAYS[(place + number) % len(WAYS)]
            result, seen = race(way, options)
            watched[way].append(seen)
            for name, by_way in seconds.items():
                by_way[way].append(add_up(result, name))
            print(f"round {number + 1}, {way}: {seconds['train_seconds'][way][-1]:.3f} s {seen}", flush=True)
    assert result
    write(asked.name, options, seconds, watched, result)


def write(
    name: str,
    options: list[str],
    seconds: dict[str, dict[str, list[float]]],
    watched: dict[str, list[dict[str, int]]],
    last: ComparisonResult,
) -> None:
    """Write the times of all races, and the ratio of those that were watched to those that were not."""
    pairs = [(measure, way) for measure in seconds for way in WAYS[1:]]
    ratios = compare_family([(seconds[measure][way], seconds[measure]["alone"]) for measure, way in pairs])
    told: dict[str, Any] = {
        "command": f"python benchmarks/open_page.py --name {name} {' '.join(options)}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": last.machine,
        "load_at_end": os.getloadavg()[0],
        "seconds": seconds,
        "watched": watched,
        "ratios_over_alone": {
            f"{measure}, {way}": msgspec.to_builtins(ratio)
            for (measure, way), ratio in zip(pairs, ratios, strict=True)
        },
    }
    path = RESULTS / f"open_page_{name}_{machine_name(last.machine)}.json"
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    for what, ratio in told["ratios_over_alone"].items():
        print(f"{what}: {ratio['value']:.4f} {ratio['interval']} {ratio['verdict']}")


if __name__ == "__main__":
    main()
