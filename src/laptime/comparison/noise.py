"""What may have disturbed a measurement or weakens what it shows: flagged, never dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import fmean, median
from types import MappingProxyType
from typing import Any

from laptime.comparison.answers import find_answered
from laptime.comparison.fairness import join_values
from laptime.comparison.result import Finding
from laptime.comparison.rows import MethodRuns
from laptime.comparison.statistics import NOTABLE_CHANGE, drift, median_of, spread
from laptime.runs.events import Load
from laptime.runs.plan import Plan
from laptime.runs.record import RunRecord

# A run keeps all cores busy, so the load average over the last minute that the next run finds still holds
# up to one task a core of it. Only what goes well beyond is the load of others: half as much again.
LOAD_LIMIT_PER_CORE = 1.5

Finished = Mapping[str, Sequence[RunRecord]]  # finished records by method, in order of rounds


def find_in_rounds(rows: Sequence[MethodRuns]) -> list[Finding]:
    """Return the findings on times that repeat badly, and of methods that finished other rounds."""
    compared = {row.name: row.compared for row in rows}
    return [
        *_find_uneven_repeats(compared),
        *_find_uneven_cuts(compared),
        *_find_clock_drift(compared),
        *_find_other_rounds(rows),
    ]


def find_in_runs(finished: Finished) -> list[Finding]:
    """Return the findings on single finished measured runs."""
    return [
        *_find_fewer_threads(finished),
        *(
            finding
            for records in finished.values()
            for record in records
            for finding in _find_disturbance(record)
        ),
        *(
            finding
            for records in finished.values()
            for record in records
            for finding in _find_resumed(record)
        ),
        *_find_no_learning(finished),
        *_find_cut_answers(finished),
    ]


def find_wrong(finished: Finished) -> list[Finding]:
    """Return the self-checks that failed: what such a run left is not what it should be."""
    said = {
        "parameters": "the trained parameters did not change, or others did",
        "loss": "the loss of training examples did not fall from before the training to after it",
        "reload": "the saved result, loaded again, is not the trained model",
    }
    return [
        Finding(
            level="wrong",
            code=f"check_{check.name}",
            text=f"{record.started.run}: {said[check.name]} ({check.note}).",
            values={"run": record.started.run, "note": check.note},
        )
        for records in finished.values()
        for record in records
        for check in record.checks
        if check.passed is False
    ]


def find_in_progress(
    finished: Finished, planned_rounds: int, missing: Sequence[str], retried: Sequence[str]
) -> list[Finding]:
    """Return the findings on a comparison that is short: one round, runs missing, runs started again."""
    findings = []
    if planned_rounds == 1 and len(finished) > 1 and any(finished.values()):
        findings.append(
            _make_finding("one_round", "One round only: no interval can be given, and noise can't be told.")
        )
    if missing:
        runs = ", ".join(missing)
        findings.append(
            _make_finding("unfinished", f"The comparison is not complete; still to run: {runs}.", runs=runs)
        )
    for run in retried:
        findings.append(
            _make_finding("retried", f"{run} was interrupted and started again from its beginning.", run=run)
        )
    return findings


def find_in_speedups(
    finished: Finished, own: Mapping[str, Collection[str]] = MappingProxyType({})
) -> list[Finding]:
    """Return what blurs a comparison of times: speedups switched off, work reused, rounds that differ.

    `own` holds the options that a contestant has for itself: what those switch off is said there.
    """
    findings = list(_find_switched_off(finished, own))
    for method, records in finished.items():
        findings += [finding for record in records for finding in _find_reused(record)]
        rounds_by_name = Counter(speedup.name for r in records for speedup in r.speedups if speedup.ran)
        if names := ", ".join(name for name, number in rounds_by_name.items() if number < len(records)):
            text = f"Not every round of {method} ran with the same speedups: {names}."
            findings.append(_make_finding("speedups_differ", text, method=method, names=names))
    return findings


def find_in_ablation(plan: Plan) -> list[Finding]:
    """Return the finding on an ablation that had nothing to switch off."""
    if not plan.spec.get("ablate") or plan.awaits_ablation or any(r.role == "ablation" for r in plan.runs):
        return []
    text = "No speedup ran that a step would feel, so there was none to switch off."
    return [_make_finding("nothing_to_switch_off", text)]


def _find_switched_off(finished: Finished, own: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """Yield what the user switched off for all: the times would be shorter with it.

    A contestant that was told for itself what is off does not count, where another one was not.
    """
    rows = {name: records[0].started.spec for name, records in finished.items() if records}
    told = {name for name in rows if {"plain", "without"} & set(own.get(name, ()))}
    training = next((spec for name, spec in rows.items() if name not in told), {}).get("training", {})
    if told:
        yield from _find_switched_off_for(training, [name for name in rows if name not in told])
        return
    if training.get("plain"):
        text = "All speedups were switched off (--plain); the times say nothing about them."
        yield _make_finding("plain", text)
    elif names := training.get("without"):
        shown = ", ".join(names)
        yield _make_finding(
            "switched_off", f"Switched off by name: {shown}. The times are those without.", names=shown
        )


def _find_switched_off_for(training: Mapping[str, Any], names: Sequence[str]) -> Iterator[Finding]:
    """Yield what is off in the runs of `names`, beside contestants that were told for themselves."""
    if off := "--plain" if training.get("plain") else ", ".join(training.get("without", ())):
        methods = ", ".join(names)
        text = f"Switched off for {methods}: {off}. The times are those without."
        yield _make_finding("switched_off_for", text, methods=methods, names=off)


def _find_reused(record: RunRecord) -> Iterator[Finding]:
    """Yield work that an earlier run had left, which the training time of this one therefore lacks."""
    for speedup in record.speedups:
        if speedup.ran and speedup.reused:
            run, number, name = record.started.run, speedup.reused, speedup.name
            text = (
                f"{run} found the work of {name} for {number} examples done by an earlier run: its training "
                f"time lacks that work."
            )
            yield _make_finding("reused", text, run=run, number=number, name=name)


def _make_finding(code: str, text: str, **values: Any) -> Finding:
    """Return a finding that is no more than a flag: nothing is wrong, a reader should know it."""
    return Finding(level="flag", code=code, text=text, values=values)


def _find_resumed(record: RunRecord) -> Iterator[Finding]:
    """Yield that a run's times span several processes, or that a checkpoint could not be written."""
    run = record.started.run
    if went_on := [one for one in record.resumptions if one.step]:  # from step 0 it is one process again
        steps = ", ".join(str(one.step) for one in went_on)
        text = f"{run} was resumed after step {steps}: its training time adds up several processes."
        yield _make_finding("resumed", text, run=run, steps=steps)
    if restarts := [one.restarted_after for one in record.resumptions if one.restart]:
        reasons = "; ".join(dict.fromkeys(restarts))
        text = f"{run} was begun again by itself (--max-restarts), after: {reasons}."
        yield _make_finding("restarted", text, run=run, reasons=reasons)
    if changed := ", ".join(dict.fromkeys(one for event in record.resumptions for one in event.changed)):
        text = (
            f"{run} was resumed on another machine, by other versions or another number of processes: "
            f"{changed}."
        )
        yield _make_finding("resumed_elsewhere", text, run=run, changed=changed)
    if unusable := [reason for event in record.resumptions for reason in event.unusable]:
        reasons = "; ".join(unusable)
        text = f"{run} was resumed from an older checkpoint: {reasons}."
        yield _make_finding("damaged_checkpoint", text, run=run, reasons=reasons)
    if record.damaged:
        lines, kept = ", ".join(str(one.line) for one in record.damaged), record.damaged[-1].kept_in
        text = (
            f"{run}: damaged lines were left out of its record ({lines}; as it was: {kept}). "
            f"What depends on them is not given."
        )
        yield _make_finding("damaged_record", text, run=run, lines=lines, kept=kept)
    if failed := [one for one in record.checkpoints if one.error]:
        error, number = failed[-1].error, len(failed)
        text = f"{run}: {number} checkpoints could not be written ({error})."
        yield _make_finding("no_checkpoint", text, run=run, number=number, error=error)


def _find_uneven_repeats(finished: Finished) -> Iterator[Finding]:
    """Yield methods whose rounds lie far apart, or grew or shrank from round to round."""
    for method, records in finished.items():
        seconds = [r.finished.train_seconds for r in records if r.finished and r.finished.train_seconds]
        if (width := spread(seconds)) >= NOTABLE_CHANGE:
            percent = _percent(width)
            text = f"The training times of {method} lie {percent:g} % apart between rounds."
            yield _make_finding("spread", text, method=method, percent=percent)
        if abs(change := drift(seconds)) >= NOTABLE_CHANGE:
            percent = _percent(change)
            text = f"The training time of {method} moved steadily: {percent:+g} % from first round to last."
            yield _make_finding("drift", text, method=method, percent=percent)


def _find_uneven_cuts(finished: Finished) -> Iterator[Finding]:
    """Yield methods whose steps went through in other parts from round to round, as memory was free."""
    for method, records in finished.items():
        sizes = [
            record.memory.micro_batch or record.started.spec.get("training", {}).get("batch_size", 1)
            for record in records
            if record.memory
        ]
        if len(set(sizes)) > 1:
            shown = ", ".join(map(str, sizes))
            text = (
                f"The steps of {method} went through in other parts from round to round ({shown} at a time)."
            )
            yield _make_finding("cuts_differ", text, method=method, sizes=shown)


def _find_other_rounds(rows: Sequence[MethodRuns]) -> Iterator[Finding]:
    """Yield methods whose times cannot stand beside the others': they are said here instead."""
    for row in rows:
        if row.finished and not row.compared:
            rounds = ", ".join(str(record.started.round) for record in row.finished)
            seconds = median_of(record.train_seconds for record in row.finished)
            told = "" if seconds is None else f"; it trained in {seconds:.3g} s there"
            text = f"{row.name} finished other rounds ({rounds}) than those that are compared{told}."
            yield _make_finding("other_rounds", text, method=row.name, rounds=rounds, seconds=seconds)


def _find_clock_drift(finished: Finished) -> Iterator[Finding]:
    """Yield a change of the processor's clock between the first and the last round."""
    by_round: dict[int, list[float]] = {}
    for record in (record for records in finished.values() for record in records):
        by_round.setdefault(record.started.round, []).extend(_clocks(record.loads))
    clocks = [median(by_round[number]) for number in sorted(by_round) if by_round[number]]
    if len(clocks) < 2 or clocks[0] <= 0:
        return
    change = clocks[-1] / clocks[0] - 1
    if abs(change) >= NOTABLE_CHANGE:
        percent = _percent(change)
        text = f"The clock changed by {percent:+g} % between the first round and the last."
        yield _make_finding("clock_drift", text, percent=percent)


def _find_fewer_threads(finished: Finished) -> Iterator[Finding]:
    """Yield that other programs were at work when the threads were chosen."""
    machines = {
        name: record.machine.facts
        for name, records in finished.items()
        for record in records[:1]
        if record.machine
    }
    threads = {name: facts["threads"] for name, facts in machines.items() if facts.get("threads")}
    shown = join_values(threads) if len(set(threads.values())) > 1 else next(iter(threads.values()), None)
    for facts in machines.values():
        free, cores = facts.get("free_cores"), facts.get("physical_cores")
        if shown and cores and free is not None and free < cores:
            text = f"Other programs were at work at the start: {free} of {cores} cores were free."
            yield _make_finding("fewer_threads", text, threads=shown, free=free, cores=cores)
            return


def _clocks(loads: Sequence[Load]) -> list[float]:
    """Return the clock after training in MHz; the clock of a machine at rest before it says little."""
    after = [load.clock_mhz for load in loads if load.when == "after" and load.clock_mhz]
    return after or [load.clock_mhz for load in loads if load.clock_mhz]


def _find_disturbance(record: RunRecord) -> Iterator[Finding]:
    """Yield other load, swapping and throttling during one run."""
    run = record.started.run
    loads = [load for load in record.loads if load.load_average is not None and load.cores]
    busiest = max(loads, key=lambda load: load.load_average or 0.0, default=None)
    if busiest and (average := busiest.load_average or 0.0) > LOAD_LIMIT_PER_CORE * busiest.cores:
        text = f"{run}: other programs were running (load {average:.1f} on {busiest.cores} cores)."
        yield _make_finding("load", text, run=run, load_average=round(average, 1), cores=busiest.cores)
    if growth(record.loads, "swapped_pages") > 0:
        yield _make_finding("swap", f"{run}: memory was swapped during the run.", run=run)
    if growth(record.loads, "throttle_count") > 0:
        yield _make_finding("throttled", f"{run}: the processor was throttled because of its heat.", run=run)


def growth(loads: Sequence[Load], counter: str) -> int:
    """Return how much a counter since boot grew from before the measured part to after it; 0 if unknown."""
    values = {load.when: getattr(load, counter) for load in loads}
    before, after = values.get("before"), values.get("after")
    return 0 if before is None or after is None else after - before


def _find_no_learning(finished: Finished) -> Iterator[Finding]:
    """Yield methods whose loss did not fall from step to step, and fp16 steps that changed nothing."""
    for method, records in finished.items():
        if any(not loss_fell(record) for record in records):
            text = (
                f"As the training of {method} went on, the loss of its steps, each on its own examples, "
                f"did not fall."
            )
            yield _make_finding("not_learned", text, method=method)
        if skipped := sum(step.skipped for record in records for step in record.steps):
            text = f"{method}: {skipped} steps were skipped because a gradient overflowed in fp16."
            yield _make_finding("skipped_steps", text, method=method, number=skipped)


def loss_fell(record: RunRecord) -> bool:
    """Say whether the mean loss of the last epoch lies below that of the first (one epoch: its halves).

    True where there are too few steps to tell; False where the loss stopped being a number.
    """
    epochs = sorted({step.epoch for step in record.steps})
    if len(epochs) >= 2:
        first = [step.loss for step in record.steps if step.epoch == epochs[0]]
        last = [step.loss for step in record.steps if step.epoch == epochs[-1]]
    else:
        half = len(record.steps) // 2
        first, last = ([step.loss for step in part] for part in (record.steps[:half], record.steps[half:]))
    if not first or not last:
        return True
    numbers = [loss for loss in (*first, *last) if loss is not None]
    if len(numbers) < len(first) + len(last):
        return False
    return fmean(numbers[len(first) :]) < fmean(numbers[: len(first)])


def _find_cut_answers(finished: Finished) -> Iterator[Finding]:
    """Yield methods whose answers ran into the length limit, counted in the first round with answers."""
    for method, records in finished.items():
        answers = find_answered(records).answers if records else []
        if number := sum(answer.stopped == "length" for answer in answers):
            text = f"{number} of {len(answers)} answers of {method} were cut at the length limit."
            yield _make_finding("answer_cut", text, method=method, number=number)


def _percent(share: float) -> float:
    """Return a share in percent with one decimal."""
    return round(100 * share, 1)
