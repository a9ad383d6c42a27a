"""Pages with a hostile text wherever a user or a model can put one, and what a browser made of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from laptime.report import page as pages
from laptime.report.language import Language
from laptime.report.plain_text import clean
from laptime.report.sanitising import sanitise
from tests.report import invented

SHAPE = """() => ({
  ran: window.__ran || 0,
  shape: [...new Set([...document.querySelectorAll('*')].flatMap(node =>
    [node.tagName, ...[...node.attributes].map(one => node.tagName + ' ' + one.name)]))],
  questions: [...document.querySelectorAll('.question h3')].map(node => node.textContent),
  policies: [...document.querySelectorAll('meta[http-equiv]')].map(node => node.content),
})"""
NETWORK = re.compile("^(?!file:)")


def write_page(text: str, folder: Path, lang: Any = "en", escaped: bool = True) -> Path:
    """Write the page, and its charts as files; without `escaped` as if the templates escaped nothing."""
    context = pages.make_context(sanitise(invented.make_hostile(text)), Language(lang))
    for chart in context["charts"]:
        svg = chart.render(pages.read_template("chart.css"))
        (folder / f"{chart.name}.svg").write_text(svg, encoding="utf-8")
    html = pages.render_html(context)
    if not escaped:
        mark = "hostile text goes here"
        context = pages.make_context(sanitise(invented.make_hostile(mark)), Language(lang))
        html = pages.render_html(context).replace(mark, text.encode("utf-8", "replace").decode())
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    return path


class Visitor:
    """A tab that notes every request, dialog, error and message, and lets nothing reach a network."""

    def __init__(self, browser: Any) -> None:
        self.context = browser.new_context()
        self.troubles: list[str] = []
        self.context.route(NETWORK, lambda route: route.abort())
        self.page = self.context.new_page()
        self.page.on("request", self._note_request)
        self.page.on("dialog", self._note_dialog)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        self.page.on("popup", lambda popup: self.troubles.append("a window was opened"))

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith("file:"):
            self.troubles.append(f"request: {request.url}")

    def _note_dialog(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, path: Path) -> dict[str, Any]:
        """Open a file and return what became of it."""
        self.troubles.clear()
        self.page.goto(path.as_uri())
        return self.page.evaluate(SHAPE)

    def learn(self, folder: Path) -> set[str]:
        """Return the elements and attributes of a page that holds no hostile text."""
        shapes = [self.open(write_page(text, folder))["shape"] for text in ("plain", "평범한 글")]
        return {one for shape in shapes for one in shape}

    def judge(self, text: str, folder: Path, known: set[str], lang: Any = "en") -> list[str]:
        """Return what is wrong with the page that holds `text`: nothing ran, nothing left, all is text."""
        found = self.open(write_page(text, folder, lang))
        wrong = list(self.troubles)
        wrong += [f"{found['ran']} scripts ran"] if found["ran"] else []
        wrong += [f"new in the page: {one}" for one in sorted(set(found["shape"]) - known)]
        if found["questions"] != [clean(text)]:
            wrong.append(f"the question reads {found['questions']!r:.200}")
        return wrong

    def judge_charts(self, folder: Path) -> list[str]:
        """Return what is wrong with the charts, opened as pages of their own."""
        wrong = []
        for chart in sorted(folder.glob("*.svg")):
            found = self.open(chart)
            odd = {one for one in found["shape"] if re.search(r"script|image|foreign| on|href", one.lower())}
            wrong += [f"{chart.name}: {one}" for one in [*self.troubles, *sorted(odd)]]
            wrong += [f"{chart.name}: {found['ran']} scripts ran"] if found["ran"] else []
        return wrong

    def close(self) -> None:
        """Close the tab."""
        self.context.close()
