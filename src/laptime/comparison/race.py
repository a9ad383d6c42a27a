"""A whole comparison: what has not run yet runs, each run in a fresh process, until the plan is done."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from laptime.comparison.ablation import switch_off
from laptime.comparison.checks import check_contestants
from laptime.comparison.collection import collect, read_runs
from laptime.comparison.growth import Prospect, foresee, grow
from laptime.comparison.older import keep_threads, refuse_other_older, refuse_unlike_inputs, tell
from laptime.comparison.result import ComparisonResult, refuse_foreign_result, write_result
from laptime.comparison.schedule import plan_runs
from laptime.data.encoded import find_damage
from laptime.data.formats import check_records
from laptime.data.invisible import is_blank
from laptime.errors import UserError, without_remedy
from laptime.hardware.processors import Threads
from laptime.methods.method import find_method
from laptime.models.source import locate_model
from laptime.runs.contestants import list_contestants, make_run_spec
from laptime.runs.disk import check_disk
from laptime.runs.events import AnyEvent
from laptime.runs.folder import INPUTS_FOLDER, REHEARSAL, claim, has_checkpoint, locked
from laptime.runs.input_manifest import (
    ENCODED_FILE,
    FACTS_FILE,
    InputFacts,
    InputJob,
    read_facts,
    refuse_other_base,
)
from laptime.runs.job import RunJob
from laptime.runs.machine_lock import machine_lock
from laptime.runs.plan import INTERRUPTED, Before, Plan, PlannedRun, read_plan, run_folder, write_plan
from laptime.runs.record import read_record
from laptime.runs.resumption import find_record_damage
from laptime.spec import AUTO, OURS, CompareSpec, RunSpec, flatten, read_interval
from laptime.trainers.environments import find_environment, tell_absence
from laptime.trainers.trainer import find_trainer
from laptime.util.atomic import discard_folder, set_aside, write_json
from laptime.util.shell import shell_command
from laptime.util.version import full_version

SPEC_FILE = "spec.json"
ENDED_FROM_OUTSIDE = ("killed", "hung", "disk_full", "unavailable")


class Runner(Protocol):
    """What does the work: processes in earnest, a script of invented seconds in tests."""

    def prepare(self, job: InputJob) -> InputFacts:
        """Encode the records of all runs once."""

    def run(self, job: RunJob, on_event: Callable[[AnyEvent], None]) -> None:
        """Do one run; its record lies in the job's folder afterwards."""


class Listener(Protocol):
    """Who is told how far the comparison has come."""

    def say(self, text: str) -> None:
        """Say one line."""

    def preparing(self) -> None:
        """Say that nothing speaks against beginning."""

    def prepared(self, facts: InputFacts) -> None:
        """Say what the data and the model turned out to be."""

    def planned(self, runs: list[PlannedRun], num_done: int, prospect: Prospect) -> None:
        """Say what will run, and what may follow; told again when the plan has grown."""

    def began(self, planned: PlannedRun) -> None:
        """Say that a run begins."""

    def happened(self, event: AnyEvent) -> None:
        """Hand on an event of the present run."""

    def ended(self, planned: PlannedRun) -> None:
        """Say that the present run is over."""


def check_spec(spec: CompareSpec) -> str:
    """Refuse what can be seen to be wrong before anything heavy is imported.

    Returns the digest of the records, "" for large data that their preparation checks. Raises UserError.
    """
    contestants = check_contestants(spec)
    read_interval(spec.training.save_every)
    if any(map(is_blank, spec.answers.ask)):
        raise UserError("--ask: a question in which nothing can be seen; leave it out")
    if spec.minutes and spec.rounds != AUTO:
        raise UserError(f"--minutes: --rounds {spec.rounds} is a number already; leave one of the two out")
    if spec.ablate and all(one.run_spec.training.plain for one in contestants):
        raise UserError("--ablate: --plain leaves nothing to switch off; leave one of the two out")
    digest = check_records(spec.data, seed=spec.training.seed, everything=False)
    locate_model(spec.model, download=False)
    return digest


def compare(
    spec: CompareSpec,
    folder: Path,
    runner: Runner,
    listener: Listener,
    records_digest: str,
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
    wanted = msgspec.json.decode(msgspec.json.encode(spec))
    threads = keep_threads(threads, against)
    refuse_other_older(folder, claim(folder, wanted), against)  # before the lock: it stays untouched
    with machine_lock(spec.training.device, waits), locked(folder):
        old_plan = claim(folder, wanted)
        refuse_other_older(folder, old_plan, against)
        refuse_foreign_result(folder)
        inputs = folder / INPUTS_FOLDER
        listener.preparing()
        facts = prepare_inputs(spec, inputs, runner, listener, records_digest, fresh=old_plan is None)
        refuse_unlike_inputs(against, facts, spec)
        plan = old_plan or make_plan(spec, folder, facts, threads, against)
        refuse_other_inputs(plan, facts, spec)
        read_runs(folder, plan)  # what is not of this comparison is refused before anything runs
        check_disk(spec, facts, folder, find_waiting(plan, folder))
        if old_plan is None:
            rehearse(spec, inputs, runner, threads)
            write_plan(folder, plan)
        if not (folder / SPEC_FILE).exists():  # behind the plan: what lies here without one is a user's
            write_json(folder / SPEC_FILE, flatten(spec))
        listener.prepared(facts)
        for line in [*tell_threads(plan.threads, threads), *tell_absent_trainers(spec)]:
            listener.say(line)
        if plan.against:
            listener.say(f"set beside {tell(plan.against)}")
        run_waiting(spec, facts, plan, folder, runner, listener)
        result = collect(folder)
        write_result(folder, result)
    return result


def find_waiting(plan: Plan, folder: Path) -> list[PlannedRun]:
    """Return the planned runs that have not ended yet."""
    return [planned for planned in plan.runs if not is_over(run_folder(folder, planned.run))]


def run_waiting(
    spec: CompareSpec, facts: InputFacts, plan: Plan, folder: Path, runner: Runner, listener: Listener
) -> None:
    """Run what has not run yet, and what the plan grows by when that is over; each run once at the most."""
    tried: set[str] = set()
    while True:
        waiting = [planned for planned in find_waiting(plan, folder) if planned.run not in tried]
        listener.planned(plan.runs, len(plan.runs) - len(waiting), foresee(plan, folder))
        for planned in waiting:
            if plan.awaits_ablation and planned.round > 1:
                break
            tried.add(planned.run)
            run_one(spec, planned, folder, runner, listener)
            write_result(folder, collect(folder))
        if not plan.awaits_more:
            return
        plan = grow(plan, spec, facts, folder, listener.say)
        write_plan(folder, plan)


def tell_absent_trainers(spec: CompareSpec) -> list[str]:
    """Return a line for each trainer that is not installed: its runs will be rows without figures."""
    racing = dict.fromkeys(one.run_spec.trainer for one in list_contestants(spec))
    absent = [find_trainer(name) for name in racing if name != OURS and find_environment(name) is None]
    return [f"{tell_absence(trainer)}: its rows will have no figures" for trainer in absent]


def tell_threads(used: Threads | None, now: Threads | None) -> list[str]:
    """Return the line on the threads of every run, where they are known; also what would be chosen now."""
    if used and now and used.number != now.number:
        return [f"{used}, as when it began; now it would be {now}"]
    return [str(used)] if used else []


def rehearse(spec: CompareSpec, inputs: Path, runner: Runner, threads: Threads | None) -> None:
    """Find out before anything long that a speedup asked for by name cannot apply to one of the contestants.

    Raises UserError.
    """
    ours = [one for one in list_contestants(spec) if one.run_spec.trainer == OURS]
    asking = [one for one in ours if one.run_spec.training.speedups]
    for one in {(one.method, one.place): one for one in asking}.values():  # equal runs need one rehearsal
        planned = PlannedRun(run=f"{REHEARSAL}{one.name}", method=one.method, round=1, contestant=one.name)
        job = make_job(spec, planned, inputs / planned.run, inputs, threads)
        job.until = "preparation"
        runner.run(job, lambda event: None)
        if refusal := find_refusal(inputs / planned.run):
            raise UserError(f"{one.place}{refusal}")


def find_refusal(home: Path) -> str:
    """Return why a run would not do what the user asked for, or "" where it did not refuse."""
    failed = read_record(home).failed
    return failed.message if failed and failed.reason == "refused" else ""


def run_one(spec: CompareSpec, planned: PlannedRun, folder: Path, runner: Runner, listener: Listener) -> None:
    """Run one contestant once, in its own folder; an attempt that left a checkpoint goes on from there."""
    refuse_other_base(read_facts(folder / INPUTS_FOLDER), folder)
    home = run_folder(folder, planned.run)
    plan = read_plan(folder)
    job = make_job(spec, planned, home, folder / INPUTS_FOLDER, plan.threads)
    job.comparison = plan.id
    if damage := find_record_damage(home):
        begin_anew(home, damage, listener)
    job.resumes = has_checkpoint(home)
    if has_not_begun(home):
        discard_folder(home)
    if home.exists() and not job.resumes:
        begin_anew(home, f"{home}: ended before a checkpoint was written", listener)
    listener.began(planned)
    runner.run(job, listener.happened)
    if job.resumes and (refusal := find_refusal(home)):  # none of its checkpoints is whole
        begin_anew(home, refusal, listener)
        job.resumes = False
        runner.run(job, listener.happened)
    listener.ended(planned)


def has_not_begun(home: Path) -> bool:
    """Tell whether all that a run has left is that its trainer was not there."""
    with suppress(UserError):
        failed = read_record(home).failed
        return failed is not None and failed.reason == "unavailable"
    return False


def begin_anew(home: Path, why: str, listener: Listener) -> None:
    """Make place for a run that is done anew, and say so; what an earlier attempt left is kept."""
    listener.say(
        f"{without_remedy(why)}: set aside as {set_aside(home, INTERRUPTED).name}, the run is done anew"
    )


def make_job(
    spec: CompareSpec, planned: PlannedRun, home: Path, inputs: Path, threads: Threads | None
) -> RunJob:
    """Return what the process of one run is told."""
    return RunJob(
        run=planned.run,
        contestant=planned.contestant,
        spec=run_spec(spec, planned),
        folder=str(home),
        inputs=str(inputs),
        role=planned.role,
        until="training" if planned.role == "ablation" else "end",
        threads=threads,
    )


def run_spec(spec: CompareSpec, planned: PlannedRun) -> RunSpec:
    """Return the part of the comparison's spec that one run needs."""
    whole = make_run_spec(spec, planned.name, planned.method, planned.round)
    return switch_off(whole, planned.without) if planned.without else whole


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


def prepare_inputs(
    spec: CompareSpec, inputs: Path, runner: Runner, listener: Listener, records_digest: str, fresh: bool
) -> InputFacts:
    """Encode the inputs, or take those of an earlier start: whole, and of the same data."""
    facts = None if fresh else read_whole_inputs(inputs, listener)
    if facts is None:
        return runner.prepare(
            InputJob(
                model=spec.model,
                data=spec.data,
                answers=spec.answers,
                training=spec.training,
                precisions={one.place: one.run_spec.training.precision for one in list_contestants(spec)},
                folder=str(inputs),
            )
        )
    records_digest = records_digest or check_records(spec.data, seed=spec.training.seed)
    if facts.data.get("records_digest") != records_digest:
        name = f"--data {spec.data.named}"
        if given := spec.data.chat_template:
            name += f" or --chat-template {given}"
        raise UserError(f"{name}: changed since {inputs.parent} was begun; give a new --out")
    refuse_other_base(facts, inputs.parent)
    return facts


def read_whole_inputs(inputs: Path, listener: Listener) -> InputFacts | None:
    """Return what an earlier preparation found; None where it is to be done again, which is said."""
    if not (inputs / FACTS_FILE).exists():
        return None
    try:
        facts = read_facts(inputs)
        if damage := find_damage(inputs):
            raise UserError(f"{inputs / ENCODED_FILE}: {damage}")
    except UserError as error:
        listener.say(f"{without_remedy(str(error))}; the inputs are prepared anew")
        return None
    return facts


def refuse_other_inputs(plan: Plan, facts: InputFacts, spec: CompareSpec) -> None:
    """Raise UserError where inputs that were prepared anew are not those that the comparison began with."""
    for option, before, now in (
        (f"--data {spec.data.named}", plan.data.get("records_digest"), facts.data.get("records_digest")),
        (f"--data {spec.data.named}", plan.data.get("digest"), facts.data.get("digest")),
        (f"--model {spec.model.model}", plan.model_digest, facts.model_digest),
    ):
        if before and before != now:
            raise UserError(f"{option}: changed since the comparison was begun; give a new --out")


def make_plan(
    spec: CompareSpec, folder: Path, facts: InputFacts, threads: Threads | None, against: Before | None = None
) -> Plan:
    """Write down what is going to run, before it does."""
    return Plan(
        id=secrets.token_hex(8),
        laptime=full_version(),
        created=time.time(),
        spec=msgspec.json.decode(msgspec.json.encode(spec)),  # as it will be read: no tuples
        runs=plan_runs(spec),
        data=facts.data,
        model_digest=facts.model_digest,
        summaries={one.method: find_method(one.method).summary for one in list_contestants(spec)},
        repeat_command=shell_command("laptime", "compare", "--config", folder / SPEC_FILE, "--out", "AGAIN"),
        awaits_ablation=spec.ablate,
        threads=threads,
        awaits_rounds=spec.rounds == AUTO,
        against=against,
    )
