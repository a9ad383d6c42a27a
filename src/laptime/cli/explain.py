"""`laptime explain`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from laptime.cli.group import FolderPath
from laptime.options.flags import OnceCommand


@click.command("explain", cls=OnceCommand)
@click.argument("folder", metavar="DIR", type=FolderPath())
@click.argument("names", metavar="[ROW]...", nargs=-1)
def explain_command(folder: Path, names: tuple[str, ...]) -> None:
    """Say where the seconds of a run went, part by part.

    Of a comparison each row is explained by its run of median time; with two ROWs (or runs: lora-r2) these
    stand side by side, and the differences of their parts add up to that of the whole.

    \b
    Examples:
      laptime explain laptime-run
      laptime explain laptime-comparison
      laptime explain laptime-comparison full lora
    """
    explain(folder, names)


def explain(folder: Path, names: Sequence[str]) -> None:
    """Print the parts of runs."""
    from laptime.comparison.waterfall import find_records, make_waterfall, refuse_unlike
    from laptime.report.screen import console
    from laptime.report.waterfall_lines import draw_waterfall, set_side_by_side
    from laptime.util.untrusted import told_in_one_line

    screen = console()
    with told_in_one_line(folder):
        records = find_records(folder, names)
        waterfalls = [make_waterfall(record) for record in records]
        if len(names) == 2:
            refuse_unlike(folder, *records)
        for number, (record, waterfall) in enumerate(zip(records, waterfalls, strict=True)):
            for line in [*([""] if number else []), *draw_waterfall(record, waterfall)]:
                screen.say(line)
        if len(names) == 2:
            for line in ["", *set_side_by_side(*waterfalls)]:
                screen.say(line)


def command() -> click.Command:
    """Return the command."""
    return explain_command
