"""`laptime report`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laptime.cli.group import FolderPath
from laptime.errors import UserError, without_remedy
from laptime.options.commands import KEPT, LANGUAGES
from laptime.options.flags import OnceCommand

if TYPE_CHECKING:
    from laptime.comparison.result import ComparisonResult
    from laptime.report.quantities import Lang


@click.command("report", cls=OnceCommand)
@click.argument("folder", metavar="DIR", type=FolderPath())
@click.option("--lang", type=click.Choice(LANGUAGES), help=KEPT)
@click.option("--readme", is_flag=True, help="Also write WRITEUP.md: a page to hand in, with pictures.")
@click.option("--picture-prefix", metavar="PATH", help="Where its pictures go, within DIR [pictures/].")
@click.option("--csv", "as_csv", is_flag=True, help="Also write results.csv: every figure, a row a method.")
@click.option("--png", is_flag=True, help="Also write the charts as PNG, in charts/.")
def report_command(
    folder: Path, lang: Any, readme: bool, picture_prefix: str | None, as_csv: bool, png: bool
) -> None:
    """Render report.html and report.md again, from the records alone.

    \b
    Examples:
      laptime report laptime-comparison --lang ko
      laptime report laptime-comparison --readme --picture-prefix images/
      laptime report laptime-comparison --csv --png
    """
    if picture_prefix is not None and not readme:
        raise UserError("--picture-prefix: goes with --readme alone; add it, or leave this out")
    render_again(folder, lang, readme, picture_prefix, as_csv, png)


def render_again(
    folder: Path,
    lang: Lang | None = None,
    readme: bool = False,
    prefix: str | None = None,
    as_csv: bool = False,
    png: bool = False,
) -> None:
    """Write comparison.json and the report anew from the records, without `lang` in its language so far."""
    from laptime.comparison.result import write_result
    from laptime.report.page import find_language, render_report
    from laptime.report.pictures import check_pictures
    from laptime.report.screen import console
    from laptime.session import gather_result
    from laptime.util.untrusted import told_in_one_line

    more = list_more(readme, prefix, as_csv, png)
    with told_in_one_line(folder):
        result = gather_result(folder)
        if readme or png:
            check_pictures(lang or find_language(folder))
        refuse_loss(folder, result)
        write_result(folder, result)
        paths = render_report(folder, lang)
        for write in more:
            paths += write(folder, lang)
    for path in paths:
        console().say(path)


def list_more(
    readme: bool, prefix: str | None, as_csv: bool, png: bool
) -> list[Callable[[Path, Lang | None], list[Path]]]:
    """Return what writes the files beside the report; raises UserError where one could not be made."""
    from laptime.report import csv_table, pictures, write_up

    writers: list[Callable[[Path, Lang | None], list[Path]]] = []
    if readme:
        place = write_up.PREFIX if prefix is None else write_up.check_prefix(prefix)
        writers.append(lambda folder, lang: write_up.write_write_up(folder, lang, place))
    if as_csv:
        writers.append(lambda folder, lang: [csv_table.write_csv(folder)])
    if png:
        writers.append(pictures.write_pictures)
    return writers


def refuse_loss(folder: Path, result: ComparisonResult) -> None:
    """Raise UserError where comparison.json holds runs whose records are gone: its figures would go too."""
    from laptime.cli.follow_ups import compare_again
    from laptime.comparison.result import FILE_NAME as RESULT_FILE
    from laptime.comparison.result import read_outline
    from laptime.runs.plan import FILE_NAME as PLAN_FILE
    from laptime.runs.resumption import find_damaged_records

    if not (folder / RESULT_FILE).exists():
        return
    before = read_outline(folder)
    rounds = {method.name: set(method.rounds) for method in result.methods}
    gone = set(before.order) - set(result.order)
    for method in before.methods:
        gone |= {f"{method.name}-r{number}" for number in set(method.rounds) - rounds.get(method.name, set())}
    if not gone:
        return
    damaged = [without_remedy(damage) for damage in find_damaged_records(folder)]
    runs = ", ".join(sorted(gone)[:5])
    why = (
        "; ".join(damaged[:5])
        or f"{folder}: {RESULT_FILE} was made from records that are gone or cut short ({runs})"
    )
    them = "the run" if len(gone) == 1 else "the runs"
    anew = f"do {them} anew with: {compare_again(folder)}; or " if (folder / PLAN_FILE).exists() else ""
    whole = "a whole copy" if damaged else "what was there"
    raise UserError(f"{why}; {anew}put back {whole}; or move {RESULT_FILE} away to report on what is left")


def command() -> click.Command:
    """Return the command."""
    return report_command
