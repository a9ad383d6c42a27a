"""Hostile texts in the report and in the terminal; benchmarks/faults/hostile_strings.py has the long form."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from laptime.report.plain_text import clean
from laptime.report.style import read_template
from laptime.report.terminal import print_table
from tests.report import invented
from tests.report.hostile_pages import Visitor, write_page
from tests.report.hostile_strings import HOST, RAN, hostile_strings

STRINGS = hostile_strings()
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def test_there_are_five_hundred() -> None:
    assert len(STRINGS) >= 500
    assert sum(RAN in text for text in STRINGS) > 300
    assert sum(HOST in text for text in STRINGS) > 50


def test_nothing_hostile_reaches_the_terminal() -> None:
    for text in STRINGS[::4]:
        screen = io.StringIO()
        print_table(invented.make_hostile(text), Console(file=screen, width=80), "go on")
        assert FORBIDDEN.search(screen.getvalue()) is None, text


def test_the_policy_names_this_style_and_this_script_and_nothing_else(tmp_path: Path) -> None:
    html = write_page("plain", tmp_path).read_text(encoding="utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in (style, script)]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert " style=" not in html and not re.search(r"<script[^>]", html)
    assert script == read_template("page.js"), "no text of a user or a model stands in it"
    assert "innerHTML" not in script and "eval" not in script and "document.write" not in script


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "'); alert(1); ('", "{{ 7 * 7 }}"])
def test_the_script_is_the_same_whatever_the_texts_are(tmp_path: Path, text: str) -> None:
    html = write_page(text, tmp_path).read_text(encoding="utf-8")
    assert re.findall(r"<script>(.*?)</script>", html, re.DOTALL) == [read_template("page.js")]


@pytest.mark.slow
def test_many_texts_on_few_pages_run_nothing(browser: Any, tmp_path: Path) -> None:
    visitor = Visitor(browser)
    known = visitor.learn(tmp_path)
    short = [text for text in STRINGS if len(text) < 200]
    for begin in range(0, len(short), 100):
        text = " ".join(short[begin : begin + 100])
        assert visitor.judge(text, tmp_path, known) == [], short[begin]
    assert visitor.judge_charts(tmp_path) == []
    visitor.close()


@pytest.mark.slow
@pytest.mark.parametrize("text", ["</h3><script>" + RAN + "</script>", f"<img src=x onerror={RAN}>"])
def test_the_policy_stops_what_was_not_escaped(browser: Any, tmp_path: Path, text: str) -> None:
    """The second barrier, with the first one taken away; without the policy the same text does run."""
    visitor = Visitor(browser)
    page = write_page(text, tmp_path, escaped=False)
    assert text in page.read_text(encoding="utf-8")
    assert visitor.open(page)["ran"] == 0
    assert any("Content Security Policy" in trouble for trouble in visitor.troubles)
    page.write_text(
        re.sub(r"<meta http-equiv=[^>]*>", "", page.read_text(encoding="utf-8")), encoding="utf-8"
    )
    visitor.open(page)
    visitor.page.wait_for_function("window.__ran > 0", timeout=5000)
    visitor.close()


def test_the_page_shows_texts_as_they_are(tmp_path: Path) -> None:
    html = write_page("<b>{{ 7*7 }}</b> & 'x' \u202e", tmp_path).read_text(encoding="utf-8")
    assert "&lt;b&gt;{{ 7*7 }}&lt;/b&gt; &amp; &#39;x&#39; \ufffd" in html
    assert clean("\u202e") == "\ufffd"
