"""Sentences on the same job in an older comparison: who is slower than before, and what has changed since."""

from __future__ import annotations

from datetime import UTC, datetime

from laptime.comparison.against import SPEEDUP
from laptime.comparison.result import Against, Change, ComparisonResult, SetBeside
from laptime.comparison.statistics import SAME
from laptime.report import quantities
from laptime.report.environment import flatten
from laptime.report.language import Language
from laptime.report.quantities import known
from laptime.report.sentence import Sentence


def write_against(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Return a sentence for each contestant and, last, from when the older comparison is and what changed."""
    against = result.against
    if against is None:
        return []
    rows = [Sentence("against", _say_row(row, language), warning=bool(row.reason)) for row in against.rows]
    frame = " ".join([_say_frame(against, language), *_say_changes(against, language)])
    return [*rows, Sentence("against", frame)]


def _say_row(row: SetBeside, language: Language) -> str:
    """Return what a contestant takes beside what it took, or why that is not told."""
    method = language.method(row.contestant)
    if row.reason or not known(row.train_ratio):
        return language.sentence(language.say(f"against.{row.reason or 'not_measured'}", method=method))
    low, high = row.train_interval or (None, None)
    text = language.say(
        f"against.{row.verdict}",
        method=method,
        ratio=language.ratio(row.train_ratio),
        low=quantities.bound(low),
        high=quantities.bound(high),
        confidence=language.confidence(row.train_confidence),
        same=language.difference(SAME),
        before=language.seconds(row.train_seconds_before),
        now=language.seconds(row.train_seconds),
        rounds_before=row.rounds_before,
        rounds=row.rounds,
    )
    return " ".join([language.sentence(text), *_say_total(row, language)])


def _say_total(row: SetBeside, language: Language) -> list[str]:
    """Return what the whole process takes beside what it took."""
    if not known(row.total_ratio):
        return []
    ratio = language.ratio(row.total_ratio)
    if row.total_interval is None:
        return [language.say("against.total.one_round", ratio=ratio)]
    low, high = map(quantities.bound, row.total_interval)
    verdict = language.say(f"verdict.{row.total_verdict}")
    return [language.say("against.total", ratio=ratio, low=low, high=high, verdict=verdict)]


def _say_frame(against: Against, language: Language) -> str:
    """Return which comparison the older one is, and what its times cannot know of."""
    date = datetime.fromtimestamp(against.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return language.say("against.frame", folder=against.folder, date=date, version=against.laptime)


def _say_changes(against: Against, language: Language) -> list[str]:
    """Return which versions and facts are not as they were, those of some contestants with their names."""
    known_of = [row.contestant for row in against.rows if not row.reason.startswith("not_finished")]
    if not against.changes:
        return [language.say("against.no_changes")] if known_of else []
    items = [_say_change(change, known_of, language) for change in against.changes]
    return [language.say("against.changes", list="; ".join(items))]


def _say_change(change: Change, all_: list[str], language: Language) -> str:
    """Return what was and what is; what speedups did is said in words."""
    before, now = (_show(change.name, value, language) for value in (change.before, change.now))
    name = _name(change.name, language)
    few = change.contestants if len(change.contestants) < len(all_) else []
    methods = ", ".join(map(language.method, few))
    key = "against.change.of" if few else "against.change"
    return language.say(key, name=name, before=before, now=now, methods=methods)


def _name(name: str, language: Language) -> str:
    """Return the words for a fact; speedups and variables keep their spelling."""
    if name.startswith(SPEEDUP):
        return name.removeprefix(SPEEDUP)
    named = flatten({name.removeprefix("environment "): "known"}, language)
    return next((words for words, _ in named), name)


def _show(name: str, value: object, language: Language) -> str:
    """Return a value in words; "none" where there was none."""
    if name.startswith(SPEEDUP):
        return language.say("speedups.ran" if value else "speedups.off")
    return next((text for _, text in flatten({name: value}, language)), language.say("against.absent"))
