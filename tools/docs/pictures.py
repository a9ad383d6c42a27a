"""Takes the pictures of the documentation from one race, as it is shown while it runs and when it is over.

    python tools/docs/pictures.py [--keep FOLDER]

It races as `make demo` does, with `laptime serve` beside it: docs/live.png is the live view with some rounds
done, docs/report.png the top of the report. Needs Chromium, playwright and laptime[ui]. With --keep the race
stays in FOLDER/laptime-demo, and what the command printed in FOLDER/printed.txt.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parents[2] / "docs"
NAME = "laptime-demo"
WIDTH, LIVE_HEIGHT, REPORT_HEIGHT = 1180, 1500, 1410  # pixels
SHOWN_AFTER = 3  # rounds, when the verdict has an interval
LAPTIME = [sys.executable, "-m", "laptime"]


def main() -> None:
    """Race, and take both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        folder.mkdir(exist_ok=True)
        take_pictures(folder)


def take_pictures(folder: Path) -> None:
    """Race in `folder` with the page open, and write what it shows to DOCS."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    serve = [*LAPTIME, "serve", ".", "--port", "0"]
    with (
        (folder / "printed.txt").open("w", encoding="utf-8") as printed,
        subprocess.Popen([*LAPTIME, "compare", "--out", NAME], cwd=folder, stdout=printed) as race,
    ):
        while not (folder / NAME / "plan.json").exists():
            time.sleep(0.2)
        with (
            subprocess.Popen(serve, cwd=folder, stdout=subprocess.PIPE, text=True) as server,
            sync_playwright() as running,
        ):
            assert server.stdout
            address = server.stdout.readline().removeprefix("live view: ").strip()
            chromium = running.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            show_live(chromium, address, folder / NAME)
            race.wait()
            show_report(chromium, folder / NAME)
            chromium.close()
            server.terminate()


def show_live(chromium: Any, address: str, race: Path) -> None:
    """Take the live view when some rounds are done and a run is at work."""
    page = chromium.new_page(viewport={"width": WIDTH, "height": LIVE_HEIGHT})
    page.goto(address)
    while not (race / "runs" / f"full-r{SHOWN_AFTER + 1}" / "record.jsonl").exists():
        time.sleep(0.2)
    page.wait_for_selector("#state[data-state=running]")
    page.wait_for_timeout(2500)  # the page is renewed once a second
    page.screenshot(path=DOCS / "live.png", clip={"x": 0, "y": 0, "width": WIDTH, "height": LIVE_HEIGHT})
    page.close()


def show_report(chromium: Any, race: Path) -> None:
    """Take the top of the report."""
    page = chromium.new_page(viewport={"width": WIDTH, "height": REPORT_HEIGHT})
    page.goto((race / "report.html").absolute().as_uri())
    page.screenshot(path=DOCS / "report.png")
    page.close()


if __name__ == "__main__":
    main()
