"""The charts of a report: what is drawn, from which figures, and when it is left out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from laptime.comparison.result import ComparisonResult, MethodResult
from laptime.report import quantities
from laptime.report.bars import Bar, draw_bars, draw_legend
from laptime.report.chart import Chart, tell_figures
from laptime.report.drawing import Drawing
from laptime.report.explanation_table import list_savings, tell_signed
from laptime.report.language import Language
from laptime.report.plots import (
    LOW_HEIGHT,
    PLOT_HEIGHT,
    Points,
    Series,
    draw_frame,
    draw_line,
    draw_marks,
    label_ends,
    label_room,
)
from laptime.report.quality_charts import draw_fronts, draw_moments
from laptime.report.quantities import known
from laptime.report.speed_sentences import PHASES

VERY_DIFFERENT = 30.0  # from this factor on a linear scale hides the small one


def draw_charts(result: ComparisonResult, language: Language) -> list[Chart]:
    """Return the charts for which there are figures, in their order on the page."""
    builders = [_phases, _loss_by_step]
    if len(result.methods) > 1:  # these show nothing but how methods differ
        builders = [_explanation, _phases, _memory, _loss_by_step, _loss_by_second, draw_moments]
        builders += [_saved] if result.fronts else [_time_against_quality, _saved]
    charts = [build(result, language) for build in builders]
    fronts = draw_fronts(result, language) if len(result.methods) > 1 else []
    return [*(chart for chart in charts if chart is not None), *fronts]


def _explanation(result: ComparisonResult, language: Language) -> Chart | None:
    """Draw the way from one contestant's seconds to the other's: a bar hangs where the one before it ends."""
    found = result.explanation
    if found is None or found.seconds is None:
        return None
    number = {method.name: _number(result, method) for method in result.methods}
    first, second = found.first, found.second
    bars = [_end_bar(first, found.seconds[0], number[first], language)]
    level = found.seconds[0]
    for label, saved in list_savings(found, language):
        shown, low = tell_signed(saved, language), min(level, level - saved)
        kind = "saves" if saved >= 0 else "costs"
        segments = [(max(0.0, low), "ghost", ""), (abs(saved), kind, f"{label}: {shown}")]
        bars.append(Bar(label, shown, segments))
        level -= saved
    bars.append(_end_bar(second, found.seconds[1], number[second], language))
    names = {"first": language.method(first), "second": language.method(second)}
    title, caption = language.say("chart.explanation", **names), language.say("chart.explanation.text")
    figures = tell_figures([(bar.label, bar.shown) for bar in bars])
    return Chart("explanation", title, caption, draw_bars(bars), figures)


def _end_bar(name: str, seconds: float, number: int, language: Language) -> Bar:
    label, shown = language.title(name), language.seconds(seconds)
    return Bar(label, shown, [(seconds, f"fill m{number}", f"{label}: {shown}")])


def _phases(result: ComparisonResult, language: Language) -> Chart | None:
    bars = []
    for method in result.methods:
        seconds = {name: method.phase_seconds[name] for name in PHASES if method.phase_seconds.get(name)}
        segments = [
            (value, f"phase-{name}", f"{language.say(f'phase.{name}')}: {language.seconds(value)}")
            for name, value in seconds.items()
        ]
        if segments:
            total = method.total_seconds or sum(seconds.values())
            bars.append(Bar(language.title(method.name), language.seconds(total), segments))
    if not bars:
        return None
    used = [name for name in PHASES if any(name in method.phase_seconds for method in result.methods)]
    drawing = draw_bars(bars)
    draw_legend(drawing, [(f"phase-{name}", language.say(f"phase.{name}")) for name in used])
    return _bar_chart("time_by_phase", "chart.phases", bars, drawing, language)


def _memory(result: ComparisonResult, language: Language) -> Chart | None:
    bars = [
        _single_bar(result, method, float(method.held_bytes), quantities.size(method.held_bytes), language)
        for method in result.methods
        if method.held_bytes
    ]
    if not bars:
        return None
    chart = _bar_chart("memory", "chart.memory", bars, draw_bars(bars), language)
    several = any(method.ranks for method in result.methods)
    return (
        replace(chart, caption=f"{chart.caption} {language.say('chart.memory.devices')}")
        if several
        else chart
    )


def _saved(result: ComparisonResult, language: Language) -> Chart | None:
    bars = [
        _single_bar(result, method, float(method.saved_bytes), quantities.size(method.saved_bytes), language)
        for method in result.methods
        if method.saved_bytes
    ]
    if not bars:
        return None
    values = [bar.segments[0][0] for bar in bars]
    log = max(values) / min(values) > VERY_DIFFERENT
    return _bar_chart("saved_bytes", "chart.saved", bars, draw_bars(bars, log=log), language, log=log)


def _single_bar(
    result: ComparisonResult, method: MethodResult, value: float, shown: str, language: Language
) -> Bar:
    label = language.title(method.name)
    return Bar(label, shown, [(value, f"fill m{_number(result, method)}", f"{label}: {shown}")])


def _number(result: ComparisonResult, method: MethodResult) -> int:
    """Return the number of a method, which gives it its colour on the whole page."""
    return result.methods.index(method) % 6


def _bar_chart(
    name: str, key: str, bars: list[Bar], drawing: Drawing, language: Language, log: bool = False
) -> Chart:
    caption = language.say(f"{key}.text") + (" " + language.say("chart.log") if log else "")
    return Chart(name, language.say(key), caption, drawing, tell_figures([(b.label, b.shown) for b in bars]))


def _losses(method: MethodResult) -> list[float | None]:
    return [loss if known(loss) else None for loss in method.train_losses]


def _loss_by_step(result: ComparisonResult, language: Language) -> Chart | None:
    series = []
    for method in result.methods:
        points: Points = [(float(step), loss) for step, loss in enumerate(_losses(method), 1)]
        series.append(_series(result, method, points, language))
    return _line_chart("loss_by_step", "chart.loss_step", series, "axis.step", False, result, language)


def _loss_by_second(result: ComparisonResult, language: Language) -> Chart | None:
    series = []
    for method in result.methods:
        ends = itertools.accumulate(method.step_seconds)
        points: Points = [(end, loss) for end, loss in zip(ends, _losses(method), strict=False) if end > 0]
        series.append(_series(result, method, points, language))
    lengths = [each.points[-1][0] for each in series if each.points]
    log = len(lengths) > 1 and max(lengths) / min(lengths) > VERY_DIFFERENT / 2
    return _line_chart("loss_by_second", "chart.loss_second", series, "axis.seconds", log, result, language)


def _series(result: ComparisonResult, method: MethodResult, points: Points, language: Language) -> Series:
    return Series(language.title(method.name), _number(result, method), points)


def _line_chart(
    name: str,
    key: str,
    series: list[Series],
    x_axis: str,
    log: bool,
    result: ComparisonResult,
    language: Language,
) -> Chart | None:
    series = [each for each in series if any(y is not None for _, y in each.points)]
    if not series:
        return None
    room = label_room(series)
    drawing, across, up = draw_frame(series, log, language.say("axis.loss"), language.say(x_axis), room)
    for each in series:
        draw_line(drawing, each, across, up)
    label_ends(drawing, series, across, up)
    ends = [(each.label, f"{_loss_at(each, 0)} → {_loss_at(each, -1)}") for each in series]
    caption = _caption(f"{key}.text", log, result, language)
    return Chart(name, language.say(key), caption, drawing, tell_figures(ends))


def _caption(key: str, log: bool, result: ComparisonResult, language: Language) -> str:
    """Return a plot's caption with what must be known to read it."""
    parts = [language.say(key)]
    if log:
        parts.append(language.say("chart.log"))
    if result.model.get("random_weights"):
        parts.append(language.say("chart.random"))
    return " ".join(parts)


def _loss_at(series: Series, place: int) -> str:
    return quantities.loss([y for _, y in series.points if y is not None][place])


def _time_against_quality(result: ComparisonResult, language: Language) -> Chart | None:
    held_out = any(known(method.held_out_loss) for method in result.methods)
    quality: Callable[[MethodResult], float | None] = (
        (lambda method: method.held_out_loss) if held_out else (lambda method: method.final_train_loss)
    )
    series = [
        _series(result, method, [(method.train_seconds or 0.0, quality(method))], language)
        for method in result.methods
        if known(method.train_seconds) and known(quality(method))
    ]
    if not series:
        return None
    xs = [each.points[0][0] for each in series]
    log = min(xs) > 0 and max(xs) / min(xs) > VERY_DIFFERENT / 2
    kind = "held_out" if held_out else "train"
    crowded = len(series) > 2
    room = label_room(series) if crowded else 30.0
    drawing, across, up = draw_frame(
        series,
        log,
        language.say(f"axis.{kind}_loss"),
        language.say("axis.train_seconds"),
        room,
        PLOT_HEIGHT if crowded else LOW_HEIGHT,
    )
    (label_ends if crowded else draw_marks)(drawing, series, across, up)
    shown = [
        (each.label, f"{language.seconds(each.points[0][0])}, {quantities.loss(each.points[0][1])}")
        for each in series
    ]
    caption = _caption(f"chart.quality_{kind}.text", log, result, language)
    return Chart(
        "time_against_quality", language.say(f"chart.quality_{kind}"), caption, drawing, tell_figures(shown)
    )
