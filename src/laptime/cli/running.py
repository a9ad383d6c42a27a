"""A comparison or a training with progress on the terminal, and what its end or an interruption says."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from laptime.cli.follow_ups import as_word, compare_again
from laptime.comparison.result import ComparisonResult
from laptime.errors import UserError
from laptime.report.language import Language
from laptime.report.page import HTML_NAME, find_language, render_report
from laptime.report.progress import watch
from laptime.report.quantities import Lang
from laptime.report.screen import Screen, console
from laptime.report.terminal import print_table
from laptime.runs.folder import has_checkpoint, has_done_nothing
from laptime.runs.job import SAVED_FOLDER
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.record import read_record
from laptime.session import Kind, Session, run
from laptime.util.disk import is_full, tell_free
from laptime.util.shell import shell_command


def run_session(session: Session) -> ComparisonResult:
    """Run a comparison or a single training with progress; an interruption says how to go on."""
    kind, folder = session.kind, session.folder
    lang = session.lang or find_language(folder)
    listener = watch(console(lasting=True), session.spec, folder, lang)
    try:
        return run(session, listener)
    except (KeyboardInterrupt, SystemExit) as error:
        listener.interrupted()
        Screen(stderr=True).say(tell_interruption(kind, folder, lang))
        sys.exit(error.code if isinstance(error, SystemExit) else 130)
    except UserError:
        listener.interrupted()
        raise
    except OSError as error:  # most often a full disk
        listener.interrupted()
        why = f"{error.filename or folder}: {error.strerror or error}"
        if is_full(error):
            why = f"--out {folder}: the disk is full ({why}; {tell_free(folder)})"
        raise UserError(f"{why}; {tell_interruption(kind, folder)}") from None


def tell_interruption(kind: Kind, folder: Path, lang: Lang = "en") -> str:
    """Say what an interruption left, and the command that goes on."""
    say = Language(lang).say
    if kind == "compare":
        if not (folder / PLAN_FILE).exists():
            return say("interrupted.first")
        return say("interrupted.compare", command=compare_again(folder))
    if has_done_nothing(folder):
        return say("interrupted.step")
    if is_finished(folder):
        return say("interrupted.over", command=shell_command("laptime", "show", as_word(folder)))
    again = shell_command("laptime", "train", "--resume", folder)
    if (folder / SAVED_FOLDER).exists():
        key = "interrupted.saved.then" if has_checkpoint(folder) else "interrupted.saved"
        return say(key, folder=folder / SAVED_FOLDER, command=again)
    if has_checkpoint(folder):
        return say("interrupted.checkpoint", command=again)
    return say("interrupted.anew", command=again)


def is_finished(folder: Path) -> bool:
    """Tell whether the run in `folder` is over and well."""
    with suppress(UserError):
        return read_record(folder).finished is not None
    return False


def report(session: Session, result: ComparisonResult) -> Screen:
    """Render the report, print the table, publish and say where the report lies; returns the screen."""
    render_report(session.folder, session.lang)
    screen = console(lasting=True)
    lang = find_language(session.folder)
    print_table(result, screen, lang=lang)
    if session.trackers:
        from laptime.trackers.publication import publish

        for line in publish(session.folder, session.trackers):
            screen.say(line)
        render_report(session.folder, session.lang)  # with the addresses of what was published
    screen.say("\n" + Language(lang).say("terminal.report", path=session.folder / HTML_NAME))
    return screen
