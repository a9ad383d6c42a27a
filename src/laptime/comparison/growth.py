"""How a plan grows when its runs are over: by the ablation after round 1, by a round where more must be told.

What it grows by follows from the plan and the records alone, so that an interrupted comparison goes on to the
same runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec.structs import replace

from laptime.comparison.ablation import add_ablation
from laptime.comparison.collection import Collected, assemble, read_runs
from laptime.comparison.pairs import headline_pair, name_entrants
from laptime.comparison.result import Pair
from laptime.comparison.schedule import add_round, list_measured
from laptime.comparison.stopping import MOST_ROUNDS, count_seconds, find_end, limit_seconds
from laptime.comparison.tuning import grow_tuning
from laptime.data.input_manifest import InputManifest
from laptime.runs.disk import SPARE_DISK_BYTES, count_free, count_results
from laptime.runs.plan import Plan, PlannedRun, RoundsEnd
from laptime.runs.record import RunRecord
from laptime.runs.runner import Prospect
from laptime.spec import CompareSpec


def foresee(plan: Plan, folder: Path) -> Prospect:
    """Return what may follow the runs of `plan`."""
    if not plan.awaits_rounds or len(plan.contestants) < 2:  # one alone has no interval to make narrow
        return Prospect(ablates=plan.awaits_ablation)
    last = [run for run in plan.runs if run.round == plan.num_rounds]
    raced = _list_raced(read_runs(folder, plan).records.values())
    limit, spent = limit_seconds(plan.spec), count_seconds(raced)
    seconds = None if limit is None else limit - spent
    return Prospect(last * (MOST_ROUNDS - plan.num_rounds), seconds, plan.awaits_ablation)


def grow(
    plan: Plan, spec: CompareSpec, manifest: InputManifest, folder: Path, say: Callable[[str], None]
) -> Plan:
    """Return `plan` with what is to run next, or closed; `say` is told why it goes on."""
    collected = read_runs(folder, plan)
    if plan.awaits_tuning:
        return grow_tuning(plan, spec, collected.records, say)
    if plan.awaits_ablation:
        grown = add_ablation(plan, collected.records)
        if more := len(grown.runs) - len(plan.runs):
            say(f"round 1 has told which speedups run: {more} runs without them follow")
        return grown
    result = assemble(collected)
    pair = headline_pair(result.pairs, *name_entrants(result.methods))
    grown = add_round(plan)
    added = grown.runs[len(plan.runs) :]
    if end := _find_end(pair, collected, spec, manifest, added):
        return replace(plan, awaits_rounds=False, rounds_end=end)
    if pair and pair.train_interval:
        say(f"{_tell_interval(pair, plan)}: round {grown.num_rounds} follows")
    return grown


def _tell_interval(pair: Pair, plan: Plan) -> str:
    """Say how wide the interval is; the ratio is the same way round after every round."""
    assert pair.train_interval
    interval, names = pair.train_interval, (pair.slower, pair.faster)
    if plan.contestants.index(names[0]) > plan.contestants.index(names[1]):
        interval, names = (1 / interval[1], 1 / interval[0]), names[::-1]
    low, high = map(_tell_bound, interval)
    return (
        f"after round {plan.num_rounds} {names[0]} takes {low} to {high} times as "
        f"long as {names[1]}, not narrower than 5 %"
    )


def _tell_bound(value: float) -> str:
    """Return an end of an interval, no further out than it tells anything."""
    if not 1 / 999.5 < value < 999.5:
        return ">999" if value > 1 else "<0.001"
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.2g}"


def _find_end(
    pair: Pair | None,
    collected: Collected,
    spec: CompareSpec,
    manifest: InputManifest,
    added: list[PlannedRun],
) -> RoundsEnd:
    """Return why the runs of `added` are not to follow, or ""."""
    plan = collected.plan
    if end := find_end(pair.train_interval if pair else None, plan.num_rounds):
        return end
    limit, spent = limit_seconds(plan.spec), count_seconds(_list_raced(collected.records.values()))
    if limit is not None and spent + _seconds_of_a_round(collected) > limit:
        return "minutes"
    # The time limit goes first: it ends the same comparison in the same way on every disk.
    room = count_free(collected.folder) - SPARE_DISK_BYTES
    moments = spec.moments if spec.target_loss is not None else 0
    needed = sum(count_results(list_measured(spec, added), manifest.shape, moments))
    return "disk" if needed > room else ""


def _list_raced(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the records but those of learning rates that were tried: a limit of time is the race's."""
    return [record for record in records if record.started.role != "tuning"]


def _seconds_of_a_round(collected: Collected) -> float:
    """Return how long a round has taken on average, with its ablation."""
    records = [record for record in collected.records.values() if record.started.round > 0]
    return count_seconds(records) / max(1, collected.plan.num_rounds)
