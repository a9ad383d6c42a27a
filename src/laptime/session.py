"""A comparison or a training in its folder: begun, gone on with, read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from laptime.comparison.collection import collect, collect_single
from laptime.comparison.race import SPEC_FILE, Listener, compare
from laptime.comparison.result import ComparisonResult
from laptime.comparison.single_run import go_on_training, train_once
from laptime.errors import UserError
from laptime.hardware.processors import Look
from laptime.runs.folder import choose_folder, has_checkpoint
from laptime.runs.job import SAVED_FOLDER
from laptime.runs.lock import MARKER_FILE, is_held, is_marker
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import RUNS_FOLDER, Before
from laptime.runs.process import ProcessRunner
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.spec import CompareSpec
from laptime.util.shell import shell_command
from laptime.util.untrusted import refuse_specials

Kind = Literal["compare", "train", "resumed"]


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
    return folder


def race(
    spec: CompareSpec,
    folder: Path,
    listener: Listener,
    records_digest: str,
    kind: Kind = "compare",
    look: Look | None = None,
    waits: bool = False,
    against: Before | None = None,
) -> ComparisonResult:
    """Run a comparison or a single training in `folder`, which `choose_place` gave.

    `look` was begun when the command was; with `waits` a comparison on this machine is waited for; `against`
    is an older comparison that this one is set beside.
    """
    runner = ProcessRunner(single=kind == "train")
    threads = (look or Look()).choose(spec.training.threads)
    try:
        if kind == "train":
            return train_once(spec, folder, runner, listener, threads, waits)
        if kind == "resumed":
            return go_on_training(spec, folder, runner, listener, records_digest, threads, waits)
        return compare(spec, folder, runner, listener, records_digest, threads, waits, against)
    finally:
        runner.close()


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
