"""Charts of quality: held-out loss against each cost, with ranges over rounds, and along the training."""

from __future__ import annotations

from collections.abc import Sequence

from laptime.comparison.quality_figures import Cost, Front, Reached
from laptime.comparison.result import ComparisonResult, MethodResult
from laptime.report import quantities
from laptime.report.chart import Chart, make_chart
from laptime.report.colours import number_rows
from laptime.report.drawing import Drawing, Scale
from laptime.report.language import Language
from laptime.report.plots import Series, draw_frame, draw_line, label_ends, label_room
from laptime.report.quantities import known

NAMES: dict[Cost, str] = {
    "train_seconds": "time_against_quality",
    "held_bytes": "memory_against_quality",
    "saved_bytes": "saved_against_quality",
}
VERY_DIFFERENT = 15.0  # from this factor on a linear scale hides the small one
UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def draw_fronts(result: ComparisonResult, language: Language) -> list[Chart]:
    """Return a chart for each cost: a mark for each row, those that no other one beats within a ring."""
    return [_draw_front(front, result, language) for front in result.fronts]


def _draw_front(front: Front, result: ComparisonResult, language: Language) -> Chart:
    rows = [row for row in result.methods if row.name in {*front.unbeaten, *front.beaten}]
    unit, word = _unit(front.cost, rows, language)
    marks = {row.name: (_cost(row, front.cost) / unit, row.held_out_loss or 0.0) for row in rows}
    series = [Series(language.title(row.name), _number(result, row.name), [marks[row.name]]) for row in rows]
    around = [
        Series("", 0, [(cost / unit, loss) for cost in _costs(row, front.cost) for loss in _losses(row)])
        for row in rows
    ]
    costs = [x for each in around for x, _ in each.points]
    log = min(costs) > 0 and max(costs) / min(costs) > VERY_DIFFERENT
    axis = language.say(f"axis.{front.cost}", unit=word)
    room = label_room(series)
    drawing, across, up = draw_frame(around, log, language.say("axis.held_out_loss"), axis, room)
    for row, each in zip(rows, around, strict=True):
        _draw_ranges(drawing, each, marks[row.name], _number(result, row.name), across, up)
        if row.name in front.unbeaten:
            x, y = marks[row.name]
            drawing.marker(across(x), up(y), 0, "ring", radius=8)
    label_ends(drawing, series, across, up)
    shown = [(each.label, _tell(row, front.cost, language)) for row, each in zip(rows, series, strict=True)]
    caption = language.say("chart.front.text") + (" " + language.say("chart.log") if log else "")
    title = language.say(f"chart.front.{front.cost}")
    return make_chart(NAMES[front.cost], title, caption, drawing, shown)


def _draw_ranges(
    drawing: Drawing, around: Series, mark: tuple[float, float], number: int, across: Scale, up: Scale
) -> None:
    """Draw the range over rounds along both axes."""
    xs, ys = [x for x, _ in around.points], [y for _, y in around.points if y is not None]
    x, y = across(mark[0]), up(mark[1])
    drawing.line(across(min(xs)), y, across(max(xs)), y, f"whisker m{number}")
    drawing.line(x, up(min(ys)), x, up(max(ys)), f"whisker m{number}")


def _unit(cost: Cost, rows: Sequence[MethodResult], language: Language) -> tuple[float, str]:
    """Return what an axis counts in: seconds, or bytes by their size."""
    if cost == "train_seconds":
        return 1.0, ""
    most = max(_cost(row, cost) for row in rows)
    return next(((unit, word) for unit, word in UNITS if most >= unit), (1.0, "B"))


def _cost(row: MethodResult, cost: Cost) -> float:
    return float(getattr(row, cost) or 0.0)


def _costs(row: MethodResult, cost: Cost) -> list[float]:
    """Return the figure of a row with those of its rounds, where they are of the same kind."""
    by_round: dict[Cost, Sequence[float]] = {"train_seconds": row.train_seconds_by_round}
    if not row.adds_memory:
        by_round["held_bytes"] = row.peak_bytes_by_round
    return [_cost(row, cost), *by_round.get(cost, ())]


def _losses(row: MethodResult) -> list[float]:
    return [row.held_out_loss or 0.0, *row.held_out_loss_by_round]


def _tell(row: MethodResult, cost: Cost, language: Language) -> str:
    value = _cost(row, cost)
    shown = language.seconds(value) if cost == "train_seconds" else quantities.size(value)
    return f"{shown}, {quantities.loss(row.held_out_loss)}"


def draw_moments(result: ComparisonResult, language: Language) -> Chart | None:
    """Draw the held-out loss by seconds of training, a line for each round, and the target across."""
    found = result.time_to_quality
    lines = {row.contestant: _lines(row, result, language) for row in found.rows} if found else {}
    series = [each for own in lines.values() for each in own if any(known(y) for _, y in each.points)]
    if found is None or not series:
        return None
    seconds = [max(x for x, _ in each.points) for each in series]
    log = max(seconds) / min(seconds) > VERY_DIFFERENT / 2
    drawing, across, up = draw_frame(
        [*series, Series("", 0, [(max(seconds), found.target)])], log, language.say("axis.held_out_loss"),
        language.say("axis.train_seconds"), label_room(series),
    )  # fmt: skip
    drawing.line(across.start, up(found.target), across.end, up(found.target), "target")
    for each in series:
        draw_line(drawing, each, across, up)
    firsts = [own[0] for own in lines.values() if own and own[0] in series]
    label_ends(drawing, firsts, across, up)
    never = language.say("target.never")
    reached = [
        (language.title(row.contestant), language.seconds(row.seconds) if row.seconds else never)
        for row in found.rows
    ]
    caption = language.say("chart.moments.text", target=quantities.loss(found.target))
    caption += " " + language.say("chart.log") if log else ""
    return make_chart("held_out_by_second", language.say("chart.moments"), caption, drawing, reached)


def _lines(row: Reached, result: ComparisonResult, language: Language) -> list[Series]:
    """Return a line for each round of a row."""
    number = _number(result, row.contestant)
    return [
        Series(
            language.title(row.contestant),
            number,
            [(one.train_seconds, one.loss) for one in moments if one.train_seconds > 0],
        )
        for moments in row.moments.values()
    ]


def _number(result: ComparisonResult, name: str) -> int:
    """Return the number of a row, which gives it its colour on the whole page."""
    return number_rows(result)[name]
