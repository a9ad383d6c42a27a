"""What must be equal across the records of a round, and what can't be but must be stated.

Two methods are compared only where their records prove the same work: the same tokens trained in every
step, the same base, data and options, the same machine and precision of compute. Any difference is named
and takes the ratio away. Only the learning rate and the precision of what is trained may differ, and what a
contestant was given for itself: that is what is compared, as long as every step trains the same tokens.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Any

from laptime.comparison.devices import count_devices
from laptime.comparison.result import Finding
from laptime.runs.contestants import tell_options
from laptime.runs.record import RunRecord
from laptime.spec import WITHOUT_EFFECT

FREE_OPTIONS = {"learning_rate", *WITHOUT_EFFECT}  # each method has its own best rate
COUNTS_OF_MACHINE = {"cores", "threads", "gpu_count"}
# A contestant's own may differ where every step trains the same tokens all the same.
OTHER_BATCHES = "other_batches"
BATCHING = ("batch_size", "gradient_accumulation")
THREADS, ALLOCATOR = "machine threads", "machine environment MALLOC_"
FOLLOWS = {  # from a free option
    "precision": {"compute_dtype", "attention"},
    "threads": {THREADS},
    "devices": {"device", "machine device", "machine gpu", "machine gpu_capability", "machine gpu_count"},
}
OF_TRAINER = ("machine versions", "machine python", "machine environment")
NOTHING: Mapping[str, Collection[str]] = MappingProxyType({})
NO_OPTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
STATED = {
    "learning_rate": "The learning rates differ",
    "trained_dtype": "What is trained is kept in precisions of its own",
}
COMPUTE = "The precision of compute differs, as was asked for"

SAME_LOSS = 0.01  # in bf16 the way of rounding alone makes a difference of 0.001

MethodPair = tuple[str, str]


def find_unequal_work(
    finished: Mapping[str, Sequence[RunRecord]], own: Mapping[str, Collection[str]] = NOTHING
) -> dict[MethodPair, list[Finding]]:
    """Return what differs for each pair of contestants, compared round by round; equal pairs have no entry.

    `finished` holds the finished records by contestant, `own` the options that it has for itself. A
    difference that recurs is named once.
    """
    unequal: dict[MethodPair, list[Finding]] = {}
    for first, second in combinations(finished, 2):
        others = {record.started.round: record for record in finished[second]}
        named: dict[tuple[str, str], Finding] = {}
        free = {*own.get(first, ()), *own.get(second, ())}
        for record in finished[first]:
            if other := others.get(record.started.round):
                for finding in compare_records(record, other, free):
                    named.setdefault((finding.code, str(finding.values.get("option", ""))), finding)
        if named:
            unequal[first, second] = list(named.values())
    return unequal


def list_unequal(
    unequal: Mapping[MethodPair, Sequence[Finding]], finished: Mapping[str, Sequence[RunRecord]]
) -> list[Finding]:
    """Return the findings on all pairs; that contestants put other examples into a step is said once."""
    pairs = [pair for pair, findings in unequal.items() if any(one.code == OTHER_BATCHES for one in findings)]
    others = [one for findings in unequal.values() for one in findings if one.code != OTHER_BATCHES]
    options: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        differing = differing_options(*(finished[name][0] for name in pair))
        for place, name in enumerate(pair):
            own = {option: differing[option][place] for option in BATCHING if option in differing}
            options.setdefault(name, {}).update(own)
    return [_tell_batches(options), *others] if options else others


def _tell_batches(options: Mapping[str, Mapping[str, Any]]) -> Finding:
    """Return the finding that batches of their own put other examples into a step of some contestants."""
    alike: dict[str, list[str]] = {}
    for name, own in options.items():
        alike.setdefault(tell_options(dict(own)), []).append(name)
    shown = "; ".join(f"{', '.join(names)}: {told}" for told, names in alike.items())
    methods = ", ".join(options)
    text = f"{methods} train other examples in a step ({shown}), so there is no ratio between such as differ."
    return Finding(
        level="unequal", code=OTHER_BATCHES, values={"methods": methods, "values": shown}, text=text
    )


def compare_records(
    first: RunRecord, second: RunRecord, free: Collection[str] = frozenset()
) -> Iterator[Finding]:
    """Yield every difference in the work of two runs of the same round, but for options that are `free`."""
    of_steps, options = list(_compare_steps(first, second)), differing_options(first, second)
    if of_steps and (batching := [name for name in BATCHING if name in free and name in options]):
        names = (first.started.name, second.started.name)
        both = ({option: options[option][place] for option in batching} for place in (0, 1))
        of_steps = [_tell_batches(dict(zip(names, both, strict=True)))]
    yield from of_steps
    yield from _compare_sources(first, second)
    yield from _compare_trained(first, second, free)
    allowed = {*free, *(fact for option in free for fact in FOLLOWS.get(option, ()))}
    of_team = _follow_devices(first, second)
    for option, values in options.items():
        if option in allowed or option.startswith(of_team):
            continue
        shown = join_values(_name_both(first, second, values))
        where = {"methods": _methods(first, second), "option": option, "values": shown}
        if option == "compute_dtype":
            text = f"The precision of compute differs: {shown}."
            yield Finding(level="unequal", code=option, values=where, text=text)
        else:
            text = f"{_methods(first, second)} were trained with a different {option}: {shown}."
            yield Finding(level="unequal", code="different_training_option", values=where, text=text)


def _follow_devices(first: RunRecord, second: RunRecord) -> tuple[str, ...]:
    """Return how the facts begin that follow from several devices.

    Processes on one processor share its threads; one that holds a part of a model gives memory back at once.
    """
    if not (first.ranks or second.ranks):
        return ()
    others = count_devices(first.ranks) != count_devices(second.ranks)
    return (ALLOCATOR, THREADS) if others else (ALLOCATOR,)


def _compare_steps(first: RunRecord, second: RunRecord) -> Iterator[Finding]:
    """Yield a difference in the number of steps, and the first step whose trained tokens differ."""
    methods, round_ = _methods(first, second), first.started.round
    if silent := [r.started.name for r in (first, second) if not all(step.digest for step in r.steps)]:
        names = ", ".join(silent)
        text = f"{methods}: equal work is not shown; {names} cannot show which tokens it trained."
        proof = {"methods": methods, "lacking": names}
        yield Finding(level="unequal", code="unproven_work", values=proof, text=text)
        return
    if lacking := [r.started.name for r in (first, second) if r.lacks_steps]:
        names = ", ".join(lacking)
        text = f"{methods}: equal work is not shown; the record of {names} lacks steps in round {round_}."
        values = {"methods": methods, "round": round_, "lacking": names}
        yield Finding(level="unequal", code="unknown_work", values=values, text=text)
        return
    counts = (len(first.steps), len(second.steps))
    if counts[0] != counts[1]:
        shown = join_values(_name_both(first, second, counts))
        text = f"{methods} made different numbers of steps in round {round_}: {shown}."
        values = {"methods": methods, "round": round_, "values": shown}
        yield Finding(level="unequal", code="different_steps", values=values, text=text)
    for ours, theirs in zip(first.steps, second.steps, strict=False):
        if (ours.digest, ours.trained_tokens) != (theirs.digest, theirs.trained_tokens):
            place = {"step": ours.step, "round": round_}
            yield _different_work(
                methods, "tokens", f"step {ours.step} of round {round_} trains other tokens", place
            )
            return


def did_the_same_work(first: RunRecord, second: RunRecord) -> bool:
    """Say whether two runs trained the same tokens in every step."""
    return next(_compare_steps(first, second), None) is None


def _compare_sources(first: RunRecord, second: RunRecord) -> Iterator[Finding]:
    """Yield a difference in the data or in the base model."""
    methods = _methods(first, second)
    if first.data and second.data and first.data.digest != second.data.digest:
        yield _different_work(methods, "data", "the examples are not the same")
    if first.model and second.model and first.model.digest != second.model.digest:
        yield _different_work(methods, "model", "the base models are not the same")


def _compare_trained(first: RunRecord, second: RunRecord, free: Collection[str]) -> Iterator[Finding]:
    """Yield that two trainers, told to run the same method with the same options, train unlike parameters."""
    if first.started.trainer == second.started.trainer or first.started.method != second.started.method:
        return
    own = set(free) & set(first.started.spec.get("method_options", {}))
    if first.steps and second.steps:
        yield from _compare_first_loss(first, second)
    if first.model and second.model and not own:
        counts = (first.model.trainable_parameters, second.model.trainable_parameters)
        if counts[0] != counts[1]:
            methods, shown = _methods(first, second), join_values(_name_both(first, second, counts))
            text = f"{methods} train different numbers of parameters: {shown}."
            values = {"methods": methods, "values": shown}
            yield Finding(level="unequal", code="different_parameters", values=values, text=text)


def _compare_first_loss(first: RunRecord, second: RunRecord) -> Iterator[Finding]:
    """Yield that the losses of the first step, before any update, are further apart than rounding takes them.

    The same model on the same tokens has one loss; another one is weighed or computed otherwise.
    """
    one, other = first.steps[0].loss, second.steps[0].loss
    if one is None or other is None or math.isclose(one, other, rel_tol=SAME_LOSS):
        return
    methods, shown = _methods(first, second), join_values(_name_both(first, second, (one, other)))
    text = f"{methods} have different losses in their first step, before any update: {shown}."
    values = {"methods": methods, "values": shown}
    yield Finding(level="unequal", code="different_loss", values=values, text=text)


def _different_work(
    methods: str, option: str, what: str, place: Mapping[str, int] = MappingProxyType({})
) -> Finding:
    """Return the finding that `what` differs between `methods`; `place` says where it was seen first."""
    values = {"methods": methods, "option": option, **place}
    text = f"{methods} did not do the same work: {what}."
    return Finding(level="unequal", code="different_work", values=values, text=text)


def differing_options(first: RunRecord, second: RunRecord) -> dict[str, tuple[Any, Any]]:
    """Return the options and facts that should be equal and are not, with both values."""
    ours, theirs = _fixed_facts(first), _fixed_facts(second)
    names = dict.fromkeys([*ours, *theirs])
    if first.started.trainer != second.started.trainer:  # each on versions of its own, which are stated
        names = dict.fromkeys(n for n in names if n != "attention" and not n.startswith(OF_TRAINER))
    pairs = {name: (ours.get(name), theirs.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _fixed_facts(record: RunRecord) -> dict[str, Any]:
    """Return all of a run that must not depend on its method."""
    facts = {k: v for k, v in record.started.spec.get("training", {}).items() if k not in FREE_OPTIONS}
    facts |= record.started.spec.get("data", {})
    if record.model:
        facts |= {name: getattr(record.model, name) for name in ("device", "attention", "compute_dtype")}
    if record.data:
        facts |= {"template": record.data.template, "loss_on": record.data.loss_on}
    if record.machine:
        facts |= dict(identify(record.machine.facts, "machine"))
    return facts


def identify(facts: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield what names a machine: its texts and counts, not what was measured on it."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from identify(value, f"{prefix} {name}")
        elif isinstance(value, str) or (name in COUNTS_OF_MACHINE and isinstance(value, int)):
            yield f"{prefix} {name}", value


def find_stated_differences(
    records: Mapping[str, RunRecord], own: Mapping[str, Mapping[str, Any]] = NO_OPTIONS
) -> list[Finding]:
    """Return what differs between contestants because it must or should, and what each has to say of itself.

    `records` holds one record of each contestant, `own` the options that it has for itself.
    """
    models = {method: record.model for method, record in records.items() if record.model}
    findings = [
        Finding(level="stated", code="note", values={"method": name, "note": note}, text=f"{name}: {note}.")
        for name, model in models.items()
        for note in model.notes
    ]
    findings = [*(_state_own(name, own[name]) for name in records if own.get(name)), *findings]
    findings += [*_state_trainers(records), *_state_devices(records)]
    by_choice = {"compute_dtype": COMPUTE} if any("precision" in own.get(name, ()) for name in models) else {}
    for code, sentence in (STATED | by_choice).items():
        values = {method: getattr(model, code) for method, model in models.items()}
        if len(set(values.values())) > 1:
            shown = join_values(values)
            values_of = {"methods": ", ".join(values), "values": shown}
            findings.append(
                Finding(level="stated", code=code, values=values_of, text=f"{sentence}: {shown}.")
            )
    return findings


def _state_own(name: str, options: Mapping[str, Any]) -> Finding:
    """Return the finding that a contestant has options of its own."""
    shown = tell_options(options)
    values = {"method": name, "options": shown}
    return Finding(
        level="stated", code="own_options", values=values, text=f"{name} has options of its own: {shown}."
    )


def _state_trainers(records: Mapping[str, RunRecord]) -> Iterator[Finding]:
    """Yield on which versions each trainer stands, where there are several."""
    if len({record.started.trainer for record in records.values()}) < 2:
        return
    told = {}
    for record in records.values():
        versions = record.machine.facts.get("versions", {}) if record.machine else {}
        trainer = record.started.trainer
        names = dict.fromkeys([trainer.replace("_", "-"), "torch", "transformers"])  # as pip spells it
        told[trainer] = ", ".join(f"{name} {versions[name]}" for name in names if versions.get(name))
    shown = "; ".join(f"{trainer}: {words}" for trainer, words in told.items() if words)
    text = f"Each trainer stands on versions of its own: {shown}."
    yield Finding(level="stated", code="trainers", values={"values": shown}, text=text)


def _state_devices(records: Mapping[str, RunRecord]) -> Iterator[Finding]:
    """Yield on which devices each contestant trained, where they are not the same for all."""
    devices = {name: count_devices(record.ranks) for name, record in records.items() if record.finished}
    if len(set(devices.values())) > 1:
        shown = "; ".join(f"{name} {words}" for name, words in devices.items())
        text = (
            f"The rows trained on different devices ({shown}): a ratio between them is of methods and "
            "devices together."
        )
        values = {"methods": ", ".join(devices), "values": shown}
        yield Finding(level="stated", code="devices", values=values, text=text)


def join_values(values: Mapping[str, Any]) -> str:
    """Return {"full": 2e-05, "lora": 0.0002} as "full 2e-05, lora 0.0002"."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )


def _methods(first: RunRecord, second: RunRecord) -> str:
    """Return both methods as they are named in a finding."""
    return f"{first.started.name}, {second.started.name}"


def _name_both(first: RunRecord, second: RunRecord, values: tuple[Any, Any]) -> dict[str, Any]:
    """Return both values by method."""
    return dict(zip((first.started.name, second.started.name), values, strict=True))
