"""`laptime show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laptime.cli.group import FolderPath
from laptime.errors import UserError, without_remedy
from laptime.options.commands import LANGUAGES
from laptime.options.flags import OnceCommand
from laptime.util.shell import shell_command

if TYPE_CHECKING:
    from laptime.report.quantities import Lang


@click.command("show", cls=OnceCommand)
@click.argument("folder", metavar="DIR", type=FolderPath())
@click.option("--watch", "watches", is_flag=True, help="Draw it anew, once a second at most, until it ends.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language [that of the report there; else en].")
def show_command(folder: Path, watches: bool, lang: Any) -> None:
    """Show a comparison's table in the terminal, also while it runs.

    \b
    Examples:
      laptime show laptime-comparison
      laptime show laptime-comparison --watch
    """
    if watches:
        watch(folder)
    show(folder, lang)


def watch(folder: Path) -> None:
    """Show how the race in a folder comes along until nothing works there any more."""
    from laptime.live.terminal_watch import watch_folder
    from laptime.report.screen import console
    from laptime.util.untrusted import told_in_one_line

    with told_in_one_line(folder):
        watch_folder(folder, console())


def show(folder: Path, lang: Lang | None = None) -> None:
    """Print the table of what is there, without `lang` in the language of the report."""
    from laptime.report.page import find_language
    from laptime.report.screen import console
    from laptime.report.terminal import print_table
    from laptime.session import gather_result
    from laptime.util.untrusted import told_in_one_line

    with told_in_one_line(folder):
        result = gather_result(folder)
        lang = lang or find_language(folder)
        unfinished = "" if result.complete else tell_unfinished(folder, lang)
        print_table(result, console(), unfinished, lang)


def tell_unfinished(folder: Path, lang: Lang = "en") -> str:
    """Say how a comparison or a training that is not complete goes on."""
    from laptime.cli.follow_ups import compare_again
    from laptime.report.language import Language
    from laptime.runs.lock import MARKER_FILE, is_held
    from laptime.runs.plan import FILE_NAME as PLAN_FILE
    from laptime.runs.resumption import find_damaged_records, read_begun

    say = Language(lang).say
    if is_held(folder / MARKER_FILE):
        return say("terminal.at_work")
    if (folder / PLAN_FILE).exists():
        damaged = [
            say("terminal.done_anew", damage=without_remedy(damage))
            for damage in find_damaged_records(folder)
        ]
        return "\n".join([*damaged, say("terminal.go_on", command=compare_again(folder))])
    try:
        read_begun(folder)
    except UserError as error:  # there is nothing to go on with
        return str(error).removeprefix(f"--resume {folder}: ")
    return say("terminal.go_on", command=shell_command("laptime", "train", "--resume", folder))


def command() -> click.Command:
    """Return the command."""
    return show_command
