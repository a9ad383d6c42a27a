"""The one sentence at the top of a report, made from the verdict of one pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from laptime.comparison.result import ComparisonResult, MethodResult, Pair, Verdict
from laptime.report import quantities
from laptime.report.language import Language

Tone = Literal["shown", "open", "warning"]
_TONES: dict[Verdict, Tone] = {
    "faster": "shown",
    "slower": "shown",
    "no_measurable_difference": "open",
    "one_round": "open",
    "unequal_work": "warning",
    "not_measured": "warning",
}


@dataclass(frozen=True)
class Headline:
    """The sentence, what it says of the whole process ("" where there is nothing to say), its tone."""

    text: str
    total: str
    tone: Tone


@dataclass(frozen=True)
class Reading:
    """A ratio turned so that it is at least 1: `slower` took `ratio` times as long as `faster`."""

    faster: str
    slower: str
    ratio: float
    interval: tuple[float, float] | None
    verdict: Verdict


def read_ratio(pair: Pair, which: Literal["train", "total"]) -> Reading | None:
    """Return a pair's ratio of training or of the whole process, or None where there is none."""
    ratio = pair.train_ratio if which == "train" else pair.total_ratio
    interval = pair.train_interval if which == "train" else pair.total_interval
    verdict: Verdict = pair.verdict if which == "train" else pair.total_verdict
    if not quantities.known(ratio) or ratio <= 0 or verdict in ("unequal_work", "not_measured"):
        return None
    verdict = "faster" if verdict == "slower" else verdict
    if ratio >= 1:
        return Reading(pair.faster, pair.slower, ratio, interval, verdict)
    turned = (1 / interval[1], 1 / interval[0]) if interval and min(interval) > 0 else None
    return Reading(pair.slower, pair.faster, 1 / ratio, turned, verdict)


def choose_pair(result: ComparisonResult) -> Pair | None:
    """Return the pair of the headline: full fine-tuning (else the first method) against the fastest other.

    A pair with a ratio goes before one without.
    """
    names = [method.name for method in result.methods]
    anchor = "full" if "full" in names else names[0] if names else ""
    with_anchor = [pair for pair in result.pairs if anchor in (pair.faster, pair.slower)]
    pairs = with_anchor or result.pairs

    def rank(pair: Pair) -> tuple[bool, float]:
        reading = read_ratio(pair, "train")
        if reading is None:
            return False, 1.0 if pair.verdict == "unequal_work" else 0.0
        return True, reading.ratio if reading.slower == anchor else 1 / reading.ratio

    return max(pairs, key=rank, default=None)


def write_headline(result: ComparisonResult, language: Language) -> Headline:
    """Return the headline of a comparison."""
    pair = choose_pair(result)
    reading = read_ratio(pair, "train") if pair else None
    if pair is None or reading is None:
        return _without_ratio(result, pair, language)
    text = language.say(f"headline.{reading.verdict}", **_values(reading, pair.num_rounds, language))
    return Headline(language.sentence(text), _total(pair, language), _TONES[reading.verdict])


def _total(pair: Pair, language: Language) -> str:
    """Return the short sentence on the whole process that stands beside the headline."""
    reading = read_ratio(pair, "total")
    if reading is None:
        return ""
    return language.say(f"total.{reading.verdict}", **_values(reading, pair.num_rounds, language))


def _values(reading: Reading, rounds: int, language: Language) -> dict[str, str | int]:
    """Return what the sentences on a ratio need."""
    low, high = reading.interval or (None, None)
    return {
        "faster": language.method(reading.faster),
        "slower": language.method(reading.slower),
        "ratio": language.ratio(reading.ratio),
        "low": quantities.ratio(low, unit=False),
        "high": quantities.ratio(high, unit=False),
        "rounds": rounds,
    }


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
        text = language.say(
            "headline.no_pair",
            method=language.method(only.name),
            seconds=language.seconds(only.train_seconds),
        )
        return Headline(language.sentence(text), "", "open")
    return Headline(language.say("headline.no_figure"), "", "warning")


def _names(methods: list[MethodResult], language: Language) -> str:
    """Return the names of `methods` as a list."""
    return language.join([language.method(method.name) for method in methods])
