"""A comparison or a training in its folder: begun, gone on with, read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from laptime.comparison.collection import collect, collect_single
from laptime.comparison.race import SPEC_FILE, compare
from laptime.comparison.result import ComparisonResult, refuse_foreign_result, write_result
from laptime.errors import UserError
from laptime.hardware.processors import Look, Threads
from laptime.report.quantities import Lang
from laptime.runs.folder import choose_folder, has_checkpoint
from laptime.runs.job import SAVED_FOLDER
from laptime.runs.lock import MARKER_FILE, is_held, is_marker
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import RUNS_FOLDER, Before
from laptime.runs.process import ProcessRunner
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.runs.runner import Listener, Runner
from laptime.runs.single_run import go_on_training, train_once
from laptime.spec import CompareSpec, RunSpec
from laptime.trackers.live import following
from laptime.util.shell import shell_command
from laptime.util.temporary import tell_passed_over
from laptime.util.untrusted import refuse_specials

Kind = Literal["compare", "train", "resumed"]


class Session(Struct, frozen=True, kw_only=True):
    """A comparison or a training whose options were checked, with its folder; nothing has run yet.

    `look` was begun when the command was. With `waits` a comparison on this machine is waited for. `against`
    is an older comparison that this one is set beside; `notes` are said as it begins; `trackers` are told
    when all is over, and follow what runs where `follows` is set; `lang` is the language of the report, where
    one was asked for.
    """

    kind: Kind
    spec: CompareSpec | RunSpec
    folder: Path
    examples_digest: str
    look: Look
    waits: bool = False
    against: Before | None = None
    notes: tuple[str, ...] = ()
    trackers: tuple[str, ...] = ()
    follows: bool = False
    lang: Lang | None = None


class Silence:
    """Listens and says nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def choose_place(out: str | None, kind: Kind) -> Path:
    """Return the folder of a comparison or a training; raises UserError where a report could not lie."""
    folder = choose_folder(out, "laptime-comparison" if kind == "compare" else "laptime-run")
    refuse_specials(folder)
    if (folder / (PLAN_FILE if kind == "compare" else RECORD_FILE)).exists():
        from laptime.report.page import refuse_foreign_report

        refuse_foreign_report(folder)  # now, and not when all has run
        refuse_foreign_result(folder)
    return folder


def run(session: Session, listener: Listener) -> ComparisonResult:
    """Do what `session` holds, and return what has come of it.

    Raises UserError before anything runs; leaves by SystemExit where a signal stopped a training.
    """
    for note in (*session.notes, *tell_passed_over()):
        listener.say(note)
    runner = ProcessRunner(single=session.kind == "train")
    threads = session.look.choose(session.spec.training.threads)
    try:
        with following(session.folder, session.trackers if session.follows else ()):
            if isinstance(session.spec, CompareSpec):
                return compare(
                    session.spec, session.folder, runner, listener, session.examples_digest, threads,
                    session.waits, session.against,
                )  # fmt: skip
            train(session, session.spec, runner, listener, threads)
    finally:
        runner.close()
    result = collect_single(session.folder)
    write_result(session.folder, result)
    return result


def train(
    session: Session, spec: RunSpec, runner: Runner, listener: Listener, threads: Threads | None
) -> None:
    """Train once, or go on with a training that was begun."""
    folder, digest, waits = session.folder, session.examples_digest, session.waits
    if session.kind == "train":
        train_once(spec, folder, runner, listener, threads, waits)
    else:
        go_on_training(spec, folder, runner, listener, digest, threads, waits)


def gather_result(folder: Path) -> ComparisonResult:
    """Read a comparison or a single run from its records; raises UserError when `folder` is neither."""
    refuse_specials(folder)
    if (folder / PLAN_FILE).exists():
        return collect(folder)
    if (folder / RECORD_FILE).exists():
        return collect_single(folder)
    raise UserError(f"{folder}: {tell_no_result(folder)}")


def tell_no_result(folder: Path) -> str:
    """Say what a folder without plan and record is: a user's, or one of ours and what became of them."""
    if not folder.is_dir():
        return "a file; give the folder that it lies in" if folder.is_file() else "no such folder"
    if is_held(folder / MARKER_FILE):
        return "still being prepared; nothing has run yet"
    if not is_marker(folder / MARKER_FILE):
        return "neither a comparison nor a run of laptime"
    out = shell_command("--out", folder)
    if (folder / RUNS_FOLDER).exists() or (folder / SPEC_FILE).exists():
        return f"{PLAN_FILE} is missing; put it back, or begin anew with another --out"
    if (folder / SAVED_FOLDER).exists() or has_checkpoint(folder):
        return f"{RECORD_FILE} is missing; put it back, or begin anew with another --out"
    return f"ended while it was still being prepared; the same command with {out} begins anew"
