"""A comparison or a training with progress on the terminal, and what its end or an interruption says."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from laptime.cli.follow_ups import as_word, compare_again
from laptime.comparison.result import ComparisonResult
from laptime.errors import UserError
from laptime.report.page import HTML_NAME, render_report
from laptime.report.progress import watch
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
    listener = watch(console(lasting=True), session.spec, folder)
    try:
        return run(session, listener)
    except (KeyboardInterrupt, SystemExit) as error:
        listener.interrupted()
        Screen(stderr=True).say(tell_interruption(kind, folder))
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


def tell_interruption(kind: Kind, folder: Path) -> str:
    """Say what an interruption left, and the command that goes on."""
    if kind == "compare":
        if not (folder / PLAN_FILE).exists():
            return "interrupted before the first run; nothing is left behind"
        return f"interrupted; finished runs are kept. Go on with:\n  {compare_again(folder)}"
    if has_done_nothing(folder):
        return "interrupted before the first step; the same command begins anew"
    if is_finished(folder):
        return f"interrupted when the run was over:\n  {shell_command('laptime', 'show', as_word(folder))}"
    again = shell_command("laptime", "train", "--resume", folder)
    if (folder / SAVED_FOLDER).exists():
        trained = f"interrupted after the training; its result is in {folder / SAVED_FOLDER}"
        if not has_checkpoint(folder):
            return trained
        return f"{trained}\nwhat was to follow is done, after the steps since the checkpoint, by:\n  {again}"
    if has_checkpoint(folder):
        return f"interrupted; go on from the newest checkpoint with:\n  {again}"
    return f"interrupted before a checkpoint was written; begin anew with:\n  {again}"


def is_finished(folder: Path) -> bool:
    """Tell whether the run in `folder` is over and well."""
    with suppress(UserError):
        return read_record(folder).finished is not None
    return False


def report(session: Session, result: ComparisonResult) -> Screen:
    """Render the report, print the table, publish and say where the report lies; returns the screen."""
    render_report(session.folder, session.lang)
    screen = console(lasting=True)
    print_table(result, screen)
    if session.trackers:
        from laptime.trackers.publication import publish

        for line in publish(session.folder, session.trackers):
            screen.say(line)
        render_report(session.folder, session.lang)  # with the addresses of what was published
    screen.say(f"\nreport: {session.folder / HTML_NAME}")
    return screen
