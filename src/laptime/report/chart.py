"""One chart of a report, and its figures in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from laptime.report.drawing import Drawing


@dataclass(frozen=True)
class Chart:
    """One chart: the stem of its file, title and caption in words, its drawing, its figures in words.

    `rows` are the figures row by row: every number that the chart shows.
    """

    name: str
    title: str
    caption: str
    drawing: Drawing
    figures: str
    rows: Sequence[tuple[str, str]] = ()

    def render(self, style: str = "") -> str:
        """Return the `<svg>`; with `style` as a file of its own."""
        return self.drawing.render(self.name, self.title, f"{self.caption} {self.figures}".strip(), style)


def make_chart(
    name: str, title: str, caption: str, drawing: Drawing, rows: Sequence[tuple[str, str]]
) -> Chart:
    """Return a chart with its figures in words too, for those who do not see it."""
    figures = "; ".join(f"{label}: {value}" for label, value in rows) + "."
    return Chart(name, title, caption, drawing, figures, rows)
