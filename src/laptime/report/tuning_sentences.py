"""What came of the learning rates that were tried before the race, in words."""

from __future__ import annotations

from dataclasses import dataclass

from laptime.comparison.result import ComparisonResult, Tuning
from laptime.report import quantities
from laptime.report.language import Language
from laptime.report.quantities import ABSENT
from laptime.report.sentence import Sentence


@dataclass(frozen=True)
class RateRow:
    """The rates of one row of the comparison with the losses that they led to, and which was chosen."""

    title: str
    cells: list[tuple[str, str, bool]]


def write_tuning(result: ComparisonResult, language: Language) -> list[Sentence]:
    """Say which learning rates were chosen, what that cost, and where the grid was too narrow."""
    chosen = [one for one in result.tuning if one.chosen is not None]
    sentences = []
    if chosen:
        number = len(chosen[0].tried)
        seconds = language.seconds(sum(one.seconds for one in result.tuning))
        listed = language.join([tell_chosen(one, language) for one in chosen])
        sentences.append(language.say("tuning.chosen", number=number, list=listed, seconds=seconds))
        sentences.append(language.say("tuning.same"))
    if edges := [language.method(one.contestant) for one in chosen if not one.is_bracketed]:
        sentences.append(language.say("tuning.edge", methods=language.join(edges)))
    tried_all = result.complete or bool(chosen)
    if none := [language.method(one.contestant) for one in result.tuning if one.chosen is None and tried_all]:
        sentences.append(language.say("tuning.none", methods=language.join(none)))
    warns = bool(edges or (none and tried_all))
    return [Sentence("tuning", " ".join(sentences), warning=warns)] if sentences else []


def tell_chosen(one: Tuning, language: Language) -> str:
    """Return the rate of one row beside its default."""
    assert one.chosen is not None
    names = {"method": language.method(one.contestant), "default": f"{one.default_rate:g}"}
    if one.chosen == one.default_rate:
        return language.say("tuning.default", **names)
    factor = language.ratio(one.chosen / one.default_rate)
    return language.say("tuning.item", rate=f"{one.chosen:g}", factor=factor, **names)


def make_rates(result: ComparisonResult, language: Language) -> list[RateRow]:
    """Return a row of rates for each row of the comparison that tried some."""
    return [
        RateRow(
            title=language.title(one.contestant),
            cells=[
                (
                    f"{tried.rate:g}",
                    ABSENT if tried.loss is None else quantities.loss(tried.loss),
                    tried.rate == one.chosen,
                )
                for tried in one.tried
            ],
        )
        for one in result.tuning
    ]
