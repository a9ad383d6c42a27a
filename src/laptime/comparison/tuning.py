"""Learning rates that are tried before a race: as many for each row, on one grid about its own default.

One rate for all methods is the commonest flaw of published comparisons. Held-out loss decides, by runs with
the steps and the data of the race and a seed of their own, which end when they have measured it. Where the
best of a row lies at an edge, the grid of all grows once by a step on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from laptime.comparison.result import TriedRate, Tuning
from laptime.comparison.rows import held_out_loss
from laptime.comparison.schedule import plan_runs
from laptime.comparison.stopping import count_seconds
from laptime.data.input_manifest import InputManifest
from laptime.methods.method import make_method, round_rate
from laptime.runs.contestants import Contestant, list_contestants
from laptime.runs.plan import Plan, PlannedRun, name_work
from laptime.runs.record import RunRecord
from laptime.spec import OURS, CompareSpec, RunSpec, learning_rate_of
from laptime.util.atomic import as_read

DECADES = 0.5  # between two rates that are tried


def is_tuned(one: Contestant) -> bool:
    """Tell whether learning rates are tried for a contestant: our own, that has none given."""
    spec = one.run_spec
    own = spec.trainer == OURS and not one.is_between
    return own and learning_rate_of(spec.training, spec.method) is None


def plan_tuned(spec: CompareSpec, manifest: InputManifest) -> list[PlannedRun]:
    """Lay out the runs of a comparison: the base, the rates that are tried, then the rounds."""
    base, *rounds = plan_runs(spec)
    assert spec.tune is not None
    exponents = [DECADES * (place - (spec.tune - 1) / 2) for place in range(spec.tune)]
    return [base, *plan_rates(spec, find_defaults(spec, manifest), exponents), *rounds]


def list_tuned(spec: CompareSpec) -> dict[str, list[Contestant]]:
    """Return by the name of who tries for them those that do the same work, and so race with one rate."""
    found: dict[str, list[Contestant]] = {}
    works: dict[str, str] = {}
    plain = as_read(spec)
    for one in filter(is_tuned, list_contestants(spec)):
        leader = works.setdefault(repr(name_work(plain, one.name, one.method)), one.name)
        found.setdefault(leader, []).append(one)
    return found


def find_defaults(spec: CompareSpec, manifest: InputManifest) -> dict[str, float]:
    """Return the default learning rate of each row that tries rates."""
    return {name: find_default(alike[0].run_spec, manifest) for name, alike in list_tuned(spec).items()}


def find_default(spec: RunSpec, manifest: InputManifest) -> float:
    """Return the learning rate that a run would have that is given none."""
    method = make_method(spec.method, spec.method_options)
    batch = spec.training.batch_size * spec.training.gradient_accumulation
    examples = min(batch, manifest.data["num_records"])
    return method.default_rate(manifest.shape, examples, manifest.toy, spec.training.optimizer)


def plan_rates(
    spec: CompareSpec, defaults: Mapping[str, float], exponents: Sequence[float]
) -> list[PlannedRun]:
    """Return the runs that try the defaults times ten to each exponent, those of a row together."""
    tuned = list_tuned(spec)
    return [
        PlannedRun(
            run=f"{name}-rate-{rate:g}",
            method=tuned[name][0].method,
            round=0,
            role="tuning",
            contestant=name if name != tuned[name][0].method else "",
            rate=rate,
        )
        for name, default in defaults.items()
        for rate in (round_rate(default * 10**exponent) for exponent in exponents)
    ]


def grow_tuning(
    plan: Plan, spec: CompareSpec, records: Mapping[str, RunRecord], say: Callable[[str], None]
) -> Plan:
    """Return `plan` with rates beyond the edges where one of the best is one, else with those chosen."""
    found = summarise_tuning(plan, records)
    at_edge = [one.contestant for one in found if one.chosen is not None and not one.is_bracketed]
    if at_edge and not has_grown(found, spec):
        names = ", ".join(at_edge)
        say(f"the best learning rate of {names} is the lowest or highest that was tried: two more of each")
        return replace(plan, runs=add_edges(plan, spec, found))
    for one in found:
        if one.chosen is not None:
            beyond = "" if one.is_bracketed else ", at the edge of what was tried"
            say(f"{one.contestant} races with the learning rate {one.chosen:g}{beyond}")
    leaders = {one.contestant: one.chosen for one in found}
    rates = {
        alike.name: rate
        for name, group in list_tuned(spec).items()
        for alike in group
        if (rate := leaders.get(name)) is not None
    }
    return replace(plan, awaits_tuning=False, rates=rates)


def has_grown(found: Sequence[Tuning], spec: CompareSpec) -> bool:
    """Tell whether the grid has got its rates beyond the first edges."""
    return any(len(one.tried) > (spec.tune or 0) for one in found)


def add_edges(plan: Plan, spec: CompareSpec, found: Sequence[Tuning]) -> list[PlannedRun]:
    """Return the runs of a plan with one more rate below and above for each row."""
    edge = DECADES * ((spec.tune or 0) + 1) / 2
    added = plan_rates(spec, {one.contestant: one.default_rate for one in found}, [-edge, edge])
    before = [run for run in plan.runs if run.round == 0]
    return [*before, *added, *(run for run in plan.runs if run.round)]


def summarise_tuning(plan: Plan, records: Mapping[str, RunRecord]) -> list[Tuning]:
    """Return the rates that were tried for each row, and the best; none where none were."""
    by_name: dict[str, list[PlannedRun]] = {}
    for run in plan.runs:
        if run.role == "tuning":
            by_name.setdefault(run.name, []).append(run)
    return [summarise_row(name, runs, records) for name, runs in by_name.items()]


def summarise_row(name: str, runs: Sequence[PlannedRun], records: Mapping[str, RunRecord]) -> Tuning:
    """Return the rates that were tried for one row; one whose run failed led to no loss."""
    in_order = sorted(runs, key=lambda run: run.rate or 0.0)
    losses = {run.run: find_loss(records.get(run.run)) for run in in_order}
    tried = [TriedRate(rate=run.rate or 0.0, loss=losses[run.run]) for run in in_order]
    known = [one for one in tried if one.loss is not None]
    best = min(known, key=lambda one: one.loss or 0.0, default=None)
    own = [records[run.run] for run in runs if run.run in records]
    return Tuning(
        contestant=name,
        default_rate=find_middle([run.rate or 0.0 for run in in_order]),
        tried=tried,
        chosen=best.rate if best else None,
        is_bracketed=best is not None and 0 < tried.index(best) < len(tried) - 1,
        seconds=count_seconds(own),
    )


def find_middle(rates: Sequence[float]) -> float:
    """Return the rate about which a grid lies; of an even number the mean of the middle two, on its scale."""
    low, high = rates[(len(rates) - 1) // 2], rates[len(rates) // 2]
    return round_rate((low * high) ** 0.5)


def find_loss(record: RunRecord | None) -> float | None:
    """Return the held-out loss of a run that came to its end."""
    return held_out_loss(record) if record and record.finished else None
