"""The live view in a real browser: a race from the form to its report, over a killed server, in two tabs."""

from __future__ import annotations

import importlib.util
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.result import read_result, write_result
from laptime.live.asking import Asked
from laptime.live.places import private_file
from laptime.report.page import render_report
from laptime.runs.plan import run_folder
from laptime.session import gather_result
from laptime.util.atomic import write_json
from tests.comparison.scripted import write_scripted_comparison, write_scripted_run
from tests.live.live_server import live_view
from tests.live.test_race_reader import at_work
from tests.report.test_browser import CONTRAST

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("starlette", "uvicorn")),
        reason="laptime[ui] is not installed",
    ),
]
LONG_MS = 120_000


@contextmanager
def tab(browser: Any, address: str, width: int = 1280, scheme: str = "light") -> Iterator[Any]:
    """Give a page with what it has complained of as `troubles`."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(LONG_MS)
    page.troubles = []
    page.on("console", lambda message: page.troubles.append(message.text))
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    host = address.split("/")[2]
    page.on("request", lambda asked: asked.url.split("/")[2] != host and page.troubles.append(asked.url))
    page.goto(address)
    yield page
    context.close()


def wait_for_state(page: Any, *states: str) -> None:
    """Wait until the race is in one of some states."""
    selector = ",".join(f"#state[data-state={state}]" for state in states)
    page.wait_for_selector(selector)


def until(page: Any, is_so: Callable[[], bool]) -> None:
    """Wait until something is so; the page's policy lets no expression be evaluated again and again."""
    end = time.monotonic() + LONG_MS / 1000
    while not is_so():
        assert time.monotonic() < end
        page.wait_for_timeout(50)


def test_a_race_from_the_form_to_its_report(browser: Any, tmp_path: Path) -> None:
    """The server is killed while the race runs: it goes on, and is found again."""
    with live_view(tmp_path) as (server, address), tab(browser, address) as page:
        page.wait_for_selector("#form", state="visible")  # nothing is here yet: the form is open
        page.fill("[name=epochs]", "1")
        page.fill("[name=out]", "race")
        page.fill("[name=more]", "--rounds 1 --max-questions 1 --skip-self-checks")
        page.uncheck("[value=full]")
        page.click("#preview")
        page.wait_for_selector("#examples .example mark.trained")
        assert page.inner_text("#preview-line").startswith("10 examples to train on, 10 held out; 175 of 341")
        marked = page.inner_text("#examples .example:first-child mark.trained:first-of-type")
        assert marked and marked not in page.inner_text("#examples .example:first-child span")
        command = page.inner_text("#command")
        assert command == (
            "laptime compare --methods lora --epochs 1 --rounds 1 --max-questions 1 --skip-self-checks "
            "--out race"
        )
        page.click("#start")
        wait_for_state(page, "preparing", "running")
        with tab(browser, address) as other:
            wait_for_state(other, "preparing", "running")
            assert other.input_value("#races") == page.input_value("#races") == "race"
            assert page.troubles == other.troubles == []
        server.kill()
        server.wait(30)
        page.wait_for_selector("#lost", state="visible")
    with live_view(tmp_path, "--lang", "ko") as (_, address), tab(browser, address) as page:
        wait_for_state(page, "preparing", "running", "finishing", "finished")
        page.reload()
        wait_for_state(page, "finished")
        page.wait_for_selector("#report-section", state="visible")
        report = page.frame_locator("#report").locator("h1")
        assert "LoRA" in report.inner_text()
        assert read_result(tmp_path / "race").complete
        assert page.inner_text("#rows tr:first-child small:first-of-type") == "1라운드 완료"
        assert page.troubles == []


@pytest.mark.parametrize(("width", "scheme", "lang"), [(1280, "dark", "en"), (390, "light", "ko")])
def test_the_page_at_both_widths(browser: Any, tmp_path: Path, width: int, scheme: str, lang: str) -> None:
    write_scripted_comparison(
        tmp_path / "race", {"full": [20.0, 21.0], "lora": [10.0, 10.5]}, skip=["lora-r2"]
    )
    write_scripted_run(run_folder(tmp_path / "race", "lora-r2"), "lora", 2, unfinished=True)
    write_scripted_comparison(tmp_path / "done", {"full": [20.0], "lora": [10.0]})
    write_result(tmp_path / "done", gather_result(tmp_path / "done"))
    render_report(tmp_path / "done")
    (tmp_path / "done" / "inputs").mkdir()
    write_json(tmp_path / "done" / "inputs" / "facts.json", {})
    asked = Asked(
        number=1, question="<b>?", texts={"base": "one", "lora": "<i>two"}, done=["base"], ended=True
    )
    write_json(private_file(tmp_path / "done", "json"), [asked])
    with (
        at_work(tmp_path / "race"),
        live_view(tmp_path, "--lang", lang) as (_, address),
        tab(browser, address, width, scheme) as page,
    ):
        wait_for_state(page, "running")
        assert page.is_visible("#stop") and page.is_visible("#losses svg") and page.is_visible("#share")
        page.click("#new-box summary")
        until(page, lambda: page.inner_text("#command").startswith("laptime compare"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []
        page.select_option("#races", "done")
        wait_for_state(page, "finished")
        assert page.inner_text("#asked h3") == "<b>?"
        assert page.locator("#asked .answer p").all_inner_texts() == ["one", "<i>two"]
        assert page.is_hidden("#stop") and page.is_hidden("#now-card")
        page.frame_locator("#report").locator("h1").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []
        assert page.troubles == []


def test_a_race_of_the_terminal_is_stopped_by_its_button(browser: Any, tmp_path: Path) -> None:
    """Whoever holds the folder is told as by Ctrl-C: here the test itself."""
    write_scripted_comparison(tmp_path / "race", {"full": [20.0], "lora": [10.0]}, skip=["lora-r1"])
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with live_view(tmp_path) as (_, address), tab(browser, address) as page:
            wait_for_state(page, "stopped")
            assert page.inner_text("#go-on-command") == "laptime compare --config race/spec.json --out race"
            with at_work(tmp_path / "race"):
                wait_for_state(page, "running")
                page.click("#stop")
                until(page, lambda: heard == [signal.SIGTERM])
            wait_for_state(page, "stopped")
    finally:
        signal.signal(signal.SIGTERM, before)
