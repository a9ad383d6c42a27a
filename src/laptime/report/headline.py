"""The sentence at the top of a report: the verdict of one pair or, of many rows, what can be said of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from laptime.comparison.pairs import headline_pair, name_entrants
from laptime.comparison.result import ComparisonResult, MethodResult, Pair, Verdict
from laptime.comparison.statistics import MOST_ROUNDS_TOLD, SAME
from laptime.report import quantities
from laptime.report.arithmetic import find_far_beyond
from laptime.report.language import Language
from laptime.report.many_headline import is_many, write_many
from laptime.report.reading import Reading, read_ratio
from laptime.runs.contestants import split_name

Tone = Literal["shown", "open", "warning"]
TELLING = 1.5  # rounds whose interval reaches further than this from its middle tell nothing of a machine
_TONES: dict[Verdict, Tone] = {
    "faster": "shown",
    "slower": "shown",
    "about_the_same": "shown",
    "not_settled": "open",
    "one_round": "open",
    "unequal_work": "warning",
    "not_measured": "warning",
}


@dataclass(frozen=True)
class Headline:
    """The sentence, what it says of the whole process ("" where there is nothing to say), its tone.

    Of many rows it is two; `first` is the one on quality, which a page sets in large letters alone.
    """

    text: str
    total: str
    tone: Tone
    first: str = ""


def choose_pair(result: ComparisonResult) -> Pair | None:
    """Return the pair of the headline, the one that decided how many rounds there are."""
    return headline_pair(result.pairs, *name_entrants(result.methods))


def write_headline(result: ComparisonResult, language: Language) -> Headline:
    """Return the headline of a comparison: of two rows their ratio, of many who learned best and fast."""
    if is_many(result):
        first, time, total, is_shown = write_many(result, language)
        text = f"{first}. {time}" if first else time
        return Headline(text, total, "shown" if is_shown else "open", first)
    pair = choose_pair(result)
    reading = read_ratio(pair, "train") if pair else None
    if pair is None or reading is None:
        return _without_ratio(result, pair, language)
    key = f"equal.{judge_equal(reading)}" if pair.equal_runs else f"headline.{reading.verdict}"
    words, tone = ratio_words(reading, pair, language), _TONES[reading.verdict]
    explained = find_far_beyond(result, pair, reading.ratio, reading.slower)
    if explained is not None and language.knows(f"{key}.beyond"):
        key, tone, words["arithmetic"] = f"{key}.beyond", "warning", language.about(explained)
    return Headline(language.sentence(language.say(key, **words)), _total(pair, language), tone)


def _total(pair: Pair, language: Language) -> str:
    """Return the short sentence on the whole process that stands beside the headline."""
    reading = read_ratio(pair, "total")
    if reading is None:
        return ""
    key = f"total.equal.{judge_equal(reading)}"
    if not pair.equal_runs or not language.knows(key):  # no method is faster than itself
        key = f"total.{reading.verdict}"
    return language.say(key, **ratio_words(reading, pair, language))


def judge_equal(reading: Reading) -> str:
    """Return what a ratio of equal runs shows: its verdict, or that so few rounds tell nothing."""
    size = half_width(reading.interval)
    if reading.verdict == "not_settled" and (size is None or size > TELLING):
        return "too_wide"
    return reading.verdict


def ratio_words(reading: Reading, pair: Pair, language: Language) -> dict[str, str | int]:
    """Return what the sentences on a ratio need."""
    low, high = reading.interval or (None, None)
    return {
        "faster": language.method(reading.faster),
        "slower": language.method(reading.slower),
        "over": language.say(
            "interval.over", slower=language.method(reading.slower), faster=language.method(reading.faster)
        ),
        "method": _name_equal(reading, language),
        "ratio": language.ratio(reading.ratio),
        "percent": language.difference(reading.ratio),
        "low": quantities.bound(low),
        "high": quantities.bound(high),
        "down": _span("slower", 1 / low if low else None, language),
        "up": _span("faster", high, language),
        "size": language.difference(half_width(reading.interval)),
        "same": language.difference(SAME),
        "confidence": language.confidence(reading.confidence),
        "rounds": pair.num_rounds,
        "more": _more_rounds(pair, language),
    }


def _name_equal(reading: Reading, language: Language) -> str:
    """Return what equal runs are called: by their method, or by both names where users gave them."""
    names = sorted((reading.faster, reading.slower))
    methods = dict.fromkeys(split_name(name)[0] for name in names)
    return language.join([language.method(name) for name in (names if len(methods) > 1 else methods)])


def half_width(interval: tuple[float, float] | None) -> float | None:
    """Return the ratio from the middle of an interval to its end: one closer to 1 would not be shown."""
    return math.sqrt(interval[1] / interval[0]) if interval and interval[0] > 0 else None


def _span(which: Literal["slower", "faster"], ratio: float | None, language: Language) -> str:
    """Return how far an interval reaches to one side: "1.40x slower"."""
    if quantities.known(ratio) and ratio < 1.005:
        return language.say("span.equal")
    return language.say(f"span.{which}", ratio=quantities.bound(ratio, language.code, unit=True))


def _more_rounds(pair: Pair, language: Language) -> str:
    """Return how many more rounds would tell what these did not."""
    number = min(pair.more_rounds or 0, MOST_ROUNDS_TOLD)
    return language.say("more.many" if number >= MOST_ROUNDS_TOLD else "more.rounds", number=number)


def _without_ratio(result: ComparisonResult, pair: Pair | None, language: Language) -> Headline:
    """Return the headline of a comparison that has no ratio to show."""
    finished = [method for method in result.methods if method.status != "failed" and method.rounds]
    failed = [method for method in result.methods if method not in finished]
    if not finished:
        return Headline(language.say("headline.nothing"), "", "warning")
    if any(each.verdict == "unequal_work" for each in ([pair] if pair else result.pairs)):
        return Headline(language.say("headline.unequal_work"), "", "warning")
    if failed:
        text = language.say(
            "headline.not_measured", finished=_names(finished, language), failed=_names(failed, language)
        )
        return Headline(language.sentence(text), "", "warning")
    if len(finished) == 1:
        only = finished[0]
        key = "headline.no_pair.single" if result.against else "headline.no_pair"  # itself, before
        text = language.say(
            key,
            method=language.method(only.name),
            seconds=language.seconds(only.train_seconds),
        )
        return Headline(language.sentence(text), "", "open")
    return Headline(language.say("headline.no_figure"), "", "warning")


def _names(methods: list[MethodResult], language: Language) -> str:
    """Return the names of `methods` as a list."""
    return language.join([language.method(method.name) for method in methods])
