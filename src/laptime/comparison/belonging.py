"""Whether a run's folder holds the run that the plan has there: folders can be moved, copied and swapped."""

from __future__ import annotations

from laptime.errors import UserError
from laptime.models.digest import hash_once
from laptime.runs.contestants import run_options
from laptime.runs.events import Role, Started
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import Plan, PlannedRun
from laptime.runs.record import FILE_NAME, RunRecord
from laptime.runs.spec_changes import complete_run, differing_keys
from laptime.spec import flag
from laptime.util.atomic import as_read

# What runs change that are no rows: an ablation switches off, a tuning has a seed that is no round's.
FREE: dict[Role, set[str]] = {
    "ablation": {"plain", "without", "speedups", "reuse_cache"},
    "tuning": {"seed", "reuse_cache"},
}


def refuse_other_run(plan: Plan, planned: PlannedRun, record: RunRecord) -> None:
    """Raise UserError where `record`, read from the folder of `planned`, is not of that run of `plan`."""
    started, path = record.started, record.folder / FILE_NAME
    found = (started.run, started.method, started.round, started.role)
    expected = (planned.run, planned.method, planned.round, planned.role)
    if (*found, started.contestant) != (*expected, planned.contestant):
        raise UserError(
            f"{path}: of {describe(*found)}; {PLAN_FILE} has {planned.run} in this folder: "
            f"put the folders of the runs back where they were"
        )
    if started.comparison != plan.id:
        raise UserError(
            f"{path}: of a run of another comparison; put back the folder that was there, "
            f"or move this one away: the same laptime compare makes the run anew"
        )
    if options := ", ".join(flag(key) for key in sorted(differing_options(plan, planned, started))):
        raise UserError(
            f"{path}: of a run with other options ({options}) than {PLAN_FILE} has; put back what was there"
        )


def refuse_other_result(record: RunRecord) -> None:
    """Raise UserError where what the run saved is not what it wrote: a file changed, or gone."""
    if record.digests is None:  # of version 1
        return
    for name, sha256 in record.digests.sha256.items():
        file = record.folder / record.digests.path / name
        try:
            found = hash_once(file)
        except OSError as error:
            raise UserError(f"{file}: {error.strerror}; put back what the run saved") from None
        if found != sha256:
            raise UserError(f"{file}: not as the run saved it; put back a whole copy, or do the run anew")


def differing_options(plan: Plan, planned: PlannedRun, started: Started) -> set[str]:
    """Return the options in which a run is not what the plan fixes."""
    asked = as_read(run_options(plan.spec, planned.name, planned.method))
    expected = complete_run(asked, planned.method)
    free = {"round"} | FREE.get(planned.role, set())
    return differing_keys(expected, started.spec) - free


def describe(run: str, method: str, round_: int, role: str) -> str:
    """Return what a record says of its run."""
    return f"run {run} (method {method}, round {round_}, {role})"
