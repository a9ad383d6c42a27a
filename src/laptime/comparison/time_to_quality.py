"""When each row reached a held-out loss: the first moment of a training that was at or under it.

Nothing is read between two moments. That a row was there at one moment and not at the one before leaves its
time open in between; the interval of a ratio holds both ends of that, beside the scatter of the rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import geometric_mean, median
from typing import Any, Literal

from laptime.comparison.quality_figures import MomentLoss, Reached, TimeToQuality
from laptime.comparison.rows import MethodRuns, held_out_loss
from laptime.comparison.statistics import Ratio, compare_family, judge
from laptime.runs.record import RunRecord

SLOWEST: Literal["slowest"] = "slowest"
NO_BOUND = 1e9  # of a ratio to a time of which nothing says how short it may have been


def find_times(
    spec: dict[str, Any], base: MethodRuns | None, rows: Sequence[MethodRuns], confidence: float
) -> TimeToQuality | None:
    """Return when each row reached what --target-loss asks for; None where it asks nothing, or none ended."""
    asked = spec.get("target_loss")
    looked_at = {row.name: records for row in rows if (records := find_records(row))}
    if asked is None or not looked_at:
        return None
    target, slowest = choose_target(asked, looked_at)
    found = [find_reached(name, records, target) for name, records in looked_at.items()]
    first = min((row for row in found if row.seconds), key=_mean_seconds, default=None)
    if first is not None:
        compare_to(first, found, confidence)
    return TimeToQuality(
        asked=asked,
        target=target,
        slowest=slowest,
        base_loss=next((held_out_loss(record) for record in base.finished), None) if base else None,
        first=first.contestant if first else "",
        rows=found,
        left_out=[row.name for row in rows if row.finished and row.name not in looked_at],
    )


def find_records(row: MethodRuns) -> list[RunRecord]:
    """Return the compared rounds of a row that were looked at."""
    return [one for one in row.figured if any(moment.loss is not None for moment in one.moments)]


def choose_target(
    asked: float | Literal["slowest"], looked_at: dict[str, list[RunRecord]]
) -> tuple[float, str]:
    """Return the target, and whose loss at the end it is.

    The slowest to learn is the row with the highest median; its highest loss of any round is one that it has
    reached in each.
    """
    if asked != SLOWEST:
        return asked, ""
    ends = {name: [_last_loss(record) for record in records] for name, records in looked_at.items()}
    slowest = max(ends, key=lambda name: median(ends[name]))
    return max(ends[slowest]), slowest


def _last_loss(record: RunRecord) -> float:
    return next(moment.loss for moment in reversed(record.moments) if moment.loss is not None)


def find_reached(name: str, records: Sequence[RunRecord], target: float) -> Reached:
    """Return when a row was at or under the target, in each of its rounds."""
    moments = {record.started.round: list_moments(record) for record in records}
    pairs = [find_first(one, target) for one in moments.values()]
    seconds = [after for _, after in pairs]
    reached = [one for one in seconds if one is not None]
    return Reached(
        contestant=name,
        moments=moments,
        seconds=median(reached) if len(reached) == len(seconds) else None,
        seconds_by_round=seconds,
        seconds_before_by_round=[before for before, _ in pairs],
    )


def list_moments(record: RunRecord) -> list[MomentLoss]:
    """Return the moments of a run in order."""
    in_order = sorted(record.moments, key=lambda moment: moment.step)
    return [MomentLoss(step=one.step, train_seconds=one.train_seconds, loss=one.loss) for one in in_order]


def find_first(moments: Sequence[MomentLoss], target: float) -> tuple[float | None, float | None]:
    """Return the seconds of the first moment at or under the target, behind those of the moment before it.

    None for both where no moment was.
    """
    before = 0.0
    for moment in moments:
        if moment.loss is None:
            continue
        if moment.loss <= target:
            return before, moment.train_seconds
        before = moment.train_seconds
    return None, None


def compare_to(first: Reached, rows: Sequence[Reached], confidence: float) -> None:
    """Set the times of all rows that reached the target beside those of the first of them."""
    others = [row for row in rows if row.seconds and row is not first]
    judged = [_bound(row, first) for row in others]
    ratios, least, most = (
        compare_family([pairs[place] for pairs in judged], confidence) for place in range(3)
    )
    for row, ratio, low, high in zip(others, ratios, least, most, strict=True):
        row.ratio, row.confidence = ratio.value, ratio.confidence
        row.interval = _join(low, high) if ratio.interval else None
        row.verdict = _judge(row.interval) if row.interval else "one_round"


def _bound(row: Reached, first: Reached) -> list[tuple[list[float], list[float]]]:
    """Return the seconds of the rounds that both have: as found, least and farthest apart."""
    theirs = {number: place for place, number in enumerate(first.moments)}
    places = [(place, theirs[number]) for place, number in enumerate(row.moments) if number in theirs]
    seconds = [
        (row.seconds_by_round[one] or 0.0, first.seconds_by_round[other] or 0.0) for one, other in places
    ]
    before = [
        (row.seconds_before_by_round[one] or 0.0, first.seconds_before_by_round[other] or 0.0)
        for one, other in places
    ]
    late, early = [one for one, _ in seconds], [other for _, other in seconds]
    return [
        (late, early),
        ([one for one, _ in before], early),
        (late, [other for _, other in before]),
    ]


def _join(low: Ratio, high: Ratio) -> tuple[float, float]:
    """Return the interval from the lower end of the least ratio to the upper end of the greatest."""
    return low.interval[0] if low.interval else 0.0, high.interval[1] if high.interval else NO_BOUND


def _judge(interval: tuple[float, float]) -> Any:
    """Say what an interval shows; that the first row is the later one never stands in one."""
    verdict = judge(interval)
    return "not_settled" if verdict == "slower" else verdict


def _mean_seconds(row: Reached) -> float:
    return geometric_mean([seconds for seconds in row.seconds_by_round if seconds])
