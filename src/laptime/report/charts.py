"""The charts of a report: what is drawn, from which figures, and when it is left out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Literal

from laptime.comparison.result import ComparisonResult, MethodResult
from laptime.report import quantities
from laptime.report.bars import Bar, draw_bars, draw_legend
from laptime.report.chart import Chart, make_chart
from laptime.report.colours import number_rows
from laptime.report.explanation_table import list_savings, tell_signed
from laptime.report.language import Language
from laptime.report.plots import (
    LOW_HEIGHT,
    PLOT_HEIGHT,
    Points,
    Series,
    draw_frame,
    draw_hits,
    draw_line,
    draw_marks,
    draw_ranges,
    label_ends,
    label_room,
)
from laptime.report.quality_charts import draw_fronts, draw_moments
from laptime.report.quantities import known
from laptime.report.speed_sentences import PARTS, PHASES

VERY_DIFFERENT = 15.0  # from this factor on a linear axis of time hides the short one
FEW_HITS = 240  # places of a plot that tell their value
HALF = ("bfloat16", "float16")


def draw_charts(result: ComparisonResult, language: Language) -> list[Chart]:
    """Return the charts for which there are figures, in their order on the page."""
    builders = [_phases, _step, _loss_by_step]
    if len(result.methods) > 1:  # these show nothing but how methods differ
        builders = [_explanation, _phases, _step, _memory, _loss_by_step, _loss_by_second, draw_moments]
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
    return make_chart(
        "explanation", title, caption, draw_bars(bars), [(bar.label, bar.shown) for bar in bars]
    )


def _end_bar(name: str, seconds: float, number: int, language: Language) -> Bar:
    label, shown = language.title(name), language.seconds(seconds)
    return Bar(label, shown, [(seconds, f"fill m{number}", f"{label}: {shown}")])


def _phases(result: ComparisonResult, language: Language) -> Chart | None:
    """Draw the whole process by phase, with a mark for the whole of each round."""
    return _stack(
        "time_by_phase", "chart.phases", "phase", PHASES, result, language,
        lambda row: (row.phase_seconds, row.total_seconds), lambda row: row.total_seconds_by_round,
    )  # fmt: skip


def _step(result: ComparisonResult, language: Language) -> Chart | None:
    """Draw a steady step by part."""
    return _stack(
        "time_in_step", "chart.step", "part", PARTS, result, language,
        lambda row: (row.step_part_seconds, row.steady_step_seconds), lambda row: [],
    )  # fmt: skip


def _stack(
    name: str,
    key: str,
    kind: str,
    order: Sequence[str],
    result: ComparisonResult,
    language: Language,
    read: Callable[[MethodResult], tuple[Mapping[str, float], float | None]],
    read_rounds: Callable[[MethodResult], Sequence[float]],
) -> Chart | None:
    """Draw a bar of seconds for each method, in parts that a legend names."""
    bars, rows, least = [], [], _least([read(method)[1] for method in result.methods])
    used: dict[str, str] = {}
    for method in result.methods:
        parts, whole = read(method)
        seconds = {part: parts[part] for part in order if parts.get(part)}
        if not seconds:
            continue
        said = {
            part: f"{language.say(f'{kind}.{part}')} {language.seconds(value)}"
            for part, value in seconds.items()
        }
        used |= dict.fromkeys(seconds, "")
        whole = whole or sum(seconds.values())
        shown = _with_ratio(language.seconds(whole), whole, least, language)
        segments = [(value, f"phase-{part}", said[part]) for part, value in seconds.items()]
        rounds = [(value, language.seconds(value)) for value in read_rounds(method) if known(value)]
        bars.append(Bar(language.title(method.name), shown, segments, rounds))
        rows.append(
            (language.title(method.name), ", ".join([shown, *said.values(), *_say_rounds(rounds, language)]))
        )
    if not bars:
        return None
    drawing = draw_bars(bars)
    draw_legend(
        drawing, [(f"phase-{part}", language.say(f"{kind}.{part}")) for part in order if part in used]
    )
    return make_chart(name, language.say(key), language.say(f"{key}.text"), drawing, rows)


def _say_rounds(rounds: Sequence[tuple[float, str]], language: Language) -> list[str]:
    """Return the values of the rounds in words, where there are several."""
    shown = " · ".join(said for _, said in rounds)
    return [language.say("chart.rounds", list=shown)] if len(rounds) > 1 else []


def _least(values: Sequence[float | None]) -> float | None:
    return min((value for value in values if known(value) and value > 0), default=None)


def _with_ratio(shown: str, value: float, least: float | None, language: Language) -> str:
    """Return a value with its ratio to the least one; that one stands alone."""
    if not least or value < 1.005 * least:
        return shown
    return language.say("chart.ratio", value=shown, ratio=language.ratio(value / least))


def _memory(result: ComparisonResult, language: Language) -> Chart | None:
    """Draw the peak of each method, of it what its estimate holds to be weights and what trains them."""
    measured = [method for method in result.methods if method.held_bytes]
    least = _least([method.held_bytes for method in measured])
    bars, rows, has_parts = [], [], False
    for method in measured:
        held = float(method.held_bytes or 0)
        shown = _with_ratio(quantities.size(held), held, least, language)
        parts = _split_memory(method, held)
        said = [f"{language.say(f'memory.part.{part}')} {quantities.size(value)}" for part, value in parts]
        colour, shades = f"fill m{_number(result, method)}", ("", " light", " lighter")
        segments = [
            (value, colour + shade, words)
            for (_, value), shade, words in zip(parts, shades[3 - len(parts) :], said, strict=True)
        ] if len(parts) > 1 else [(held, colour, f"{language.title(method.name)}: {shown}")]  # fmt: skip
        has_parts |= len(parts) > 1
        bars.append(Bar(language.title(method.name), shown, segments))
        rows.append((language.title(method.name), ", ".join([shown, *(said if len(parts) > 1 else [])])))
    if not bars:
        return None
    notes = [language.say("chart.memory.text")]
    notes += [language.say("chart.memory.parts")] if has_parts else []
    notes += [language.say("chart.memory.devices")] if any(row.ranks for row in result.methods) else []
    return make_chart("memory", language.say("chart.memory"), " ".join(notes), draw_bars(bars), rows)


def _split_memory(method: MethodResult, held: float) -> list[tuple[str, float]]:
    """Return what of a peak are weights, what trains them, and the rest; the peak alone where not known."""
    fixed = method.fixed_bytes
    if not fixed or method.ranks or not method.parameters or fixed >= held:
        return [("rest", held)]
    weights = method.parameters * (2.0 if method.compute_dtype in HALF else 4.0)
    parts = [("fixed", float(fixed))] if method.method == "qlora" or weights > fixed else [
        ("weights", weights), ("state", fixed - weights)]  # fmt: skip
    return [*parts, ("rest", held - fixed)]


def _saved(result: ComparisonResult, language: Language) -> Chart | None:
    """Draw what each method leaves on the disk."""
    saved = [method for method in result.methods if method.saved_bytes]
    least = _least([method.saved_bytes for method in saved])
    bars = []
    for method in saved:
        value, label = float(method.saved_bytes or 0), language.title(method.name)
        shown = _with_ratio(quantities.size(value), value, least, language)
        bars.append(Bar(label, shown, [(value, f"fill m{_number(result, method)}", f"{label}: {shown}")]))
    if not bars:
        return None
    rows = [(bar.label, bar.shown) for bar in bars]
    return make_chart(
        "saved_bytes", language.say("chart.saved"), language.say("chart.saved.text"), draw_bars(bars), rows
    )


def _number(result: ComparisonResult, method: MethodResult) -> int:
    """Return the number of a method, which gives it its colour on every page."""
    return number_rows(result)[method.name]


def _losses(losses: Sequence[float | None]) -> list[float | None]:
    return [loss if known(loss) else None for loss in losses]


def _loss_by_step(result: ComparisonResult, language: Language) -> Chart | None:
    """Draw the losses of every round thinly, and their medians."""
    series = []
    for method in result.methods:
        rounds = [_losses(losses) for losses in method.train_losses_by_round.values()]
        middle = _medians(rounds) if len(rounds) > 1 else _losses(method.train_losses)
        points: Points = [(float(step), loss) for step, loss in enumerate(middle, 1)]
        others = [[(float(step), loss) for step, loss in enumerate(losses, 1)] for losses in rounds]
        different = len(rounds) > 1 and any(losses != rounds[0] for losses in rounds)
        series.append(_series(result, method, points, language, others if different else []))
    return _line_chart("loss_by_step", "chart.loss_step", series, "step", False, result, language)


def _medians(rounds: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Return the median of each step over the rounds that know it."""
    found = [[loss for loss in losses if loss is not None] for losses in itertools.zip_longest(*rounds)]
    return [median(losses) if losses else None for losses in found]


def _loss_by_second(result: ComparisonResult, language: Language) -> Chart | None:
    """Draw the losses of the first round against its seconds."""
    series = []
    for method in result.methods:
        ends, losses = itertools.accumulate(method.step_seconds), _losses(method.train_losses)
        points: Points = [(end, loss) for end, loss in zip(ends, losses, strict=False) if end > 0]
        series.append(_series(result, method, points, language))
    lengths = [each.points[-1][0] for each in series if each.points]
    log = len(lengths) > 1 and max(lengths) / min(lengths) > VERY_DIFFERENT
    return _line_chart("loss_by_second", "chart.loss_second", series, "seconds", log, result, language)


def _series(
    result: ComparisonResult,
    method: MethodResult,
    points: Points,
    language: Language,
    others: Sequence[Points] = (),
) -> Series:
    return Series(language.title(method.name), _number(result, method), points, others)


def _line_chart(
    name: str,
    key: str,
    series: list[Series],
    x_axis: Literal["step", "seconds"],
    log: bool,
    result: ComparisonResult,
    language: Language,
) -> Chart | None:
    series = [each for each in series if any(y is not None for _, y in each.points)]
    if not series:
        return None
    series = [_with_hits(each, x_axis, len(series), language) for each in series]
    room, is_step = label_room(series), x_axis == "step"
    axes = language.say("axis.loss"), language.say(f"axis.{x_axis}")
    drawing, across, up = draw_frame(series, log, *axes, room, whole=is_step)
    for each in series:
        draw_line(drawing, each, across, up)
    label_ends(drawing, series, across, up)
    draw_hits(drawing, series, across, up)
    rows = [(each.label, _tell_line(each, is_step, language)) for each in series]
    caption = _caption(f"{key}.text", log, result, language)
    if any(each.others for each in series):
        caption += " " + language.say("chart.loss_step.rounds")
    return make_chart(name, language.say(key), caption, drawing, rows)


def _with_hits(series: Series, x_axis: str, number: int, language: Language) -> Series:
    """Return a line with places that tell their value, as many as a page can carry."""
    present = [(x, y) for x, y in series.points if y is not None]
    every = max(1, -(-len(present) * number // FEW_HITS))
    hits = []
    for x, y in present[::every]:
        place = f"{language.say('axis.step')} {x:.0f}" if x_axis == "step" else language.seconds(x)
        hits.append((x, y, f"{series.label}, {place}: {quantities.loss(y)}"))
    return replace(series, hits=hits)


def _tell_line(series: Series, is_step: bool, language: Language) -> str:
    """Return the first and the last loss of a line, its least one, and where it ends."""
    present = [(x, y) for x, y in series.points if y is not None]
    (_, first), (end, last), least = present[0], present[-1], min(y for _, y in present)
    where = f"{language.say('axis.step')} {end:.0f}" if is_step else language.seconds(end)
    ends = {"first": quantities.loss(first), "last": quantities.loss(last), "least": quantities.loss(least)}
    return language.say("chart.line", where=where, **ends)


def _caption(key: str, log: bool, result: ComparisonResult, language: Language) -> str:
    """Return a plot's caption with what must be known to read it."""
    parts = [language.say(key)]
    if log:
        parts.append(language.say("chart.log"))
    if result.model.get("random_weights"):
        parts.append(language.say("chart.random"))
    return " ".join(parts)


def _time_against_quality(result: ComparisonResult, language: Language) -> Chart | None:
    """Draw each method at its time and its loss, with the ranges of its rounds."""
    held_out = any(known(method.held_out_loss) for method in result.methods)
    quality: Callable[[MethodResult], float | None] = (
        (lambda method: method.held_out_loss) if held_out else (lambda method: method.final_train_loss)
    )
    placed = [m for m in result.methods if known(m.train_seconds) and known(quality(m))]
    series = [
        replace(
            _series(result, method, [(method.train_seconds or 0.0, quality(method))], language),
            x_range=_range(method.train_seconds_by_round),
            y_range=_range(method.held_out_loss_by_round) if held_out else None,
        )
        for method in placed
    ]
    if len(series) < 2:
        return None
    xs = [each.points[0][0] for each in series]
    log = min(xs) > 0 and max(xs) / min(xs) > VERY_DIFFERENT
    kind = "held_out" if held_out else "train"
    crowded = len(series) > 2
    room = label_room(series) if crowded else 30.0
    height = PLOT_HEIGHT if crowded else LOW_HEIGHT
    axes = language.say(f"axis.{kind}_loss"), language.say("axis.train_seconds")
    drawing, across, up = draw_frame(series, log, *axes, room, height)
    draw_ranges(drawing, series, across, up)
    (label_ends if crowded else draw_marks)(drawing, series, across, up)
    rows = [(each.label, _tell_point(each, language)) for each in series]
    caption = _caption(f"chart.quality_{kind}.text", log, result, language)
    if any(each.x_range for each in series):
        caption += " " + language.say("chart.ranges")
    return make_chart("time_against_quality", language.say(f"chart.quality_{kind}"), caption, drawing, rows)


def _range(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the least and the greatest of the rounds, where there are several."""
    present = [value for value in values if known(value)]
    return (min(present), max(present)) if len(present) > 1 else None


def _tell_point(series: Series, language: Language) -> str:
    """Return a method's time and loss, each with the range of its rounds."""
    ((seconds, loss),) = series.points
    said = language.seconds(seconds), quantities.loss(loss)
    ranges = [
        language.say("chart.range", low=show(ends[0]), high=show(ends[1])) if ends else ""
        for ends, show in ((series.x_range, language.seconds), (series.y_range, quantities.loss))
    ]
    return ", ".join(figure + reach for figure, reach in zip(said, ranges, strict=True))
