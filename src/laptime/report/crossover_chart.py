"""Time against the number of examples, a line for each method, as a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from laptime.errors import UserError, check_path
from laptime.forecast.crossover import COUNTS, MOST, Growth, Stretch
from laptime.report import quantities
from laptime.report.chart import Chart
from laptime.report.language import Language
from laptime.report.own_files import BLANK_MARK, is_ours, write_own
from laptime.report.plots import Series, draw_frame, draw_line, label_ends, label_room
from laptime.report.screen import make_plain_table
from laptime.report.style import read_template

POINTS_A_DECADE = 8


def draw_crossover(growths: Sequence[Growth], stretches: Sequence[Stretch], language: Language) -> Chart:
    """Draw a line for each run."""
    decades = len(COUNTS) - 1
    counts = [COUNTS[0] * 10 ** (n / POINTS_A_DECADE) for n in range(decades * POINTS_A_DECADE + 1)]
    series = [
        Series(one.name, number % 6, [(count, one.seconds(count)) for count in counts])
        for number, one in enumerate(growths)
    ]
    room = label_room(series)
    drawing, across, up = draw_frame(
        series,
        True,
        language.say("plan.chart.seconds"),
        language.say("plan.chart.examples"),
        room,
        log_up=True,
    )
    for each in series:
        draw_line(drawing, each, across, up)
    label_ends(drawing, series, across, up)
    figures = " ".join(tell_fastest(stretches, language))
    title, caption = language.say("plan.chart.title"), language.say("plan.chart.caption")
    return Chart("crossover", title, caption, drawing, figures)


def write_crossover(
    file: Path, growths: Sequence[Growth], stretches: Sequence[Stretch], language: Language
) -> None:
    """Write the chart as SVG; raises UserError for a file that is there and none of these."""
    refuse_foreign(file)
    drawn = draw_crossover(growths, stretches, language).render(read_template("chart.css"))
    with told_of_chart(file):
        write_own(file, f"<!-- {BLANK_MARK} -->\n{drawn}\n")


def refuse_foreign(file: Path) -> None:
    """Raise UserError for what is no chart of ours, or was changed since, and for no place at all."""
    check_path(str(file), "--chart")
    with told_of_chart(file):
        if file.suffix != ".svg":
            raise UserError(f"--chart {file}: draws an SVG; give a name that ends with .svg")
        if not file.absolute().parent.is_dir():
            raise UserError(f"--chart {file}: expected a file in a folder that is there")
        if is_there(file) and not is_ours(file):
            raise UserError(f"--chart {file}: not written by laptime, or changed since; give another name")


def is_there(file: Path) -> bool:
    """Say whether there is anything of that name, a broken link too; raises OSError where none can be."""
    try:
        file.lstat()
    except FileNotFoundError:
        return False
    return True


@contextmanager
def told_of_chart(file: Path) -> Iterator[None]:
    """Turn what the system says of the file into one line about the option."""
    try:
        yield
    except OSError as error:
        name = str(file) if len(str(file)) < 100 else f"{str(file)[:60]}..."
        raise UserError(f"--chart {name}: {error.strerror}") from None


def make_growth_table(growths: Sequence[Growth], language: Language) -> Table:
    """Return a row for each run: what it takes of more and more examples."""
    table = make_plain_table()
    table.add_column(language.say("plan.by_examples"), no_wrap=True)
    for count in COUNTS:
        table.add_column(f"{count:,}", justify="right", no_wrap=True)
    for one in growths:
        table.add_row(
            one.name, *(quantities.short_seconds(one.seconds(count), language.code) for count in COUNTS)
        )
    return table


def tell_fastest(stretches: Sequence[Stretch], language: Language) -> Iterator[str]:
    """Yield who is the fastest for how many examples."""
    if len(stretches) == 1 and stretches[0].last == MOST:
        yield language.say("plan.fastest.always", name=stretches[0].name)
        return
    for one in stretches:
        key, count = ("plan.fastest.from", one.first) if one.last == MOST else ("plan.fastest.to", one.last)
        yield language.say(key, name=one.name, count=round_count(count))


def round_count(number: int) -> str:
    """Return a number with two digits: more nobody knows."""
    return f"{float(f'{number:.1e}'):,.0f}"
