"""Time against the number of examples, a line for each method, as a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table

from laptime.errors import UserError
from laptime.forecast.crossover import COUNTS, MOST, Growth, Stretch
from laptime.report import quantities
from laptime.report.charts import Chart
from laptime.report.plots import Series, draw_frame, draw_line, label_ends, label_room
from laptime.report.style import read_template
from laptime.util.atomic import write_whole

MARK = "<!-- laptime plan -->"
POINTS_A_DECADE = 8
TITLE = "Time by number of examples"
CAPTION = "Seconds from start to saved result, foretold; both scales are logarithmic."


def draw_crossover(growths: Sequence[Growth], stretches: Sequence[Stretch]) -> Chart:
    """Draw a line for each run."""
    decades = len(COUNTS) - 1
    counts = [COUNTS[0] * 10 ** (n / POINTS_A_DECADE) for n in range(decades * POINTS_A_DECADE + 1)]
    series = [
        Series(one.name, number % 6, [(count, one.seconds(count)) for count in counts])
        for number, one in enumerate(growths)
    ]
    room = label_room(series)
    drawing, across, up = draw_frame(series, True, "seconds", "examples", room, log_up=True)
    for each in series:
        draw_line(drawing, each, across, up)
    label_ends(drawing, series, across, up)
    figures = " ".join(tell_fastest(stretches))
    return Chart("crossover", TITLE, CAPTION, drawing, figures)


def write_crossover(file: Path, growths: Sequence[Growth], stretches: Sequence[Stretch]) -> None:
    """Write the chart as SVG; raises UserError for a file that is there and none of these."""
    refuse_foreign(file)
    try:
        drawn = draw_crossover(growths, stretches).render(read_template("chart.css"))
        write_whole(file, f"{MARK}\n{drawn}\n".encode())
    except OSError as error:
        raise UserError(f"--chart {file}: {error.strerror}") from None


def refuse_foreign(file: Path) -> None:
    """Raise UserError for a file that is no chart of a plan's, or a folder that is not there."""
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise UserError(f"--chart {file}: expected a file in a folder that is there")
    if file.exists() and not file.read_bytes().startswith(MARK.encode()):
        raise UserError(f"--chart {file}: is there, and no chart of a plan; give another name")


def make_growth_table(growths: Sequence[Growth]) -> Table:
    """Return a row for each run: what it takes of more and more examples."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("whole, by examples", no_wrap=True)
    for count in COUNTS:
        table.add_column(f"{count:,}", justify="right", no_wrap=True)
    for one in growths:
        table.add_row(one.name, *(quantities.short_seconds(one.seconds(count)) for count in COUNTS))
    return table


def tell_fastest(stretches: Sequence[Stretch]) -> Iterator[str]:
    """Yield who is the fastest for how many examples."""
    if len(stretches) == 1 and stretches[0].last == MOST:
        yield f"{stretches[0].name} is to be the fastest, however many examples there are"
        return
    for one in stretches:
        if one.last == MOST:
            yield f"{one.name} is to be the fastest from about {round_count(one.first)} examples on"
        else:
            yield f"{one.name} is to be the fastest up to about {round_count(one.last)} examples"


def round_count(number: int) -> str:
    """Return a number with two digits: more nobody knows."""
    return quantities.significant(float(number), 2)
