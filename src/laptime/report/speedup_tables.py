"""What ran to make each method faster, and what each speedup contributes, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from laptime.comparison.result import Ablation, ComparisonResult, SpeedupResult, Variant
from laptime.report import quantities
from laptime.report.conclusion import tell_failure
from laptime.report.language import Language
from laptime.report.quantities import ABSENT, known
from laptime.report.recorded import say_recorded
from laptime.runs.plan import PLAIN
from laptime.speedups.speedup import works_inside

MANY = 4  # rows, from which on "all" says more than their names


@dataclass(frozen=True)
class SpeedupRow:
    """A speedup: its name, what it does, what it claims, and (ran, what it did or why not) by method."""

    name: str
    summary: str
    claims: str
    cells: list[tuple[bool, str]]


@dataclass(frozen=True)
class VariantRow:
    """What was switched off, what went with it, the seconds of a steady step, the ratio and its verdict."""

    name: str
    also_off: str
    step: str
    ratio: str
    interval: str
    verdict: str


@dataclass(frozen=True)
class AblationTable:
    """The rows of one method; `step` is a steady step with all that run."""

    method: str
    title: str
    step: str
    rows: list[VariantRow]


def make_speedups(result: ComparisonResult, language: Language) -> list[SpeedupRow]:
    """Return a row for each speedup, those that ran somewhere first; none where no run told of any."""
    by_method = [{one.name: one for one in method.speedups} for method in result.methods]
    known_ones = {name: one for speedups in by_method for name, one in speedups.items()}
    rows = [
        SpeedupRow(
            name=name,
            summary=language.say(f"speedup.{name}") if language.knows(f"speedup.{name}") else "",
            claims=language.say(f"claims.{one.claims}"),
            cells=[_cell(speedups.get(name), language) for speedups in by_method],
        )
        for name, one in known_ones.items()
    ]
    return sorted(rows, key=lambda row: not any(ran for ran, _ in row.cells))


def _cell(speedup: SpeedupResult | None, language: Language) -> tuple[bool, str]:
    """Return whether a speedup ran, and its note."""
    return (speedup.ran, say_recorded(speedup.note, language)) if speedup else (False, ABSENT)


def make_ablation(result: ComparisonResult, language: Language) -> list[AblationTable]:
    """Return a table for each method of which speedups were switched off."""
    return [
        AblationTable(
            method=ablation.method,
            title=language.say("ablation.title", method=language.title(ablation.method)),
            step=language.seconds(ablation.step_seconds),
            rows=[_variant(variant, language) for variant in sort_variants(ablation)],
        )
        for ablation in result.ablation
    ]


def sort_variants(ablation: Ablation) -> list[Variant]:
    """Return the speedups that are shown to pay first, the surest first, and all of them at once last.

    The others keep the order of the plan: where no interval tells them apart there is no rank.
    """

    def place(one: Variant) -> tuple[bool, float]:
        shown = one.verdict == "faster" and one.interval is not None
        return one.without == PLAIN, -one.interval[0] if shown and one.interval else 0.0

    return sorted(ablation.variants, key=place)


def _variant(variant: Variant, language: Language) -> VariantRow:
    """Return one speedup switched off, in words."""
    also = language.say("ablation.also", names=", ".join(variant.also_off)) if variant.also_off else ""
    return VariantRow(
        name=language.say("ablation.plain") if variant.without == PLAIN else variant.without,
        also_off=also,
        step=language.seconds(variant.step_seconds),
        ratio=language.ratio(variant.ratio) if known(variant.ratio) else ABSENT,
        interval=_interval(variant, language),
        verdict="; ".join(_judge(variant, language)),
    )


def _judge(variant: Variant, language: Language) -> list[str]:
    """Return what the ratio shows, and which runs failed and why."""
    key = f"ablation.{variant.verdict}"
    verdict = language.say(key if language.knows(key) else f"verdict.{variant.verdict}")
    failures = [tell_failure(one, language) for one in variant.failures]
    return failures if failures and variant.ratio is None else [verdict, *failures]


def _interval(variant: Variant, language: Language) -> str:
    """Return the ends of the interval, or "" where one round gives none."""
    if variant.interval is None:
        return ""
    low, high = map(quantities.bound, variant.interval)
    return language.say("ablation.interval", low=low, high=high)


def group_speedups(
    result: ComparisonResult, ran: bool, language: Language
) -> list[tuple[list[str], list[str]]]:
    """Return (methods, speedups) that ran, or that did not, each with its reason; equal ones together.

    What works inside one that did not run is not told by itself: it did not run either.
    """
    methods: dict[str, list[str]] = {}
    for method in result.methods:
        for words in tell_speedups(method.speedups, ran, language):
            methods.setdefault(words, []).append(method.name)
    groups: dict[tuple[str, ...], list[str]] = {}
    for words, names in methods.items():
        groups.setdefault(tuple(names), []).append(words)
    return [(list(names), words) for names, words in sorted(groups.items(), key=lambda item: -len(item[0]))]


def tell_speedups(speedups: Sequence[SpeedupResult], ran: bool, language: Language) -> list[str]:
    """Return the names of a method's speedups that ran, or of those that did not, with why."""
    if ran:
        return [one.name for one in speedups if one.ran]
    idle = {one.name: one.note for one in speedups if not one.ran}
    around = {name: other for name in idle for other in idle if idle[name] == works_inside(other)}
    return [
        language.say(
            "terminal.with_inside" if name in around.values() else "terminal.without_inside",
            name=name, reason=say_recorded(note, language),
        )
        for name, note in idle.items()
        if name not in around
    ]  # fmt: skip


def tell_methods(names: Sequence[str], result: ComparisonResult, language: Language) -> str:
    """Return the names of rows; where these are most of many, that all are meant, or all but which."""
    every = [method.name for method in result.methods]
    others = [name for name in every if name not in names]
    if len(every) < MANY or len(others) > len(every) // 3:
        return ", ".join(map(language.short, names))
    key = "terminal.all_but" if others else "terminal.all"
    return language.say(key, others=", ".join(map(language.short, others)))
