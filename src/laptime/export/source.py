"""Which result is exported: the one of a run, or of a contestant of a comparison; imports no torch."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from laptime.comparison.belonging import refuse_other_result
from laptime.comparison.result import ComparisonResult, MethodResult
from laptime.errors import UserError, suggest
from laptime.runs.events import Saved
from laptime.runs.folder import find_comparison, find_inputs
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.runs.record import RunRecord, read_record
from laptime.session import gather_result
from laptime.spec import ModelSpec
from laptime.util.shell import shell_command


class Source(Struct, kw_only=True):
    """A finished run with what it saved; `result` holds it alone."""

    folder: Path
    record: RunRecord
    result: ComparisonResult
    method: MethodResult
    kept: Saved
    model: ModelSpec  # the base, as the run was given it

    @property
    def saved(self) -> Path:
        """The folder of what it saved."""
        return self.folder / self.kept.path


def find_source(run: Path) -> Source:
    """Return the result that `run` names; raises UserError for none, for several, and for a changed one."""
    folder = find_run(run)
    find_inputs(folder)
    record = read_record(folder)
    if record.saved is None:
        raise UserError(f"{run}: {tell_unsaved(record)}")
    refuse_other_result(record)
    result = gather_result(folder)
    (method,) = result.methods
    model = msgspec.convert(record.started.spec["model"], ModelSpec)
    if model.random_weights:
        raise UserError(f"{run}: trained on random weights, for speed alone; there is nothing to export")
    return Source(folder=folder, record=record, result=result, method=method, kept=record.saved, model=model)


def find_run(run: Path) -> Path:
    """Return the folder of the run that a user means by a path; raises UserError."""
    if (run / RECORD_FILE).is_file():
        return run
    if (run / PLAN_FILE).is_file():
        return find_only(run)
    if run.is_dir() and (run.parent / RECORD_FILE).is_file():  # the folder of what a run saved
        return run.parent
    if not run.exists() and (run.parent / PLAN_FILE).is_file():
        return find_contestant(run.parent, run.name)
    gather_result(run)  # says what it is instead
    return run


def find_only(folder: Path) -> Path:
    """Return the run of the only contestant that saved something; raises UserError where several did."""
    names = list_contestants(folder)
    if len(names) == 1:
        return next(iter(names.values()))
    if not names:
        raise UserError(f"{folder}: no run has saved a result yet")
    several = " or ".join(shell_command(folder / name) for name in names)
    raise UserError(f"{folder}: a comparison with {len(names)} results; name one of them: {several}")


def find_contestant(folder: Path, name: str) -> Path:
    """Return the run of a contestant in a comparison; raises UserError."""
    names = list_contestants(folder)
    if name not in names:
        raise UserError(f"{folder / name}: no contestant '{name}' with a result{suggest(name, names)}")
    return names[name]


def list_contestants(folder: Path) -> dict[str, Path]:
    """Return the first run that saved something of each contestant of a comparison."""
    methods = gather_result(folder).methods
    return {one.name: (folder / one.saved_paths[0]).parent for one in methods if one.saved_paths}


def tell_unsaved(record: RunRecord) -> str:
    """Say why a run has nothing to export."""
    if record.started.role == "base":
        home = find_comparison(record.folder)
        names = " or ".join(shell_command(home / name) for name in list_contestants(home)) if home else ""
        return f"the base, which saves nothing; export {names or 'a run that trained'}"
    return "the run has saved no result yet"
