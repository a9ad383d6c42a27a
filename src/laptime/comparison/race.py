"""A whole comparison: what has not run yet runs, each run in a fresh process, until the plan is done."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from laptime.comparison.collection import collect, read_runs
from laptime.comparison.growth import foresee, grow
from laptime.comparison.older import keep_threads, refuse_other_older, refuse_unlike_inputs, tell
from laptime.comparison.result import ComparisonResult, refuse_foreign_result, write_result
from laptime.comparison.schedule import list_measured, plan_runs, run_spec
from laptime.comparison.tuning import plan_tuned
from laptime.data.input_manifest import (
    InputManifest,
    read_manifest,
    refuse_other_base,
)
from laptime.errors import UserError, without_remedy
from laptime.forecast.forecast import Forecast
from laptime.forecast.surroundings import forecast_all
from laptime.hardware.processors import Threads
from laptime.methods.method import find_method
from laptime.runs.contestants import list_contestants
from laptime.runs.devices import place_job, tell_devices
from laptime.runs.disk import check_disk
from laptime.runs.folder import INPUTS_FOLDER, REHEARSAL, claim, has_checkpoint, locked
from laptime.runs.foresight import refuse_sizes
from laptime.runs.job import MOMENT_FILES, MOMENTS_FOLDER, SAVED_FOLDER
from laptime.runs.machine_lock import machine_lock
from laptime.runs.plan import (
    INTERRUPTED,
    Before,
    Foretold,
    Plan,
    PlannedRun,
    name_work,
    read_plan,
    run_folder,
    write_plan,
)
from laptime.runs.preparation import make_input_job, prepare_inputs
from laptime.runs.record import read_rate, read_record
from laptime.runs.restarts import run_with_restarts
from laptime.runs.resumption import find_record_damage
from laptime.runs.runner import Listener, Runner, find_refusal, make_job, tell_threads
from laptime.spec import AUTO, OURS, CompareSpec, flatten
from laptime.trainers.environments import find_environment, tell_absence
from laptime.trainers.trainer import find_trainer
from laptime.util.atomic import as_read, discard_folder, remove_files, set_aside, write_json
from laptime.util.shell import shell_command
from laptime.util.version import full_version

SPEC_FILE = "spec.json"
ENDED_FROM_OUTSIDE = ("killed", "hung", "unreachable", "disk_full", "unavailable")


def compare(
    spec: CompareSpec,
    folder: Path,
    runner: Runner,
    listener: Listener,
    examples_digest: str,
    threads: Threads | None = None,
    waits: bool = False,
    against: Before | None = None,
) -> ComparisonResult:
    """Run what has not run yet and return the comparison as far as it has come.

    `threads` are those of a comparison that begins; one that goes on keeps its own. With `waits` another one
    on this machine is waited for. `against` is an older comparison to be set beside. Raises UserError before
    the first run: a folder that holds something else, too little disk, inputs that cannot be encoded, or that
    are not those of `against`.
    """
    wanted = as_read(spec)
    threads = keep_threads(threads, against)
    refuse_other_older(folder, claim(folder, wanted), against)  # before the lock: it stays untouched
    devices = {one.run_spec.training.devices for one in list_contestants(spec)}
    with machine_lock(spec.training.device, waits, devices), locked(folder):
        old_plan = claim(folder, wanted)
        refuse_other_older(folder, old_plan, against)
        refuse_foreign_result(folder)
        inputs = folder / INPUTS_FOLDER
        listener.preparing()
        precisions = {one.place: one.run_spec.training.precision for one in list_contestants(spec)}
        job = make_input_job(spec, folder, threads, precisions)
        fewer = ["fewer --rounds"] if spec.rounds != 1 else []
        runs = old_plan.runs if old_plan else plan_runs(spec)
        manifest = prepare_inputs(
            job, runner, listener, examples_digest, fresh=old_plan is None,
            waiting=list_measured(spec, find_waiting(runs, folder)), remedies=fewer,
        )  # fmt: skip
        refuse_unlike_inputs(against, manifest, spec)
        plan = old_plan or make_plan(spec, folder, manifest, threads, against)
        refuse_other_inputs(plan, manifest, spec)
        read_runs(folder, plan)  # what is not of this comparison is refused before anything runs
        measured = list_measured(spec, find_waiting(plan.runs, folder))
        if old_plan is None:
            refuse_sizes([(one.place, one.run_spec) for one in list_contestants(spec)], manifest.shape)
        moments = spec.moments if spec.target_loss is not None else 0
        check_disk(measured, manifest.shape, folder, fewer, moments=moments)
        if old_plan is None:
            rehearse(spec, inputs, runner, threads)
            write_plan(folder, plan)
        if not (folder / SPEC_FILE).exists():  # behind the plan: what lies here without one is a user's
            write_json(folder / SPEC_FILE, flatten(spec))
        listener.prepared(manifest)
        told = tell_devices([one.run_spec for one in list_contestants(spec)], manifest)
        for line in [*tell_threads(plan.threads, threads), *told, *tell_absent_trainers(spec)]:
            listener.say(line)
        if plan.against:
            listener.say(f"set beside {tell(plan.against)}")
        run_waiting(spec, manifest, plan, folder, runner, listener)
        result = collect(folder)
        write_result(folder, result)
    return result


def find_waiting(runs: Iterable[PlannedRun], folder: Path) -> list[PlannedRun]:
    """Return the planned runs that have not ended yet."""
    return [planned for planned in runs if not is_over(run_folder(folder, planned.run))]


def run_waiting(
    spec: CompareSpec, manifest: InputManifest, plan: Plan, folder: Path, runner: Runner, listener: Listener
) -> None:
    """Run what has not run yet, and what the plan grows by when that is over; each run once at the most."""
    tried: set[str] = set()
    while True:
        waiting = [planned for planned in find_waiting(plan.runs, folder) if planned.run not in tried]
        listener.planned(plan.runs, len(plan.runs) - len(waiting), foresee(plan, folder))
        for planned in waiting:
            if (plan.awaits_ablation and planned.round > 1) or (plan.awaits_tuning and planned.round):
                break
            tried.add(planned.run)
            run_one(spec, planned, folder, runner, listener)
            write_result(folder, collect(folder))
        if not plan.awaits_more:
            return
        plan = grow(plan, spec, manifest, folder, listener.say)
        write_plan(folder, plan)


def tell_absent_trainers(spec: CompareSpec) -> list[str]:
    """Return a line for each trainer that is not installed: its runs will be rows without figures."""
    racing = dict.fromkeys(one.run_spec.trainer for one in list_contestants(spec))
    absent = [find_trainer(name) for name in racing if name != OURS and find_environment(name) is None]
    return [f"{tell_absence(trainer)}: its rows will have no figures" for trainer in absent]


def rehearse(spec: CompareSpec, inputs: Path, runner: Runner, threads: Threads | None) -> None:
    """Find out before anything long that a speedup asked for by name cannot apply to one of the contestants.

    Raises UserError.
    """
    ours = [one for one in list_contestants(spec) if one.run_spec.trainer == OURS]
    asking = [one for one in ours if one.run_spec.training.speedups]
    for one in {(one.method, one.place): one for one in asking}.values():  # equal runs need one rehearsal
        planned = PlannedRun(run=f"{REHEARSAL}{one.name}", method=one.method, round=1, contestant=one.name)
        job = make_job(one.run_spec, planned, inputs / planned.run, inputs, threads)
        job.until = "preparation"
        runner.run(job, lambda event: None)
        if refusal := find_refusal(inputs / planned.run):
            raise UserError(f"{one.place}{refusal}")


def run_one(spec: CompareSpec, planned: PlannedRun, folder: Path, runner: Runner, listener: Listener) -> None:
    """Run one contestant once, in its own folder; an attempt that left a checkpoint goes on from there."""
    refuse_other_base(read_manifest(folder / INPUTS_FOLDER), folder)
    home = run_folder(folder, planned.run)
    plan = read_plan(folder)
    job = make_job(run_spec(spec, planned), planned, home, folder / INPUTS_FOLDER, plan.threads)
    job.comparison = plan.id
    job.rate = planned.rate or plan.rates.get(planned.name) or find_rate(folder, plan, planned)
    if spec.target_loss is not None and planned.role == "measured":
        job.moments = spec.moments
    job.asks = not has_answered(folder, plan, planned)
    place_job(job, read_manifest(folder / INPUTS_FOLDER))
    if damage := find_record_damage(home):
        begin_anew(home, damage, listener)
    job.resumes = has_checkpoint(home)
    if has_not_begun(home):
        discard_folder(home)
    if home.exists() and not job.resumes:
        begin_anew(home, f"{home}: ended before a checkpoint was written", listener)
    listener.began(planned)
    aside = partial(begin_anew, home, listener=listener)
    run_with_restarts(job, runner, listener.happened, listener.say, aside)
    if job.resumes and (refusal := find_refusal(home)):  # none of its checkpoints is whole
        begin_anew(home, refusal, listener)
        job.resumes = False
        runner.run(job, listener.happened)
    if planned.role == "between" and (home / SAVED_FOLDER).is_dir():  # its seconds are all that is wanted
        discard_folder(home / SAVED_FOLDER)
    listener.ended(planned)


def has_answered(folder: Path, plan: Plan, planned: PlannedRun) -> bool:
    """Tell whether an earlier run of the same contestant has come to its end, and so has answered."""
    earlier = (one for one in plan.runs if (one.name, one.role) == (planned.name, "measured"))
    for one in earlier:
        with suppress(UserError):
            if one.run != planned.run and read_record(run_folder(folder, one.run)).finished:
                return True
    return False


def find_rate(folder: Path, plan: Plan, planned: PlannedRun) -> float | None:
    """Return the learning rate of earlier runs of the same work; None where there are none."""
    alike = (
        one
        for one in plan.runs
        if one.role not in ("base", "tuning") and work_of(plan, one) == work_of(plan, planned)
    )
    return next((rate for one in alike if (rate := read_rate(run_folder(folder, one.run)))), None)


def work_of(plan: Plan, planned: PlannedRun) -> tuple[Any, ...]:
    """Return what the learning rate of a planned run follows from."""
    return name_work(plan.spec, planned.name, planned.method)


def has_not_begun(home: Path) -> bool:
    """Tell whether all that a run has left is that its trainer was not there."""
    with suppress(UserError):
        failed = read_record(home).failed
        return failed is not None and failed.reason == "unavailable"
    return False


def begin_anew(home: Path, why: str, listener: Listener) -> None:
    """Make place for a run that is done anew, and say so; what an earlier attempt left is kept."""
    remove_files(home / MOMENTS_FOLDER, MOMENT_FILES)  # as large as results, and of no attempt's use
    listener.say(
        f"{without_remedy(why)}: set aside as {set_aside(home, INTERRUPTED).name}, the run is done anew"
    )


def is_over(home: Path) -> bool:
    """Tell whether a run has ended, well or badly; one that fails by itself would do so again.

    One that was killed or hung, or met a full disk, gets another attempt, from its newest checkpoint where it
    has one; so does one of another trainer, whose environment may have been mended.
    """
    try:
        record = read_record(home)
    except UserError:
        return False
    if record.failed and (record.failed.reason in ENDED_FROM_OUTSIDE or record.started.trainer != OURS):
        return False
    return record.status != "unfinished"


def refuse_other_inputs(plan: Plan, manifest: InputManifest, spec: CompareSpec) -> None:
    """Raise UserError where inputs that were prepared anew are not those that the comparison began with."""
    for option, before, now in (
        (f"--data {spec.data.named}", plan.data.get("records_digest"), manifest.data.get("records_digest")),
        (f"--data {spec.data.named}", plan.data.get("digest"), manifest.data.get("digest")),
        (f"--model {spec.model.model}", plan.model_digest, manifest.model_digest),
    ):
        if before and before != now:
            raise UserError(f"{option}: changed since the comparison was begun; give a new --out")


def make_plan(
    spec: CompareSpec,
    folder: Path,
    manifest: InputManifest,
    threads: Threads | None,
    against: Before | None = None,
) -> Plan:
    """Write down what is going to run, before it does."""
    return Plan(
        id=secrets.token_hex(8),
        laptime=full_version(),
        created=time.time(),
        spec=as_read(spec),
        runs=plan_tuned(spec, manifest) if spec.tune else plan_runs(spec),
        data=manifest.data,
        model_digest=manifest.model_digest,
        summaries={one.method: find_method(one.method).summary for one in list_contestants(spec)},
        repeat_command=shell_command("laptime", "compare", "--config", folder / SPEC_FILE, "--out", "AGAIN"),
        awaits_ablation=spec.ablate,
        awaits_tuning=spec.tune is not None,
        threads=threads,
        awaits_rounds=spec.rounds == AUTO,
        against=against,
        foretold=foretell(spec, manifest, threads),
    )


def foretell(spec: CompareSpec, manifest: InputManifest, threads: Threads | None) -> dict[str, Foretold]:
    """Return what the rows are to take that have a past on this machine."""
    if threads is None:
        return {}
    with suppress(UserError, ArithmeticError, ValueError):  # a forecast stops no race
        return tell_rows(forecast_all(spec, manifest, threads.number))
    return {}


def tell_rows(found: Sequence[Forecast]) -> dict[str, Foretold]:
    """Return what a plan keeps of forecasts: of rows with a past."""
    return {
        one.name: Foretold(
            train_seconds=one.train_seconds,
            train_range=one.train_range,
            total_seconds=one.total_seconds,
            memory_bytes=one.memory_bytes,
            num_runs=one.num_runs,
        )
        for one in found
        if one.of_method
    }
