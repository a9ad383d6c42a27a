"""Lines and marks over two axes, each with its name beside it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from laptime.report.drawing import (
    FONT_SIZE,
    SMALL_SIZE,
    WIDTH,
    Drawing,
    Scale,
    downsample,
    shorten,
    text_width,
)

MOST_ROOM = 0.36 * WIDTH  # for names beside the ends of lines
PLOT_TOP, PLOT_HEIGHT, LOW_HEIGHT = 22.0, 210.0, 130.0  # the low one where there are few marks

Points = list[tuple[float, float | None]]


@dataclass(frozen=True)
class Series:
    """A method in a plot: its label, its number (colour, dash and mark), its points."""

    label: str
    number: int
    points: Points
    others: Sequence[Points] = ()  # single rounds, where the points are their medians
    hits: Sequence[tuple[float, float, str]] = ()  # places, and what a pointer there shows
    x_range: tuple[float, float] | None = None  # of the rounds, of a single point
    y_range: tuple[float, float] | None = None


def draw_frame(
    series: list[Series],
    log: bool,
    y_label: str,
    x_label: str,
    room: float,
    height: float = PLOT_HEIGHT,
    log_up: bool = False,
    whole: bool = False,
) -> tuple[Drawing, Scale, Scale]:
    """Draw axes for all points; `room` is left free at the right for labels, `whole`: ticks are numbers."""
    drawn = [points for each in series for points in (each.points, *each.others)]
    xs = [x for points in drawn for x, _ in points]
    ys = [y for points in drawn for _, y in points if y is not None]
    xs += [x for each in series for x in each.x_range or ()]
    ys += [y for each in series for y in each.y_range or ()]
    start = min(xs) if log else 0.0
    bottom = PLOT_TOP + height
    up = Scale(*(_widen(ys) if not log_up else (min(ys), max(ys))), bottom, PLOT_TOP, log_up)
    left = max(text_width(_tick(tick, up.ticks()), SMALL_SIZE) for tick in up.ticks()) + 10
    across = Scale(start, max(xs), left, WIDTH - room, log)
    drawing = Drawing(bottom + 40)
    drawing.text(0, 11, y_label, "small")
    for tick in up.ticks():
        drawing.line(left, up(tick), WIDTH - room, up(tick), "grid")
        drawing.text(left - 8, up(tick) + 4, _tick(tick, up.ticks()), "tick", "end")
    drawing.line(left, bottom, WIDTH - room, bottom, "axis")
    _draw_x_ticks(drawing, across, bottom + 17, whole)
    drawing.text((left + WIDTH - room) / 2, bottom + 36, x_label, "small", "middle")
    return drawing, across, up


def _widen(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a linear scale: from 0 where that costs little, with some room at the top."""
    low, high = min(values), max(values)
    low = 0.0 if 0 <= low < 0.5 * high else low - 0.08 * (high - low)
    return low, high + 0.04 * (high - low) if high > low else high + max(abs(high), 1e-9) * 0.5


def _draw_x_ticks(drawing: Drawing, across: Scale, y: float, whole: bool = False) -> None:
    """Write the ticks of the horizontal axis, leaving out those that would touch."""
    end = -1e9
    ticks = [tick for tick in across.ticks() if not whole or abs(tick - round(tick)) < 1e-9]
    for tick in ticks:
        label = _tick(tick, ticks)
        x, half = across(tick), text_width(label, SMALL_SIZE) / 2
        if x - half > end + 6:
            drawing.text(x, y, label, "tick", "middle")
            end = x + half


def _tick(value: float, ticks: Sequence[float]) -> str:
    """Return a tick with as many places as the step between ticks needs."""
    steps = [abs(after - before) for before, after in itertools.pairwise(ticks)]
    least = min([step for step in steps if step > 0], default=abs(value) or 1.0)
    scaled = [least * 10**number for number in range(7)]
    places = next((n for n, value in enumerate(scaled) if abs(value - round(value)) < 1e-6 * value), 6)
    return f"{value:,.{places}f}"


def draw_line(drawing: Drawing, series: Series, across: Scale, up: Scale) -> None:
    """Draw a method's losses, broken where a loss is missing, over those of single rounds."""
    for losses in series.others:
        _draw_thin(drawing, series, losses, across, up)
    groups = itertools.groupby(downsample(series.points), key=lambda point: point[1] is not None)
    for present, group in groups:
        points = [(across(x), up(y)) for x, y in group if y is not None]
        if present and len(points) > 1:
            drawing.path(points, f"line m{series.number}")
        elif present:
            drawing.marker(*points[0], series.number, f"fill m{series.number}", radius=3)


def _draw_thin(drawing: Drawing, series: Series, losses: Points, across: Scale, up: Scale) -> None:
    """Draw the losses of one round as a thin line."""
    groups = itertools.groupby(downsample(losses, 60), key=lambda point: point[1] is not None)
    for present, group in groups:
        points = [(across(x), up(y)) for x, y in group if y is not None]
        if present and len(points) > 1:
            drawing.path(points, f"thin m{series.number}")


def draw_hits(drawing: Drawing, series: list[Series], across: Scale, up: Scale) -> None:
    """Draw places that nobody sees and that tell their value under a pointer."""
    for each in series:
        for x, y, title in each.hits:
            drawing.marker(across(x), up(y), 0, "hit", title, radius=5)


def draw_ranges(drawing: Drawing, series: list[Series], across: Scale, up: Scale) -> None:
    """Draw how far the rounds of a single point reach either way."""
    for each in series:
        x, y = each.points[0]
        if y is None:
            continue
        if each.x_range:
            low, high = each.x_range
            drawing.line(across(low), up(y), across(high), up(y), f"whisker m{each.number}")
        if each.y_range:
            low, high = each.y_range
            drawing.line(across(x), up(low), across(x), up(high), f"whisker m{each.number}")


def label_room(series: list[Series]) -> float:
    """Return the width that names at the ends of lines need; little where they stand below."""
    needed = _widest(series)
    return needed if needed <= MOST_ROOM else 12.0


def _widest(series: list[Series]) -> float:
    """Return the width of the longest name and the gap before it."""
    return max(text_width(each.label) for each in series) + 16


def label_ends(drawing: Drawing, series: list[Series], across: Scale, up: Scale) -> None:
    """Write each method's name beside the end of its line, or all below where one is too long for that."""
    ends = []
    for each in series:
        x, y = [(x, y) for x, y in each.points if y is not None][-1]
        ends.append((up(y), across(x), each))
    ends.sort(key=_first)
    is_beside, right = _widest(series) <= MOST_ROOM, across.end + 14
    for place, (y, x, each) in zip(spread_apart([end[0] for end in ends]), ends, strict=True):
        if is_beside:
            drawing.line(x + 2, y, right - 4, place, f"leader m{each.number}")
            drawing.text(right, place + 4, each.label, "label")
        drawing.marker(x, y, each.number, f"fill m{each.number}", each.label, radius=3.5)
    if not is_beside:
        _list_below(drawing, series)


def _list_below(drawing: Drawing, series: list[Series]) -> None:
    """Write what each mark stands for below the plot, in as many lines as it takes."""
    left, y = 0.0, drawing.height + 14
    for each in series:
        label = shorten(each.label, WIDTH - 18)
        needed = 18 + text_width(label) + 14
        if left and left + needed > WIDTH:
            left, y = 0.0, y + 21
        drawing.marker(left + 6, y - 5, each.number, f"fill m{each.number}", radius=5)
        drawing.text(left + 18, y, label, "label")
        left += needed
    drawing.height = y + 8


def _first(end: tuple[float, float, Series]) -> float:
    return end[0]


def spread_apart(places: Sequence[float], gap: float = 16.0) -> list[float]:
    """Return sorted `places` moved so that neighbours are at least `gap` apart, within the plot."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else max(place, PLOT_TOP))
    excess = moved[-1] - (PLOT_TOP + PLOT_HEIGHT) if moved else 0.0
    if excess <= 0:
        return moved
    limit = PLOT_TOP + PLOT_HEIGHT
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return moved


def draw_marks(drawing: Drawing, series: list[Series], across: Scale, up: Scale) -> None:
    """Draw each method as a mark with its name, the names apart from each other."""
    placed = [(up(each.points[0][1] or 0.0), across(each.points[0][0]), each) for each in series]
    placed.sort(key=_first)
    for place, (y, x, each) in zip(spread_apart([end[0] for end in placed]), placed, strict=True):
        drawing.marker(x, y, each.number, f"fill m{each.number}", each.label, radius=6)
        wide = text_width(each.label, FONT_SIZE)
        at_left = x + 12 + wide > WIDTH
        label = shorten(each.label, x - across.start - 12 if at_left else WIDTH - x - 12)
        lift = 8 if each.x_range else -4  # above the line of its rounds
        drawing.text(
            x - 12 if at_left else x + 12, place - lift, label, "label", "end" if at_left else "start"
        )
