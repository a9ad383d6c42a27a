"""The drawings of the live view: the losses as they grow, the interval of the verdict, memory."""

from __future__ import annotations

from laptime.comparison.result import ComparisonResult
from laptime.comparison.statistics import SAME
from laptime.live.race_reader import Now
from laptime.report import quantities
from laptime.report.bars import Bar, draw_bars
from laptime.report.colours import number_rows
from laptime.report.drawing import SMALL_SIZE, WIDTH, Drawing, Scale, shorten, text_width
from laptime.report.headline import choose_pair, read_ratio
from laptime.report.language import Language
from laptime.report.plots import Series, draw_frame, draw_line, label_ends, label_room
from laptime.report.quantities import known

LEAST_SPAN = 1.6  # the scale of ratios reaches at least so far to both sides of 1
FARTHEST = 100.0
BAND_TOP, BAND_HEIGHT = 26.0, 34.0


def draw_losses(now: Now, language: Language) -> str:
    """Return the losses by step, those of the present run so far among them; "" where there are none."""
    result = now.result
    if result is None:
        return ""
    numbers = number_rows(result)
    series = [
        Series(
            language.title(method.name),
            numbers[method.name],
            [(float(step), one) for step, one in enumerate(losses, 1)],
        )
        for method in result.methods
        if any(map(known, losses := [one if known(one) else None for one in method.train_losses]))
    ]
    if now.run and now.record and now.run.name in numbers:
        points = [(float(one.step), one.loss if known(one.loss) else None) for one in now.record.steps]
        if any(loss is not None for _, loss in points):
            series.append(Series(now.run.run, numbers[now.run.name], points))
    if not series:
        return ""
    drawing, across, up = draw_frame(
        series, False, language.say("axis.loss"), language.say("axis.step"), label_room(series)
    )
    for each in series:
        draw_line(drawing, each, across, up)
    label_ends(drawing, series, across, up)
    return drawing.render("live-loss", language.say("chart.loss_step"), "")


def draw_interval(result: ComparisonResult | None, language: Language) -> str:
    """Return the interval of the headline's ratio on a scale around 1; "" where there is no ratio yet."""
    pair = choose_pair(result) if result else None
    reading = read_ratio(pair, "train") if pair else None
    if reading is None:
        return ""
    low, high = reading.interval or (reading.ratio, reading.ratio)
    reach = max(LEAST_SPAN, 1 / max(low, 1 / FARTHEST), high, 1 / reading.ratio, reading.ratio) * 1.15
    reach = min(reach, FARTHEST)
    scale = Scale(1 / reach, reach, 6, WIDTH - 6, log=True)
    place = lambda value: scale(min(max(value, 1 / reach), reach))  # noqa: E731
    drawing, middle = Drawing(BAND_TOP + BAND_HEIGHT + 42), BAND_TOP + BAND_HEIGHT / 2
    drawing.rect(place(1 / SAME), BAND_TOP, place(SAME) - place(1 / SAME), BAND_HEIGHT, "track")
    drawing.line(place(1.0), BAND_TOP - 4, place(1.0), BAND_TOP + BAND_HEIGHT + 4, "axis")
    drawing.text(place(1.0), BAND_TOP - 10, language.say("live.equal"), "tick", "middle")
    if reading.interval:
        drawing.rect(place(low), middle - 5, max(3.0, place(high) - place(low)), 10, "fill m0 span")
    drawing.marker(place(reading.ratio), middle, 0, "fill m0", language.ratio(reading.ratio), radius=6)
    sides = (("start", 6.0, reading.slower), ("end", WIDTH - 6, reading.faster))
    for anchor, x, name in sides:
        text = language.say("live.faster_side", method=language.method(name))
        shown = shorten(text, WIDTH / 2 - 12, SMALL_SIZE)
        drawing.text(x, BAND_TOP + BAND_HEIGHT + 18, shown, "small", anchor)
    shown = language.ratio(reading.ratio)
    if reading.interval:
        shown = f"{shown} ({quantities.bound(low)} – {quantities.bound(high)})"
    half = text_width(shown) / 2
    x = min(max(place(reading.ratio), half), WIDTH - half)
    drawing.text(x, BAND_TOP + BAND_HEIGHT + 38, shown, "label strong", "middle")
    return drawing.render("live-interval", language.say("live.interval"), shown)


def draw_memory(now: Now, language: Language) -> str:
    """Return the peak memory of each, and by estimate that of the present run; "" where nothing is known."""
    if now.result is None:
        return ""
    bars, numbers = [], number_rows(now.result)
    for method in now.result.methods:
        colour, needed = f"fill m{numbers[method.name]}", _estimate(now, method.name)
        label = language.title(method.name)
        if method.held_bytes:
            shown = quantities.size(method.held_bytes)
            bars.append(Bar(label, shown, [(float(method.held_bytes), colour, shown)]))
        elif needed:
            shown = language.say("live.estimate", size=quantities.size(needed))
            bars.append(Bar(label, shown, [(float(needed), f"{colour} guess", shown)]))
    if not bars:
        return ""
    figures = "; ".join(f"{bar.label}: {bar.shown}" for bar in bars)
    return draw_bars(bars).render("live-memory", language.say("chart.memory"), figures)


def _estimate(now: Now, name: str) -> int | None:
    """Return what the present run is to hold by its own estimate, where it is one of `name`."""
    if now.run is None or now.record is None or now.run.name != name or now.record.memory is None:
        return None
    return now.record.memory.needed_bytes
