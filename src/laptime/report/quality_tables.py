"""Quality in the terminal: when rows reached a target, which none beats, what they know and forget."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from laptime.comparison.result import ComparisonResult, Forgetting, MethodResult
from laptime.report import quantities
from laptime.report.front_sentences import write_fronts
from laptime.report.language import Language
from laptime.report.quantities import ABSENT
from laptime.report.screen import NAME_WIDTH, make_plain_table, print_fitting
from laptime.report.table import find_forgetting
from laptime.report.target_sentences import make_targets, write_target

KNOWLEDGE = ("exact", "chrf", "general", "change", "error", "apart")
REACHED = ("reached", "rounds", "over_first", "interval")


def print_quality(result: ComparisonResult, language: Language, console: Console) -> None:
    """Print when each row reached the target, where there is one, and what none beats."""
    table = make_plain_table()
    table.add_column(
        language.say("terminal.column.method"), max_width=NAME_WIDTH, overflow="ellipsis", no_wrap=True
    )
    for column in REACHED:
        table.add_column(language.say(f"terminal.column.{column}"), justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in make_targets(result, language):
        cells = (row.after, row.rounds, row.ratio, row.interval, row.verdict)
        table.add_row(Text(language.short(row.name), style="bold"), *map(Text, cells))
    for sentence in write_target(result, language):
        console.print()
        console.print(Text(sentence.text, style="yellow" if sentence.warning else ""))
    if table.row_count:
        print_fitting(table, console)
    for sentence in write_fronts(result, language):
        console.print()
        console.print(Text(sentence.text))
    _print_knowledge(result, language, console)


def _print_knowledge(result: ComparisonResult, language: Language, console: Console) -> None:
    """Print how well held-out questions are answered, and what has become of the base elsewhere."""
    rows = {row.name: _tell_knowledge(row, find_forgetting(result, row.name)) for row in result.methods}
    shown = [
        number for number in range(len(KNOWLEDGE)) if any(row[number] != ABSENT for row in rows.values())
    ]
    if not shown:
        return
    table = make_plain_table()
    table.add_column(
        language.say("terminal.column.method"), max_width=NAME_WIDTH, overflow="ellipsis", no_wrap=True
    )
    for number in shown:
        table.add_column(language.say(f"terminal.column.{KNOWLEDGE[number]}"), justify="right", no_wrap=True)
    for name, cells in rows.items():
        table.add_row(Text(language.short(name), style="bold"), *(Text(cells[number]) for number in shown))
    console.print()
    print_fitting(table, console)
    notes = {0: "exact", 2: "general", 5: "apart"}  # by the first column that each is about
    explained = [language.say(f"terminal.{note}") for number, note in notes.items() if number in shown]
    console.print(Text(language.sentence("; ".join(explained)) + ".", style="dim"))


def _tell_knowledge(row: MethodResult, found: Forgetting | None) -> list[str]:
    """Return the figures of a row in the order of the columns."""
    score = row.generalisation
    return [
        quantities.score(score.exact_match if score else None),
        quantities.score(score.chrf if score else None),
        quantities.loss(found.loss if found else None),
        quantities.change(found.difference if found else None),
        quantities.loss(found.standard_error if found else None),
        quantities.score(found.answer_distance if found else None),
    ]
