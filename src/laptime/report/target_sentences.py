"""When each row reached a held-out loss, in words: a sentence and a table."""

from __future__ import annotations

from dataclasses import dataclass

from laptime.comparison.quality_figures import Reached, TimeToQuality
from laptime.comparison.result import ComparisonResult
from laptime.report import quantities
from laptime.report.language import Language
from laptime.report.quantities import ABSENT, known
from laptime.report.sentence import Sentence

COLUMNS = ("target.after", "target.rounds", "target.ratio", "pairs.verdict")


@dataclass(frozen=True)
class TargetRow:
    """A row of the comparison: when it was there, in how many rounds, and how that stands to the first."""

    name: str
    title: str
    after: str
    range: str
    rounds: str
    ratio: str
    interval: str
    verdict: str


def write_target(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say which rows reached the target of --target-loss after how much training, and which did not."""
    found = result.time_to_quality
    if found is None:
        return []
    key = "target.slowest" if found.slowest else "target.given"
    target = quantities.loss(found.target)
    sentences = [language.say(key, target=target, slowest=language.method(found.slowest))]
    if reached := sorted((row for row in found.rows if row.seconds), key=lambda row: row.seconds or 0.0):
        items = [_tell_reached(row, language) for row in reached]
        sentences.append(language.say("target.reached", list=language.join(items)))
    if unreached := [_tell_unreached(row, language) for row in found.rows if row.seconds is None]:
        sentences.append(language.say("target.unreached", list=language.join(unreached)))
    sentences += _write_order(found, language)
    sentences += _write_moments(found, language)
    if found.left_out:
        names = language.join([language.method(name) for name in found.left_out])
        sentences.append(language.say("target.left_out", list=names))
    too_easy = known(found.base_loss) and found.base_loss <= found.target
    if too_easy:
        sentences.append(language.say("target.base", loss=quantities.loss(found.base_loss)))
    return [Sentence("target", " ".join(sentences), warning=bool(too_easy))]


def _tell_reached(row: Reached, language: Language) -> str:
    """Return after how many seconds a row was there, with the range of the rounds."""
    method, seconds = language.method(row.contestant), language.seconds(row.seconds)
    if shown := _range(row, language):
        return language.say("target.item.range", method=method, seconds=seconds, range=shown)
    return language.say("target.item", method=method, seconds=seconds)


def _tell_unreached(row: Reached, language: Language) -> str:
    """Return the name of a row that was not there in every round, and in how many it was."""
    method, number = language.method(row.contestant), _count(row)
    if not number:
        return method
    return language.say("target.item.some", method=method, number=number, rounds=len(row.seconds_by_round))


def _write_order(found: TimeToQuality, language: Language) -> list[str]:
    """Return behind whom the others are shown to be, and where that is not settled."""
    names = {
        verdict: [language.method(row.contestant) for row in found.rows if row.verdict == verdict]
        for verdict in ("faster", "about_the_same", "not_settled")
    }
    first = language.method(found.first)
    alike = names["about_the_same"] + names["not_settled"]
    shown = [(key, listed) for key, listed in (("first", names["faster"]), ("open", alike)) if listed]
    return [language.say(f"target.{key}", first=first, list=language.join(listed)) for key, listed in shown]


def _write_moments(found: TimeToQuality, language: Language) -> list[str]:
    """Return how closely the trainings were looked at."""
    numbers = [len(moments) for row in found.rows for moments in row.moments.values()]
    return [language.say("target.moments", number=max(numbers))] if numbers else []


def make_targets(result: ComparisonResult, language: Language) -> list[TargetRow]:
    """Return a row for each that was looked at, in the order of the comparison."""
    found = result.time_to_quality
    return [_make_row(row, found.first, language) for row in found.rows] if found else []


def _make_row(row: Reached, first: str, language: Language) -> TargetRow:
    low, high = map(quantities.bound, row.interval) if row.interval else ("", "")
    is_first = row.contestant == first
    return TargetRow(
        name=row.contestant,
        title=language.title(row.contestant),
        after=language.seconds(row.seconds) if row.seconds else language.say("target.never"),
        range=_range(row, language) if row.seconds else "",
        rounds=language.say("target.of", number=_count(row), rounds=len(row.seconds_by_round)),
        ratio=ABSENT if is_first else language.ratio(row.ratio),
        interval=language.say("ablation.interval", low=low, high=high) if row.interval else "",
        verdict=language.say("target.verdict.first" if is_first else f"target.verdict.{row.verdict}"),
    )


def _range(row: Reached, language: Language) -> str:
    """Return the least and the greatest seconds of the rounds, "" for one round."""
    seconds = [one for one in row.seconds_by_round if one is not None]
    if len(seconds) < 2:
        return ""
    return language.say(
        "target.range", low=language.seconds(min(seconds)), high=language.seconds(max(seconds))
    )


def _count(row: Reached) -> int:
    return sum(seconds is not None for seconds in row.seconds_by_round)
