"""SVG by hand: shapes with classes, text that knows its width, axes with round numbers.

Colours are not here but in templates/chart.css, by class, so that a page in the dark changes them all.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from html import escape

from laptime.report.plain_text import clean

WIDTH = 420.0
FONT_SIZE, SMALL_SIZE = 15.0, 14.0  # the room kept for a text: its size on a phone, see templates/page.css


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Return about how wide `text` is in a sans-serif font of `size`."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return size * (wide + 0.56 * (len(text) - wide))


def shorten(text: str, room: float, size: float = FONT_SIZE) -> str:
    """Return `text`, cut with "…" where it is wider than `room`."""
    if text_width(text, size) <= room:
        return text
    text = text[: int(room / (0.56 * size)) + 1]  # no more fit, however many there are
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


class Drawing:
    """The shapes of one chart, WIDTH wide and as high as `height` says."""

    def __init__(self, height: float = 0.0) -> None:
        self.height = height
        self.shapes: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, kind: str, title: str = "") -> None:
        """Draw a bar; `title` is what a pointer over it shows."""
        inner = f"<title>{escape(clean(title))}</title>" if title else ""
        self.shapes.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
            f'height="{height:.1f}" rx="2">{inner}</rect>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """Draw a straight line."""
        self.shapes.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def path(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """Draw a line through `points`."""
        route = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self.shapes.append(f'<path class="{kind}" d="M{route}"/>')

    def marker(self, x: float, y: float, shape: int, kind: str, title: str = "", radius: float = 5) -> None:
        """Draw a mark; its `shape` tells methods apart where colours do not."""
        inner = f"<title>{escape(clean(title))}</title>" if title else ""
        sides = (0, 4, 3, -4, -3)[shape % 5]
        if sides == 0:
            self.shapes.append(
                f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}">{inner}</circle>'
            )
            return
        turn = {4: 0.125, 3: 0.25, -4: 0.0, -3: 0.75}[sides]
        angles = [math.tau * (turn + corner / abs(sides)) for corner in range(abs(sides))]
        points = " ".join(
            f"{x + 1.25 * radius * math.cos(angle):.1f},{y - 1.25 * radius * math.sin(angle):.1f}"
            for angle in angles
        )
        self.shapes.append(f'<polygon class="{kind}" points="{points}">{inner}</polygon>')

    def text(self, x: float, y: float, text: str, kind: str = "label", anchor: str = "start") -> None:
        """Write `text` with its baseline at `y`."""
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        self.shapes.append(f'<text class="{kind}" {place}>{escape(clean(text))}</text>')

    def render(self, name: str, title: str, description: str, style: str = "") -> str:
        """Return the `<svg>`; with `style` it stands alone as a file."""
        alone = f' xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH:g}"' if style else ""
        paper = f'<rect class="paper" x="-16" y="-16" width="{WIDTH + 32:g}" height="{self.height + 32:g}"/>'
        inside = f"<style>{style}</style>{paper}" if style else ""
        return (
            f'<svg{alone} class="chart" role="img" viewBox="{_box(self.height, bool(style))}" '
            f'aria-labelledby="{name}-title {name}-text">'
            f'<title id="{name}-title">{escape(clean(title))}</title>'
            f'<desc id="{name}-text">{escape(clean(description))}</desc>'
            f"{inside}{''.join(self.shapes)}</svg>"
        )


def _box(height: float, alone: bool) -> str:
    """Return the view box, with a margin where the drawing stands alone."""
    margin = 16 if alone else 0
    return f"{-margin} {-margin} {WIDTH + 2 * margin:g} {height + 2 * margin:g}"


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return about `wanted` round numbers that lie within low..high."""
    if high <= low:
        return [low]
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((power * unit for unit in (1, 2, 2.5, 5) if power * unit >= raw * 0.9999), power * 10)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return the powers of ten within low..high, with 2 and 5 of each where there are few."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    powers = [10.0**decade for decade in decades if low <= 10.0**decade <= high]
    if len(powers) >= 3:
        return powers
    fine = [unit * 10.0**decade for decade in decades for unit in (1, 2, 5)]
    return [tick for tick in fine if low <= tick <= high] or [low]


class Scale:
    """Maps values to a stretch of the drawing, linearly or by their logarithm."""

    def __init__(self, low: float, high: float, start: float, end: float, log: bool = False) -> None:
        self.low, self.high, self.start, self.end, self.log = low, high, start, end, log

    def __call__(self, value: float) -> float:
        """Return the position of `value`."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = math.log(max(value, self.low)) if self.log else value
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round values along the scale."""
        return log_ticks(self.low, self.high) if self.log else nice_ticks(self.low, self.high)


def downsample(
    points: Sequence[tuple[float, float | None]], buckets: int = 160
) -> list[tuple[float, float | None]]:
    """Return at most two points a bucket, its least and its greatest, so that no peak is lost."""
    if len(points) <= 2 * buckets:
        return list(points)
    kept: list[tuple[float, float | None]] = []
    for number in range(buckets):
        part = points[number * len(points) // buckets : (number + 1) * len(points) // buckets]
        finite = [(x, y) for x, y in part if y is not None]
        if not finite:
            kept.append(part[0])
            continue
        ends = {min(finite, key=lambda point: point[1]), max(finite, key=lambda point: point[1])}
        kept.extend(sorted(ends))
    return kept
