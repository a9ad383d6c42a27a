"""How many rounds there are and why, what they would not see, and how several ratios are judged together."""

from __future__ import annotations

from typing import Any

from laptime.comparison.result import ComparisonResult, Pair
from laptime.comparison.statistics import LOOKING, MOST_ROUNDS_TOLD
from laptime.comparison.stopping import limit_seconds
from laptime.report.headline import TELLING, half_width, judge_equal, ratio_words
from laptime.report.language import Language
from laptime.report.many_headline import is_many
from laptime.report.reading import read_ratio
from laptime.report.sentence import Sentence
from laptime.spec import AUTO


def write_rounds(result: ComparisonResult, pair: Pair | None, language: Language) -> list[Sentence]:
    """Return what must be known of the rounds to read the intervals; `pair` is the one that they follow."""
    sentences = [
        *_write_end(result, pair, language),
        *_write_more(result, pair, language),
        *_write_compared(result, language),
        *_write_family(result, language),
        *_write_resolution(pair, language),
        *_write_equal_runs(result, pair, language),
    ]
    return [Sentence("rounds", " ".join(sentences))] if sentences else []


def _write_end(result: ComparisonResult, pair: Pair | None, language: Language) -> list[str]:
    """Return why the rounds of --rounds auto ended, and what looking at them costs."""
    if not result.rounds_end:
        return []
    limit = limit_seconds(result.spec)
    values = {"rounds": result.planned_rounds, "limit": language.seconds(limit)}
    sentences = [_say_of_pair(f"rounds.{result.rounds_end}", result, pair, language, **values)]
    if result.rounds_end != "no_ratio":
        sentences.append(language.say("rounds.looked", confidence=language.confidence(LOOKING)))
    return sentences


def _say_of_pair(
    key: str, result: ComparisonResult, pair: Pair | None, language: Language, **values: Any
) -> str:
    """Return a sentence on the pair that the rounds follow, which is named where it is not the headline's."""
    if pair and is_many(result) and language.knows(f"{key}.many"):
        names = {"slower": language.method(pair.slower), "faster": language.method(pair.faster)}
        return language.say(f"{key}.many", **names, **values)
    return language.say(key, **values)


def _write_more(result: ComparisonResult, pair: Pair | None, language: Language) -> list[str]:
    """Return how to settle what is not settled, where a few more rounds would."""
    if pair is None or pair.verdict != "not_settled" or pair.equal_runs:
        return []
    if not result.complete and result.spec.get("rounds") == AUTO:
        return []  # they follow by themselves
    number = pair.more_rounds or MOST_ROUNDS_TOLD
    if number >= MOST_ROUNDS_TOLD:
        return []
    values = {"number": number, "rounds": str(pair.num_rounds + number)}
    return [_say_of_pair("rounds.more", result, pair, language, **values)]


def _write_compared(result: ComparisonResult, language: Language) -> list[str]:
    """Return of which rounds the times are, where a method finished others as well."""
    rounds = result.compared_rounds
    if not rounds or all(set(method.rounds) <= set(rounds) for method in result.methods):
        return []
    return [language.plural("rounds.compared", len(rounds), list=language.join([*map(str, rounds)]))]


def _write_family(result: ComparisonResult, language: Language) -> list[str]:
    """Return how the ratios of more than two methods are judged."""
    number = sum(pair.train_interval is not None for pair in result.pairs)
    return [language.say("rounds.family", number=number)] if number > 1 else []


def _write_resolution(pair: Pair | None, language: Language) -> list[str]:
    """Return the size below which a difference would not be seen."""
    size = half_width(pair.train_interval) if pair else None
    if pair is None or size is None:
        return []
    if size <= TELLING:
        return [language.say("rounds.resolution", size=language.difference(size))]
    if pair.equal_runs:  # the headline says so
        return []
    return [language.say("rounds.resolution.wide", rounds=pair.num_rounds)]


def _write_equal_runs(result: ComparisonResult, headline: Pair | None, language: Language) -> list[str]:
    """Return what a method that races against itself beside others shows of the machine."""
    equal = [pair for pair in result.pairs if pair.equal_runs and pair is not headline]
    return [
        language.sentence(
            language.say(f"equal.{judge_equal(reading)}", **ratio_words(reading, pair, language))
        )
        + "."
        for pair in equal
        if (reading := read_ratio(pair, "train"))
    ]
