"""The page in a real browser, at desktop and phone width, in the light and in the dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from laptime.report.headline import write_headline
from laptime.report.language import Language
from laptime.report.sanitising import sanitise
from tests.report import invented

pytestmark = pytest.mark.slow

CONTRAST = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const node of document.querySelectorAll('body *')) {
    if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) continue;
    if (['STYLE', 'TITLE', 'DESC', 'title', 'desc'].includes(node.tagName)) continue;
    const style = getComputedStyle(node);
    const colour = node instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(parse(colour)), light(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push([node.tagName, node.textContent.slice(0, 40)]);
  }
  return poor;
}"""


def _visit(browser: Any, folder: Path, width: int, scheme: str) -> tuple[Any, list[str]]:
    """Return the opened page and all that went wrong while it was opened."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: troubles.append(request.url))
    page.goto((folder / "report.html").as_uri())
    return page, [trouble for trouble in troubles if trouble != (folder / "report.html").as_uri()]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize(
    ("situation", "lang"),
    [
        ("normal", "en"),
        ("ablated", "ko"),
        ("explained", "en"),
        ("toy", "ko"),
        ("five", "ko"),
        ("targeted", "ko"),
        ("hostile", "en"),
        ("long", "en"),
        ("all_failed", "ko"),
    ],
)
def test_page_in_a_browser(
    browser: Any, render: Callable[..., Path], situation: str, lang: Any, width: int, scheme: str
) -> None:
    folder = render(situation, lang)
    page, troubles = _visit(browser, folder, width, scheme)
    assert troubles == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    headline = write_headline(sanitise(invented.SITUATIONS[situation]()), Language(lang))
    large = headline.first or headline.text
    assert " ".join(page.inner_text("h1").split()) == " ".join(large.split())
    sections = page.query_selector_all("main section:not(#recommendation)")
    assert len(sections) == (6 if situation == "all_failed" else 8)
    for section in sections:
        box = section.bounding_box()
        assert box and box["width"] > 300 and box["height"] > 40
    assert page.evaluate(CONTRAST) == []
    page.context.close()


def test_dark_is_dark_and_light_is_light(browser: Any, render: Callable[..., Path]) -> None:
    folder = render("normal")
    shades = {}
    for scheme in ("light", "dark"):
        page, _ = _visit(browser, folder, 1280, scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades[scheme] = sum(int(part) for part in colour.strip("rgb()").split(","))
        page.context.close()
    assert shades["light"] > 700 > 100 > shades["dark"]


def test_charts_stay_within_their_drawing(browser: Any, render: Callable[..., Path]) -> None:
    outside = """() => [...document.querySelectorAll('svg text')].filter(node => {
      const box = node.getBBox(), view = node.ownerSVGElement.viewBox.baseVal;
      return box.x < -4 || box.x + box.width > view.width + 12 || box.y + box.height > view.height + 4;
    }).map(node => node.textContent)"""
    for situation in ("five", "extreme", "hostile", "long", "explained"):
        page, _ = _visit(browser, render(situation), 1280, "light")
        assert page.evaluate(outside) == []
        page.context.close()


def test_the_script_sorts_copies_marks_and_shows_values(browser: Any, render: Callable[..., Path]) -> None:
    page, troubles = _visit(browser, render("five"), 1280, "light")
    names = "[...document.querySelectorAll('.figures tr.method th bdi')].map(node => node.textContent)"
    before = page.evaluate(names)
    page.click(".figures thead th:nth-child(2) button")
    rising = page.evaluate(names)
    assert rising[0] == "LoRA on the top layers" and rising != before
    assert page.get_attribute(".figures thead th:nth-child(2)", "aria-sort") == "ascending"
    page.click(".figures thead th:nth-child(2) button")
    assert page.evaluate(names)[0] != rising[0]
    assert page.query_selector_all(".copyable button")
    page.click(".question > button")
    marked = page.evaluate("[...document.querySelectorAll('.question mark')].map(node => node.textContent)")
    assert "먼저" in marked
    page.click(".question > button")
    assert page.query_selector_all(".question mark") == []
    page.hover("svg.chart rect.phase-train >> nth=0")
    assert page.inner_text(".tip") == "training 21.5 s"
    assert troubles == []
    page.context.close()


def test_the_page_is_whole_without_script(browser: Any, render: Callable[..., Path]) -> None:
    folder = render("normal")
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto((folder / "report.html").as_uri())
    assert page.query_selector_all("button") == [], "nothing that does nothing"
    assert len(page.query_selector_all("svg.chart")) == 7
    page.click("#environment summary")
    assert page.is_visible("#environment dl")
    context.close()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_nothing_leaves_the_paper(browser: Any, render: Callable[..., Path], lang: Any) -> None:
    outside = """() => [...document.querySelectorAll('main *')].filter(node => {
      const box = node.getBoundingClientRect();
      return box.width > 0 && box.right > document.documentElement.clientWidth + 1;
    }).map(node => node.outerHTML.slice(0, 80))"""
    for width in (720, 1000):  # A4 upright and across
        page, _ = _visit(
            browser, render("ablated", lang) if width == 720 else render("normal", lang), width, "light"
        )
        page.emulate_media(media="print")
        assert page.evaluate(outside) == []
        assert page.is_visible("#environment dl"), "what is folded is printed"
        page.context.close()
