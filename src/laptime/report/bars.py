"""Bars in rows, stacked or single: a label and a value above each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from laptime.report.drawing import SMALL_SIZE, WIDTH, Drawing, Scale, shorten, text_width

ROW_HEIGHT, BAR_HEIGHT = 46.0, 18.0


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart: its label, its value in words, and (value, class, title) of its segments.

    `rounds` are the values of single rounds, with what is said of each: marks over the bar, and their range.
    """

    label: str
    shown: str
    segments: list[tuple[float, str, str]]
    rounds: Sequence[tuple[float, str]] = ()


def draw_bars(bars: list[Bar]) -> Drawing:
    """Draw a row for each bar, from zero: label and value above, the bar below."""
    ends = [sum(value for value, _, _ in bar.segments) for bar in bars]
    ends += [value for bar in bars for value, _ in bar.rounds]
    scale = Scale(0.0, max(ends), 0, WIDTH)
    drawing = Drawing(ROW_HEIGHT * len(bars))
    for number, bar in enumerate(bars):
        top = number * ROW_HEIGHT
        room = WIDTH - text_width(bar.shown) - 16
        drawing.text(0, top + 13, shorten(bar.label, room), "label")
        drawing.text(WIDTH, top + 13, bar.shown, "label strong", "end")
        drawing.rect(0, top + 20, WIDTH, BAR_HEIGHT, "track")
        before = 0.0
        for value, kind, title in bar.segments:
            start, end = 0.0 if before == 0 else scale(before), scale(before + value)
            gap = 1.5 if end - start > 4 and len(bar.segments) > 1 else 0.0
            drawing.rect(start, top + 20, max(end - start - gap, 1.5), BAR_HEIGHT, kind, title)
            before += value
        _draw_rounds(drawing, bar, scale, top + 20 + BAR_HEIGHT / 2)
    return drawing


def _draw_rounds(drawing: Drawing, bar: Bar, scale: Scale, y: float) -> None:
    """Draw a mark for each round, and a line from the least to the greatest."""
    places = [scale(value) for value, _ in bar.rounds]
    if len(places) < 2:
        return
    drawing.line(min(places), y, max(places), y, "range")
    for place, (_, title) in zip(places, bar.rounds, strict=True):
        drawing.marker(place, y, 0, "round", title, radius=3)


def draw_legend(drawing: Drawing, entries: Sequence[tuple[str, str]]) -> None:
    """Write what each colour means below the bars, in as many lines as it takes."""
    x, y = 0.0, drawing.height + 16
    for kind, label in entries:
        needed = 18 + text_width(label, SMALL_SIZE) + 14
        if x and x + needed > WIDTH:
            x, y = 0.0, y + 20
        drawing.rect(x, y - 9, 11, 11, kind)
        drawing.text(x + 17, y, label, "small")
        x += needed
    drawing.height = y + 6
