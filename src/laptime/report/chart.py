"""One chart of a report, and its figures in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from laptime.report.drawing import Drawing


@dataclass(frozen=True)
class Chart:
    """One chart: the stem of its file, its title and caption in words, its drawing, its figures in words."""

    name: str
    title: str
    caption: str
    drawing: Drawing
    figures: str

    def render(self, style: str = "") -> str:
        """Return the `<svg>`; with `style` as a file of its own."""
        return self.drawing.render(self.name, self.title, f"{self.caption} {self.figures}".strip(), style)


def tell_figures(pairs: Sequence[tuple[str, str]]) -> str:
    """Return figures in words, for those who do not see the chart."""
    return "; ".join(f"{label}: {value}" for label, value in pairs) + "."
