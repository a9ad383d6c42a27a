"""Every hostile text in a page, in a chart and in a terminal, through a real browser: nothing may run.

    python benchmarks/faults/hostile_strings.py

Each text stands wherever a user or a model can put one (question, answer, reference, names of data, model,
machine and methods, notes, messages of failures, findings), in English and Korean by turns. The page must
hold no element and no attribute that it has not with harmless text, show the text to the letter, send no
request and run nothing. Then the same with the escaping taken away, to see what the page's policy alone
stops. Needs playwright and a Chromium. Writes benchmarks/results/hostile_strings_MACHINE.json.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]

import jinja2  # noqa: E402
import torch  # noqa: E402
from playwright.sync_api import Error, sync_playwright  # noqa: E402
from results_folder import RESULTS, machine_name  # noqa: E402
from rich.console import Console  # noqa: E402

from laptime import __version__  # noqa: E402
from laptime.hardware.machine import describe_machine  # noqa: E402
from laptime.report.terminal import print_table  # noqa: E402
from tests.report import invented  # noqa: E402
from tests.report.conftest import FLAGS  # noqa: E402
from tests.report.hostile_pages import Visitor, write_page  # noqa: E402
from tests.report.hostile_strings import hostile_strings  # noqa: E402
from tests.report.test_hostile import FORBIDDEN  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def judge_escaped(visitor: Visitor, texts: list[str], folder: Path) -> list[dict[str, Any]]:
    """Return what went wrong on the pages as they are written."""
    known = {lang: visitor.learn(folder) for lang in ("en", "ko")}
    failures = []
    for number, text in enumerate(texts):
        lang = ("en", "ko")[number % 2]
        wrong = visitor.judge(text, folder, known[lang], lang)
        wrong += visitor.judge_charts(folder)
        if wrong:
            failures.append({"text": ascii(text)[:200], "wrong": wrong[:5]})
    return failures


def judge_unescaped(visitor: Visitor, texts: list[str], folder: Path) -> dict[str, int]:
    """Count what the policy alone let through on pages whose texts were not escaped."""
    counts = {"pages": 0, "scripts_ran": 0, "pages_that_sent_a_request": 0, "pages_with_a_violation": 0}
    for text in texts:
        page = write_page(text, folder, escaped=False)
        counts["pages"] += 1
        with suppress(Error):  # the page went elsewhere: <meta http-equiv=refresh>
            counts["scripts_ran"] += bool(visitor.open(page)["ran"])
        counts["pages_that_sent_a_request"] += any(one.startswith("request") for one in visitor.troubles)
        counts["pages_with_a_violation"] += any("Content Security Policy" in one for one in visitor.troubles)
    return counts


def judge_terminal(texts: list[str]) -> list[str]:
    """Return the texts of which a control character or a turn of direction reached the terminal."""
    failures = []
    for text in texts:
        screen = io.StringIO()
        print_table(invented.make_hostile(text), Console(file=screen, width=80), Path("folder"))
        if FORBIDDEN.search(screen.getvalue()):
            failures.append(ascii(text)[:200])
    return failures


def measure() -> dict[str, Any]:
    """Return the content of the result file."""
    texts, begun = hostile_strings(), time.perf_counter()
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as running:
        browser = running.chromium.launch(executable_path=executable, args=FLAGS)
        visitor = Visitor(browser)
        escaped = judge_escaped(visitor, texts, Path(name))
        visitor.close()
        visitor = Visitor(browser)
        unescaped = judge_unescaped(visitor, texts, Path(name))
        version = browser.version
        browser.close()
    terminal = judge_terminal(texts)
    machine = describe_machine(torch.device("cpu"))
    return {
        "what": "hostile texts in the report, its charts and the terminal",
        "command": "python benchmarks/faults/hostile_strings.py",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "laptime": __version__,
        "machine": machine,
        "browser": f"Chromium {version}",
        "jinja2": jinja2.__version__,
        "num_texts": len(texts),
        "seconds": round(time.perf_counter() - begun, 1),
        "pages_on_which_something_ran_or_left": sum(
            any(re.search("ran|request|dialog|window", one) for one in failure["wrong"])
            for failure in escaped
        ),
        "pages_with_any_fault": escaped,
        "terminal_faults": terminal,
        "with_the_escaping_taken_away": unescaped,
    }


def main() -> None:
    """Judge every text and write the result; exit code 1 when anything was wrong."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    found = measure()
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"hostile_strings_{machine_name(found['machine'])}.json"
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in found.items() if k != "machine"}, indent=1, ensure_ascii=False))
    failed = found["pages_with_any_fault"] or found["terminal_faults"]
    sys.exit(1 if failed or found["with_the_escaping_taken_away"]["scripts_ran"] else 0)


if __name__ == "__main__":
    main()
