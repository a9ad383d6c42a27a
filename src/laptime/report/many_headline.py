"""The headline of three rows and more: who learned best, who cannot be told from it, and who of them is fast.

One ratio of two of many rows says little where few rounds leave its interval wide; what can be said is which
rows are as good as the best, and which of those took the least time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Literal

from laptime.comparison.pairs import is_between_trainers, name_entrants
from laptime.comparison.quality import Best, find_best
from laptime.comparison.result import ComparisonResult, MethodResult, Pair
from laptime.report import quantities
from laptime.report.language import Language
from laptime.report.quantities import known
from laptime.report.reading import read_ratio

MANY = 3  # rows with a time
MOST_NAMED = 4  # rows in a list of a headline; the rest are counted

Figure = Literal["train", "total"]


@dataclass(frozen=True)
class Fastest:
    """The row with the least time among some, the pair with the next, and who is not told from it."""

    row: MethodResult
    pair: Pair | None
    open: list[str]


def is_many(result: ComparisonResult) -> bool:
    """Tell whether a comparison gets such a headline: its rows are many, and did the same work.

    Where trainers race with the same method the question is another one: which of two is faster.
    """
    names = {row.name for row in _timed(result.methods, "train")}
    pairs = [pair for pair in result.pairs if {pair.faster, pair.slower} <= names]
    methods, trainers = name_entrants(result.methods)
    return (
        len(names) >= MANY
        and all(read_ratio(pair, "train") for pair in pairs)
        and not all(pair.equal_runs for pair in pairs)
        and not any(is_between_trainers(pair, methods, trainers) for pair in pairs)
    )


def write_many(result: ComparisonResult, language: Language) -> tuple[str, str, str, bool]:
    """Return what can be said of quality ("" for nothing), training time and whole process.

    With them comes whether the training times show who is fastest.
    """
    best = find_best(result)
    quality = _write_best(best, len(result.methods), language) if best else ""
    time, is_shown = _write_time(result, best, "train", language)
    total, _ = _write_time(result, best, "total", language)
    return quality, time, language.say("many.whole", text=language.within(total)), is_shown


def _write_best(best: Best, num_rows: int, language: Language) -> str:
    """Return who has the least held-out loss, and who is as good."""
    words = {"best": language.method(best.row.name), "loss": quantities.loss(best.row.held_out_loss)}
    if not best.is_known:
        return language.say("many.best.unknown", **words)
    if not best.alike:
        return language.say("many.best.alone", **words)
    key = "many.best.all" if len(best.names) == num_rows else "many.best.alike"
    return language.say(key, list=_few(best.alike, language), **words)


def _write_time(
    result: ComparisonResult, best: Best | None, figure: Figure, language: Language
) -> tuple[str, bool]:
    """Return which of the best rows took the least time, or how one that is best alone stands to the fastest.

    It comes with whether that is shown.
    """
    rows = _timed(result.methods, figure)
    chosen = [row for row in rows if best and best.is_known and row.name in best.names] or rows
    fastest = find_fastest(result, chosen, figure)
    if len(chosen) == 1 and len(rows) > 1:
        over_all = find_fastest(result, rows, figure)
        if over_all.row is not fastest.row:
            return _write_alone(result, fastest.row, over_all.row, figure, language)
        fastest, chosen = over_all, rows
    among = language.say("many.all" if len(chosen) == len(rows) else "many.these")
    words = {"among": among, "list": _few(fastest.open, language)}
    words["fastest"] = language.method(fastest.row.name)
    words["seconds"] = language.seconds(_seconds(fastest.row, figure))
    return _say(f"many.{figure}", fastest.pair, figure, bool(fastest.open), words, language)


def _write_alone(
    result: ComparisonResult, best: MethodResult, fastest: MethodResult, figure: Figure, language: Language
) -> tuple[str, bool]:
    """Return how the time of the one row that is best stands to the least time of all."""
    pair = _find_pair(result, best.name, fastest.name)
    words = {
        "best": language.method(best.name),
        "fastest": language.method(fastest.name),
        "seconds": language.seconds(_seconds(best, figure)),
        "fast_seconds": language.seconds(_seconds(fastest, figure)),
    }
    return _say(
        f"many.alone.{figure}", pair, figure, not _is_slower(pair, best.name, figure), words, language
    )


def _say(
    key: str, pair: Pair | None, figure: Figure, is_open: bool, words: dict[str, str], language: Language
) -> tuple[str, bool]:
    """Return the sentence of a pair of rows in the words of its verdict, and whether that is shown."""
    reading = read_ratio(pair, figure) if pair else None
    if pair is None or reading is None:
        return language.say(f"{key}.plain", **words), False
    if reading.interval is None:
        return language.say(f"{key}.one_round", **words), False
    low, high = map(quantities.bound, reading.interval)
    words |= {
        "next": language.method(reading.slower),
        "ratio": language.ratio(reading.ratio),
        "confidence": language.confidence(reading.confidence),
        "low": low,
        "high": high,
    }
    rounds = pair.num_rounds
    return language.say(f"{key}.{'open' if is_open else 'shown'}", rounds=rounds, **words), not is_open


def find_fastest(result: ComparisonResult, rows: Sequence[MethodResult], figure: Figure) -> Fastest:
    """Return the row with the least time in the mean of the rounds, and how sure that is."""
    row, *others = sorted(rows, key=lambda row: _mean_seconds(row, figure))
    pairs = {other.name: _find_pair(result, row.name, other.name) for other in others}
    is_open = [name for name, pair in pairs.items() if not _is_slower(pair, name, figure)]
    return Fastest(row, pairs[others[0].name] if others else None, is_open)


def _timed(rows: Sequence[MethodResult], figure: Figure) -> list[MethodResult]:
    """Return the rows of which a time is known."""
    return [row for row in rows if row.rounds and known(_seconds(row, figure))]


def _seconds(row: MethodResult, figure: Figure) -> float | None:
    return row.train_seconds if figure == "train" else row.total_seconds


def _mean_seconds(row: MethodResult, figure: Figure) -> float:
    seconds = row.train_seconds_by_round if figure == "train" else row.total_seconds_by_round
    positive = [value for value in seconds if value > 0]
    return geometric_mean(positive) if positive else _seconds(row, figure) or 0.0


def _find_pair(result: ComparisonResult, first: str, second: str) -> Pair | None:
    return next((pair for pair in result.pairs if {pair.faster, pair.slower} == {first, second}), None)


def _is_slower(pair: Pair | None, name: str, figure: Figure) -> bool:
    """Tell whether a pair shows the row of that name to be the slower one."""
    reading = read_ratio(pair, figure) if pair else None
    return reading is not None and reading.verdict == "faster" and reading.slower == name


def _few(names: Sequence[str], language: Language) -> str:
    """Return names as a list; of many the first, and how many there are beside."""
    shown = [language.method(name) for name in names[:MOST_NAMED]]
    more = len(names) - len(shown)
    return language.join([*shown, *([language.plural("many.more", more)] if more else [])])
