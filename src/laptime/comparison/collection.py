"""A folder of records to one comparison: reads `plan.json` and `runs/*/record.jsonl`, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from laptime.comparison.ablation import summarise_ablation
from laptime.comparison.against import set_beside
from laptime.comparison.answers import BASE, find_answered, gather_questions
from laptime.comparison.belonging import refuse_other_run
from laptime.comparison.explanation import explain
from laptime.comparison.fairness import BATCHING, find_stated_differences, find_unequal_work, list_unequal
from laptime.comparison.forgetting import compare_general
from laptime.comparison.held_out import compare_held_out
from laptime.comparison.noise import (
    find_in_ablation,
    find_in_progress,
    find_in_rounds,
    find_in_runs,
    find_in_speedups,
    find_wrong,
)
from laptime.comparison.pairs import choose_rounds, compare_rows
from laptime.comparison.pareto import find_fronts
from laptime.comparison.result import UNREADABLE, ComparisonResult, Failure, Finding, MethodResult
from laptime.comparison.rows import MethodRuns, summarise
from laptime.comparison.stopping import choose_confidence
from laptime.comparison.time_to_quality import find_times
from laptime.comparison.tuning import summarise_tuning
from laptime.errors import UserError
from laptime.runs.contestants import own_options, run_options
from laptime.runs.plan import INTERRUPTED, Plan, PlannedRun, read_plan, run_folder
from laptime.runs.record import FILE_NAME, RunRecord, has_first_line, read_record

SEEDS_FOR_A_CLAIM = 3  # fewer show nothing about quality beyond these runs


class Collected(Struct, kw_only=True):
    """What a comparison has left on disk so far."""

    folder: Path
    plan: Plan
    records: dict[str, RunRecord] = field(default_factory=dict)  # by run, in the order of the plan
    unreadable: dict[str, Failure] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)  # planned runs that have not ended, or are done anew
    retried: list[str] = field(default_factory=list)

    @property
    def described(self) -> list[RunRecord]:
        """The records that say what all runs share; those of trained runs know most, without own options."""
        return sorted(
            self.records.values(),
            key=lambda record: (record.started.role != "measured", bool(self.own(record))),
        )

    def own(self, record: RunRecord) -> dict[str, Any]:
        """Return the options that the contestant of a run has for itself."""
        return own_options(self.plan.spec, record.started.name)

    def runs_of(self, name: str) -> MethodRuns:
        """Return what there is of one contestant, or of the base."""
        own = [planned for planned in self.plan.runs if planned.role not in ("ablation", "tuning")]
        planned = sorted((p for p in own if p.name == name), key=lambda p: p.round)
        method = planned[0].method if planned else name
        return MethodRuns(
            name=name,
            method=method,
            folder=self.folder,
            summary=self.plan.summaries.get(method, ""),
            spec=run_options(self.plan.spec, name, method),
            differs=own_options(self.plan.spec, name),
            records=[self.records[p.run] for p in planned if p.run in self.records],
            unreadable=[self.unreadable[p.run] for p in planned if p.run in self.unreadable],
        )


def collect(folder: Path) -> ComparisonResult:
    """Return the comparison in `folder` as far as it has come; raises UserError where there is none.

    Runs that failed, are missing or can't be read become rows, findings and failures, never an error.
    """
    return assemble(read_runs(folder, read_plan(folder)))


def collect_single(folder: Path) -> ComparisonResult:
    """Return the one run in `folder` as a comparison of one method in one round."""
    record = read_record(folder)
    missing = [] if has_ended(record) else [record.started.run]
    collected = Collected(folder=folder, plan=plan_of_one(record), missing=missing)
    collected.records[record.started.run] = record
    return assemble(collected)


def plan_of_one(record: RunRecord) -> Plan:
    """Return the plan of a comparison that has this run and no other, as a training by itself has none."""
    started = record.started
    spec = dict(started.spec)
    spec["methods"], spec["rounds"] = [spec.pop("method", started.method)], 1
    spec["method_options"] = {started.method: spec.get("method_options", {})}
    planned = PlannedRun(
        run=started.run,
        method=started.method,
        round=started.round,
        role=started.role,
        contestant=started.contestant,
    )
    return Plan(
        laptime=started.laptime,
        created=started.time,
        spec=spec,
        runs=[planned],
        repeat_command=" ".join(started.command),
    )


def read_measured(folder: Path, result: ComparisonResult) -> list[RunRecord]:
    """Return the records behind `result` in the order in which they ran: those of its rows.

    `folder` is that of the comparison, or of the single run that `collect_single` read.
    """
    if (folder / FILE_NAME).is_file():
        records = [read_record(folder)]
    else:
        records = [read_record(run_folder(folder, run)) for run in result.order]
    return [record for record in records if record.started.role == "measured"]


def read_runs(folder: Path, plan: Plan) -> Collected:
    """Read the records of all planned runs in `folder`; raises UserError where one is of another run."""
    collected = Collected(folder=folder, plan=plan)
    for planned in plan.runs:
        where = run_folder(folder, planned.run)
        if where.parent.is_dir() and any(where.parent.glob(f"{planned.run}{INTERRUPTED}*")):
            collected.retried.append(planned.run)
        if not has_first_line(where / FILE_NAME):
            collected.missing.append(planned.run)
            continue
        try:
            record = read_record(where)
        except UserError as error:
            failure = Failure(run=planned.run, round=planned.round, reason=UNREADABLE, message=str(error))
            collected.unreadable[planned.run] = failure
            collected.missing.append(planned.run)  # the same `laptime compare` does it anew
        else:
            refuse_other_run(plan, planned, record)
            collected.records[planned.run] = record
            if not has_ended(record):
                collected.missing.append(planned.run)
    return collected


def has_ended(record: RunRecord) -> bool:
    """Say whether a run is over, well or badly."""
    return record.status != "unfinished"


def assemble(collected: Collected) -> ComparisonResult:
    """Return the comparison of what was collected."""
    plan, spec = collected.plan, collected.plan.spec
    base = next((run.method for run in plan.runs if run.role == "base"), None)
    base_runs = collected.runs_of(base) if base else None
    rows = take_common_rounds([collected.runs_of(name) for name in plan.contestants])
    methods = [summarise(row) for row in rows]
    unequal = find_unequal_work({row.name: row.finished for row in rows}, _own(rows))
    first = {row.name: find_answered(row.figured) for row in rows if row.figured}
    base_first = {BASE: base_runs.finished[0]} if base_runs and base_runs.finished else {}
    confidence = choose_confidence(spec)
    result = ComparisonResult(
        laptime=plan.laptime,
        created=plan.created,
        complete=not collected.missing and not plan.awaits_more,
        planned_rounds=plan.num_rounds,
        rounds_end=plan.rounds_end,
        compared_rounds=sorted({record.started.round for row in rows for record in row.compared}),
        base=summarise(base_runs) if base_runs else None,
        methods=methods,
        pairs=compare_rows(rows, unequal, confidence),
        questions=gather_questions(base_first | first),
        findings=_find(collected, rows, unequal),
        order=_order(collected),
        quality_claim=_claim_quality(methods),
        model=_describe_model(collected),
        data=_describe_data(collected),
        training=spec.get("training", {}),
        machine=_describe_machine(collected),
        repeat_command=plan.repeat_command,
        spec=spec,
        ablation=summarise_ablation(rows, plan, collected.records, confidence),
        forgetting=compare_general(base_runs, rows),
        held_out_differences=compare_held_out(rows),
        tuning=summarise_tuning(plan, collected.records),
        explanation=explain(plan, {name: collected.runs_of(name) for name in plan.racing}, confidence),
        foretold=plan.foretold,
        against=set_beside(plan.against, plan.laptime, rows, confidence) if plan.against else None,
        time_to_quality=find_times(spec, base_runs, rows, confidence),
    )
    return replace(result, fronts=find_fronts(result))


def take_common_rounds(rows: Sequence[MethodRuns]) -> list[MethodRuns]:
    """Return `rows` told which rounds their figures are made of: the same for all."""
    common = choose_rounds({row.name: [record.started.round for record in row.whole] for row in rows})
    return [replace(row, common=common) for row in rows]


def _find(
    collected: Collected, rows: Sequence[MethodRuns], unequal: dict[tuple[str, str], list[Finding]]
) -> list[Finding]:
    """Return all findings, the gravest first."""
    finished = {row.name: row.finished for row in rows}
    known = {row.name: record for row in rows for record in (row.finished or row.records)[:1]}
    plan = collected.plan
    return [
        *find_wrong(finished),
        *list_unequal(unequal, finished),
        *find_stated_differences(known, _own(rows)),
        *find_in_rounds(rows),
        *find_in_runs(finished),
        *find_in_speedups(finished, _own(rows)),
        *find_in_ablation(plan),
        *find_in_progress(finished, plan.num_rounds, collected.missing, collected.retried),
    ]


def _own(rows: Sequence[MethodRuns]) -> dict[str, dict[str, Any]]:
    """Return the options that each contestant has for itself, by name."""
    return {row.name: row.differs for row in rows}


def _order(collected: Collected) -> list[str]:
    """Return the runs in the order in which they began."""
    return sorted(collected.records, key=lambda run: collected.records[run].started.time)


def _claim_quality(methods: Sequence[MethodResult]) -> Literal["none", "these_runs", "shown"]:
    """Say how far the held-out losses carry."""
    rounds = [len(method.held_out_loss_by_round) for method in methods if method.rounds]
    if not any(rounds):
        return "none"
    return "shown" if min(rounds) >= SEEDS_FOR_A_CLAIM else "these_runs"


def _describe_model(collected: Collected) -> dict[str, Any]:
    """Return the base model as a record describes it, else as the user named it."""
    model = next((r.model for r in collected.described if r.model), None)
    if model is None:
        asked = collected.plan.spec.get("model", {})
        return {"name": asked.get("model", ""), "random_weights": asked.get("random_weights", False)}
    names = ("name", "architecture", "parameters", "digest", "toy", "random_weights", "shape")
    return {name: getattr(model, name) for name in names}


def _describe_machine(collected: Collected) -> dict[str, Any]:
    """Return the facts of the machine; threads that a contestant has for itself are none."""
    record = next((r for r in collected.described if r.machine), None)
    if record is None or record.machine is None:
        return {}
    own = collected.own(record)
    return {name: value for name, value in record.machine.facts.items() if name not in own}


def _describe_data(collected: Collected) -> dict[str, Any]:
    """Return the facts of the examples trained on; what the plan says goes first."""
    record = next((r for r in collected.described if r.data), None)
    left_out = {"event", "time"}
    if record and set(BATCHING) & set(collected.own(record)):
        left_out.add("num_steps")  # of that contestant alone
    told = msgspec.to_builtins(record.data) if record else {}
    facts = {name: value for name, value in told.items() if name not in left_out}
    facts.setdefault("name", collected.plan.spec.get("data", {}).get("data", ""))
    return facts | collected.plan.data
