"""The older comparison that --against names: read, refused before anything runs, kept in the new plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from laptime.comparison.against import MEMORY, find_other_machine, note_racer
from laptime.comparison.collection import read_runs
from laptime.comparison.stopping import choose_confidence
from laptime.data.input_manifest import InputManifest
from laptime.errors import UserError, readable, without_remedy
from laptime.hardware.inventory import describe_hardware, gpu_names
from laptime.hardware.processors import Threads
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import Before, Plan, Racer, read_plan, read_spec
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.spec import CompareSpec
from laptime.util.untrusted import refuse_specials, told_in_one_line

LEAST_SECONDS, MOST_SECONDS = 1e-6, 1e9
LEAVE_OUT = "or leave --against out"


class Older(Struct, frozen=True, kw_only=True):
    """An older comparison: the spec of its job, and what is kept of it."""

    spec: CompareSpec
    before: Before


def read_older(folder: Path, out: Path | None = None) -> Older:
    """Return the comparison in `folder`, or what the one in `out` has kept of it where it is gone.

    Raises UserError: no comparison, a damaged one, one without a finished run, the folder of `out` itself, or
    one of another machine.
    """
    if out is not None and out.resolve() == folder.resolve():
        raise UserError(f"--against {folder}: --out is the same folder; give a new --out, {LEAVE_OUT}")
    with told_in_one_line(folder, "--against "):
        older = read_kept(folder, out) or _read_folder(folder)
        refuse_other_machine(older.before)
    return older


def read_kept(folder: Path, out: Path | None) -> Older | None:
    """Return what the comparison in `out` has kept of the one in `folder`, where that is gone; else None."""
    if out is None or (folder / PLAN_FILE).exists() or not (out / PLAN_FILE).exists():
        return None
    plan = read_plan(out)
    if plan.against is None or plan.against.folder != str(folder):
        return None
    return Older(spec=_read_spec(out, plan), before=plan.against)


def _read_folder(folder: Path) -> Older:
    """Read the comparison in `folder`; raises UserError."""
    if not (folder / PLAN_FILE).exists():
        what = "no comparison" if folder.is_dir() else "no such folder"
        what = "a single training" if (folder / RECORD_FILE).exists() else what
        raise UserError(f"--against {folder}: {what}; give the folder of a comparison")
    try:
        refuse_specials(folder)
        plan = read_plan(folder)
        collected = read_runs(folder, plan)
        for failure in collected.unreadable.values():
            raise UserError(failure.message)
    except UserError as error:
        why = without_remedy(str(error))
        raise UserError(f"--against {why}; give the folder of a whole comparison, {LEAVE_OUT}") from None
    if collected.missing or plan.awaits_more:
        runs = ", ".join(collected.missing[:5]) or "more rounds"
        raise UserError(f"--against {folder}: not finished, {runs} still to run; go on there, {LEAVE_OUT}")
    racers = [note_racer(collected.runs_of(name), plan.laptime) for name in plan.contestants]
    if not any(racer.laps for racer in racers):
        raise UserError(f"--against {folder}: no run of it has finished; finish it first, {LEAVE_OUT}")
    _refuse_impossible(folder, racers)
    before = Before(
        id=plan.id,
        folder=str(folder),
        created=plan.created,
        laptime=plan.laptime,
        confidence=choose_confidence(plan.spec),
        data={name: plan.data.get(name, "") for name in ("records_digest", "digest")},
        model_digest=plan.model_digest,
        threads=plan.threads,
        racers=racers,
    )
    return Older(spec=_read_spec(folder, plan), before=before)


def _refuse_impossible(folder: Path, racers: Sequence[Racer]) -> None:
    """Raise UserError for seconds that no run takes: what is made of them would fail when all has run."""
    laps = [lap for racer in racers for lap in racer.laps]
    for seconds in (seconds for lap in laps for seconds in (lap.train_seconds, lap.total_seconds)):
        if seconds is not None and not LEAST_SECONDS < seconds < MOST_SECONDS:
            raise UserError(
                f"--against {folder}: a run that took {seconds:g} s, as none can; {LEAVE_OUT[3:]}"
            )


def _read_spec(folder: Path, plan: Plan) -> CompareSpec:
    """Return the job of a plan; raises UserError where this version cannot do it."""
    try:
        return read_spec(plan)
    except UserError as error:
        raise UserError(f"--against {folder}: {error}; compare anew, {LEAVE_OUT}") from None


def refuse_other_machine(before: Before) -> None:
    """Raise UserError, naming both, where this is not the machine of the older comparison."""
    for racer in before.racers:
        here = describe_hardware()
        differing = {name: (racer.facts[name], here[name]) for name in find_other_machine(racer.facts, here)}
        gpu, gpus = str(racer.facts.get("gpu", "")), gpu_names()
        if gpu and gpus and not any(gpu.startswith(name) for name in gpus):  # a slice has a longer name
            differing["gpu"] = (gpu, ", ".join(sorted(gpus)))
        if differing:
            shown = "; ".join(
                f"{name.removesuffix('_bytes')} {_show(name, then)}, here {_show(name, now)}"
                for name, (then, now) in differing.items()
            )
            raise UserError(
                f"--against {before.folder}: done on another machine ({shown}); compare there, {LEAVE_OUT}"
            )


def _show(name: str, value: Any) -> str:
    return f"{value / 1e9:.1f} GB" if name == MEMORY else readable(value, 60)


def refuse_other_older(folder: Path, plan: Plan | None, before: Before | None) -> None:
    """Raise UserError where the one that goes on in `folder` is set beside another comparison, or none."""
    if plan is None or before is None or (plan.against and plan.against.is_same(before)):
        return
    there = f"beside {tell(plan.against)}" if plan.against else "without --against"
    raise UserError(f"--against {before.folder}: {folder} was begun {there}; give a new --out, {LEAVE_OUT}")


def refuse_unlike_inputs(before: Before | None, manifest: InputManifest, spec: CompareSpec) -> None:
    """Raise UserError where the prepared inputs are not those of the older comparison."""
    if before is None:
        return
    data, model = f"--data {spec.data.named}", f"--model {spec.model.model}"
    for option, what, then, now in (
        (data, "other examples", before.data.get("records_digest"), manifest.data.get("records_digest")),
        (model, "another model", before.model_digest, manifest.model_digest),
        (data, "the examples give other tokens", before.data.get("digest"), manifest.data.get("digest")),
    ):
        if then and then != now:
            raise UserError(
                f"{option}: {what} than in --against {before.folder}; put back what was there, {LEAVE_OUT}"
            )


def keep_threads(threads: Threads | None, before: Before | None) -> Threads | None:
    """Return as many threads as the older comparison had, unless user or environment say how many."""
    if threads is None or before is None or before.threads is None or threads.why in ("asked", "environment"):
        return threads
    return replace(threads, number=before.threads.number, why="before")


def tell(before: Before) -> str:
    """Return which comparison this is: "race, begun 2026-11-20 12:00 UTC with laptime 0.1.0"."""
    date = datetime.fromtimestamp(before.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{before.folder}, begun {date} with laptime {readable(before.laptime)}"
