"""Why one of two contestants is faster, in words: what each thing in which they differ saves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from laptime.comparison.result import Cause, ComparisonResult, Explanation
from laptime.report import quantities
from laptime.report.language import Language
from laptime.report.quantities import ABSENT, known
from laptime.runs.between import METHOD, TRAINER, WITHOUT
from laptime.runs.contestants import tell_value
from laptime.runs.plan import PLAIN
from laptime.spec import OURS, flag

MANY_PARTS = 3  # of a cause are named: the largest
MANY_BARS = 6  # of the parts of a single cause
LEAST_SHARE = 0.03  # of the difference: a smaller part is not worth a word
DEPENDS = 0.1  # of the difference: so far apart lie the orders of what depends on the rest


@dataclass(frozen=True)
class CauseRow:
    """A thing that differs: what it saves, its share, its ratio with the interval, and where that is."""

    cause: str
    saved: str
    share: str
    ratio: str
    interval: str
    verdict: str
    parts: str


@dataclass(frozen=True)
class ExplanationTable:
    """Sentences, and a row for each cause."""

    title: str
    sentences: list[str]
    rows: list[CauseRow]


def make_explanation(result: ComparisonResult, language: Language) -> ExplanationTable | None:
    """Return why the second of two contestants is faster or slower; None where that was not asked for."""
    found = result.explanation
    if found is None:
        return None
    names = {"first": language.method(found.first), "second": language.method(found.second)}
    title = language.say("explanation.title", **names)
    if found.seconds is None:
        lacking = language.join(found.lacking) or ABSENT
        text = language.say(f"explanation.{found.reason}", lacking=lacking, **names)
        return ExplanationTable(title, [language.sentence(text)], [])
    rows = [make_row(cause, found, language) for cause in sort_causes(found)]
    return ExplanationTable(title, write_sentences(found, names, language), rows)


def sort_causes(found: Explanation) -> list[Cause]:
    """Return the causes, the largest first."""
    return sorted(found.causes, key=lambda cause: -abs(cause.seconds))


def write_sentences(found: Explanation, names: dict[str, str], language: Language) -> list[str]:
    """Return what both took, what they differ by, and what is to be known of that."""
    assert found.seconds is not None
    before, after = found.seconds
    key = "explanation.less" if after < before else "explanation.more"
    times = {
        "before": language.seconds(before),
        "after": language.seconds(after),
        "difference": language.seconds(abs(before - after)),
    }
    sentences = [language.plural(key, len(found.rounds), **names, **times)]
    if len(found.causes) == 1:
        named = name_cause(found.causes[0], language)
        parts = language.join(list_parts(found.causes[0], found, language, 99))
        sentences.append(language.say("explanation.one", cause=named, parts=parts or ABSENT))
        return [language.sentence(text) for text in sentences]
    told = language.join([tell_saving(cause, found, language) for cause in sort_causes(found)])
    sentences.append(language.say("explanation.causes", list=told))
    for cause in found.causes:
        if depends(cause, found):
            low, high = (tell_signed(value, language) for value in sorted(cause.seconds_by_order))
            cause_named = name_cause(cause, language)
            sentences.append(language.say("explanation.depends", cause=cause_named, low=low, high=high))
    return [language.sentence(text) for text in sentences]


def depends(cause: Cause, found: Explanation) -> bool:
    """Tell whether what a cause saves depends on the others by a notable part of the difference."""
    assert found.seconds is not None
    apart = max(cause.seconds_by_order) - min(cause.seconds_by_order)
    return apart > DEPENDS * abs(found.seconds[0] - found.seconds[1])


def make_row(cause: Cause, found: Explanation, language: Language) -> CauseRow:
    """Return one cause in words."""
    interval = ""
    if cause.interval:
        low, high = map(quantities.bound, cause.interval)
        interval = language.say("ablation.interval", low=low, high=high)
    return CauseRow(
        cause=name_cause(cause, language),
        saved=tell_signed(cause.seconds, language),
        share=language.percent(find_share(cause.seconds, found)),
        ratio=language.ratio(cause.ratio) if known(cause.ratio) else ABSENT,
        interval=interval,
        verdict=language.say(f"verdict.{cause.verdict}"),
        parts=", ".join(list_parts(cause, found, language)),
    )


def find_share(seconds: float, found: Explanation) -> float | None:
    """Return what part of the difference some seconds are; None where they work against it."""
    assert found.seconds is not None
    difference = found.seconds[0] - found.seconds[1]
    share = seconds / difference if difference else -1.0
    return share if share >= 0 else None


def tell_saving(cause: Cause, found: Explanation, language: Language) -> str:
    """Return a cause with what it saves or costs, as part of a list."""
    key = "explanation.saves" if cause.seconds >= 0 else "explanation.costs"
    seconds = language.seconds(abs(cause.seconds))
    told = language.say(key, cause=name_cause(cause, language), seconds=seconds)
    if cause.verdict in ("faster", "slower"):
        return told
    return language.say("explanation.unsure", told=told, verdict=language.say(f"verdict.{cause.verdict}"))


def tell_signed(saved: float, language: Language) -> str:
    """Return seconds with their sign: less time is below 0."""
    return f"{'−' if saved >= 0 else '+'}{language.seconds(abs(saved))}"


def list_parts(cause: Cause, found: Explanation, language: Language, most: int = MANY_PARTS) -> list[str]:
    """Return the largest parts of a cause with what it saves of them."""
    assert found.seconds is not None
    least = LEAST_SHARE * abs(found.seconds[0] - found.seconds[1])
    parts = sorted(cause.parts.items(), key=lambda item: -abs(item[1]))
    return [
        f"{name_part(name, language)} {tell_signed(seconds, language)}"
        for name, seconds in parts[:most]
        if abs(seconds) > least
    ]


def list_savings(found: Explanation, language: Language) -> list[tuple[str, float]]:
    """Return what is drawn between two contestants: causes, or of a single one its parts; the rest last."""
    if len(found.causes) != 1:
        return [(name_cause(cause, language), cause.seconds) for cause in sort_causes(found)]
    (cause,) = found.causes
    parts = sorted(cause.parts.items(), key=lambda item: -abs(item[1]))[:MANY_BARS]
    shown = [(name_part(name, language), seconds) for name, seconds in parts]
    rest = cause.seconds - sum(seconds for _, seconds in shown)
    return [*shown, (language.say("explanation.rest"), rest)] if len(cause.parts) > MANY_BARS else shown


def name_part(name: str, language: Language) -> str:
    """Return the name of a part of a run."""
    keys = (f"waterfall.{name}", f"part.{name}", f"phase.{name}")
    return next((language.say(key) for key in keys if language.knows(key)), name)


def tell_option(value: Any, language: Language) -> str:
    """Return the value of an option in words."""
    if isinstance(value, bool):
        return language.say("cause.on" if value else "cause.off")
    return tell_value(value)


def name_cause(cause: Cause, language: Language) -> str:
    """Return what differs, with both values."""
    if cause.option == METHOD:
        values = {"first": language.method(cause.first), "second": language.method(cause.second)}
        return language.say("cause.method", **values)
    if cause.option == TRAINER:
        ours = language.say("cause.ours")
        first, second = (ours if one == OURS else str(one) for one in (cause.first, cause.second))
        return language.say("cause.trainer", first=first, second=second)
    if cause.option in (WITHOUT, PLAIN):
        is_on = (
            (cause.second, cause.first) if cause.option == WITHOUT else (not cause.second, not cause.first)
        )
        second, first = (language.say("cause.on" if one else "cause.off") for one in is_on)
        name = cause.name if cause.option == WITHOUT else language.say("cause.speedups")
        return language.say("cause.option", option=name, first=first, second=second)
    first, second = (tell_option(one, language) for one in (cause.first, cause.second))
    return language.say("cause.option", option=flag(cause.name), first=first, second=second)
