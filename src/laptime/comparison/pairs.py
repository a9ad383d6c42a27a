"""Every two contestants compared, over one set of rounds that all figures of the comparison are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from statistics import fmean
from types import MappingProxyType

from msgspec import Struct

from laptime.comparison.result import MethodResult, Pair
from laptime.comparison.rows import MethodRuns, flops_per_token
from laptime.comparison.statistics import Ratio, compare_family
from laptime.runs.past_runs import count_flops
from laptime.runs.record import RunRecord

UNEQUAL = Ratio(value=None, interval=None, verdict="unequal_work")
NOBODY: Mapping[str, str] = MappingProxyType({})
MOST_LOST = 0.5  # of the rounds: who would cost the others more is left out instead


class Match(Struct, frozen=True):
    """Two rows, the slower one first, and the records of the rounds that are compared."""

    slower: MethodRuns
    faster: MethodRuns
    records: list[tuple[RunRecord, RunRecord]]

    def seconds(self, figure: str) -> tuple[list[float], list[float]]:
        """Return a figure of both sides by round."""
        both = [(getattr(above, figure), getattr(below, figure)) for above, below in self.records]
        measured = [(above, below) for above, below in both if above is not None and below is not None]
        return [above for above, _ in measured], [below for _, below in measured]


def choose_rounds(finished: Mapping[str, Iterable[int]]) -> frozenset[int]:
    """Return the rounds that are compared: those that all of `finished`, rounds by name, have in common.

    One that would leave fewer than half of the rounds is left out of the comparison instead.
    """
    chosen: frozenset[int] = frozenset()
    for rounds in sorted((frozenset(rounds) for rounds in finished.values()), key=len, reverse=True):
        both = chosen & rounds
        if not chosen:
            chosen = rounds
        elif len(both) >= MOST_LOST * len(chosen):
            chosen = both
    return chosen


def compare_rows(
    rows: Sequence[MethodRuns], unequal: Iterable[tuple[str, str]], confidence: float
) -> list[Pair]:
    """Return every two of `rows` compared; those of `unequal` work by name alone.

    All training times are judged together by Holm's method, and all whole processes.
    """
    matches = [_match(one, other) for one, other in combinations(rows, 2)]
    refused = set(unequal)
    judged = [match for match in matches if not {_names(match), _names(match)[::-1]} & refused]
    train, total = (
        compare_family([match.seconds(figure) for match in judged], confidence)
        for figure in ("train_seconds", "total_seconds")
    )
    ratios = {_names(match): both for match, *both in zip(judged, train, total, strict=True)}
    return [_make_pair(match, *ratios.get(_names(match), (UNEQUAL, UNEQUAL))) for match in matches]


def headline_pair(
    pairs: Sequence[Pair], methods: Mapping[str, str], trainers: Mapping[str, str] = NOBODY
) -> Pair | None:
    """Return the pair of the headline: full fine-tuning, else the first row, against the fastest.

    `methods` holds the method of each row by its name, `trainers` who trained it. A pair with a ratio goes
    before one without, two that differ before equal runs. Where several trainers race, two trainers with the
    same method go before two methods.
    """
    anchor = choose_anchor(methods)
    different = [pair for pair in pairs if not pair.equal_runs] or list(pairs)
    if between := [pair for pair in different if is_between_trainers(pair, methods, trainers)]:
        different = between
    with_anchor = [pair for pair in different if anchor in (pair.faster, pair.slower)]

    def rank(pair: Pair) -> tuple[bool, float]:
        ratio = pair.train_ratio
        if ratio is None or not math.isfinite(ratio) or ratio <= 0:
            return False, 1.0 if pair.verdict == "unequal_work" else 0.0
        return True, ratio if pair.slower == anchor else 1 / ratio

    return max(with_anchor or different, key=rank, default=None)


def name_entrants(rows: Sequence[MethodResult]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the method of each row by its name, and who trained it."""
    return {row.name: row.method for row in rows}, {row.name: row.trainer for row in rows}


def is_between_trainers(pair: Pair, methods: Mapping[str, str], trainers: Mapping[str, str]) -> bool:
    """Tell whether a pair sets two trainers against each other, with the same method."""
    one, other = pair.slower, pair.faster
    return trainers.get(one) != trainers.get(other) and methods.get(one) == methods.get(other)


def choose_anchor(methods: Mapping[str, str]) -> str:
    """Return the row that others are set against: the first of full fine-tuning, else the first row."""
    full = [name for name, method in methods.items() if method == "full"]
    return next(iter([*full, *methods]), "")


def _names(match: Match) -> tuple[str, str]:
    return match.slower.name, match.faster.name


def _match(one: MethodRuns, other: MethodRuns) -> Match:
    """Return two rows with the records of the rounds that are compared, the slower row first."""
    theirs = {record.started.round: record for record in other.compared}
    records = [(ours, theirs[ours.started.round]) for ours in one.compared if ours.started.round in theirs]
    match = Match(one, other, records)
    above, below = match.seconds("train_seconds")
    if above and min(*above, *below) > 0 and fmean(map(math.log, above)) < fmean(map(math.log, below)):
        return Match(other, one, [(theirs, ours) for ours, theirs in records])
    return match


def _make_pair(match: Match, train: Ratio, total: Ratio) -> Pair:
    """Return two rows with their ratios."""
    return Pair(
        faster=match.faster.name,
        slower=match.slower.name,
        equal_runs=match.faster.trains_as(match.slower),
        num_rounds=len(match.records),
        train_ratio=train.value,
        train_interval=train.interval,
        train_confidence=train.confidence,
        verdict=train.verdict,
        more_rounds=train.more_rounds,
        total_ratio=total.value,
        total_interval=total.interval,
        total_confidence=total.confidence,
        total_verdict=total.verdict,
        arithmetic_ratio=_find_arithmetic_ratio(match),
    )


def _find_arithmetic_ratio(match: Match) -> float | None:
    """Return the operations of the slower row over those of the faster: of a round, else for a token."""
    of_round = [count_flops(record) for record in match.records[0]] if match.records else []
    flops = (
        of_round
        if of_round and all(of_round)
        else [flops_per_token(row) for row in (match.slower, match.faster)]
    )
    return flops[0] / flops[1] if flops[0] and flops[1] else None
