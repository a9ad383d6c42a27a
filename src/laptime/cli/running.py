"""A comparison or a training with progress on the terminal, and what its end or an interruption says."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from laptime.cli.follow_ups import as_word, compare_again
from laptime.comparison.result import ComparisonResult
from laptime.errors import UserError
from laptime.hardware.processors import Look
from laptime.report.progress import watch
from laptime.report.screen import Screen, console
from laptime.runs.folder import has_checkpoint, has_done_nothing
from laptime.runs.job import SAVED_FOLDER
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import Before
from laptime.runs.record import read_record
from laptime.session import Kind, choose_place, race
from laptime.spec import CompareSpec
from laptime.util.shell import shell_command


def run_session(
    spec: CompareSpec,
    out: str | None,
    records_digest: str,
    kind: Kind = "compare",
    look: Look | None = None,
    waits: bool = False,
    against: Before | None = None,
) -> tuple[Path, ComparisonResult]:
    """Run a comparison or a single training with progress; an interruption says how to go on."""
    folder = choose_place(out, kind)
    listener = watch(console(lasting=True), spec, folder)
    try:
        return folder, race(spec, folder, listener, records_digest, kind, look, waits, against)
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
    if has_checkpoint(folder):
        again = shell_command("laptime", "train", "--resume", folder)
        return f"interrupted; go on from the newest checkpoint with:\n  {again}"
    if (folder / SAVED_FOLDER).exists():
        return f"interrupted after the training; its result is in {folder / SAVED_FOLDER}"
    again = shell_command("laptime", "train", "--resume", folder)
    return f"interrupted before a checkpoint was written; begin anew with:\n  {again}"


def is_finished(folder: Path) -> bool:
    """Tell whether the run in `folder` is over and well."""
    with suppress(UserError):
        return read_record(folder).finished is not None
    return False


def publish(folder: Path, trackers: tuple[str, ...]) -> None:
    """Hand the finished records to the trackers, in processes of their own."""
    if trackers:
        from laptime.trackers.publication import publish as publish_all

        for line in publish_all(folder, trackers):
            console().say(line)
