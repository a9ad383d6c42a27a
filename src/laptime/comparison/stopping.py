"""Whether the rounds of `--rounds auto` have told enough, or further ones may no longer be run.

Who looks after every round and stops when he likes what he sees shows differences that are none: with a 95 %
interval in 7.9 of 100 comparisons. The interval that is looked at is therefore one of 99 %.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from laptime.comparison.statistics import CONFIDENCE, LOOKING
from laptime.runs.plan import RoundsEnd
from laptime.runs.record import RunRecord
from laptime.spec import AUTO, BUILTIN

FEWEST_ROUNDS = 3
MOST_ROUNDS = 10
NARROW = 1.05  # an interval whose upper end is less than this many times its lower one
TOY_MINUTES = 2.0  # nobody waits longer to try the tool


def choose_confidence(spec: dict[str, Any]) -> float:
    """Return the confidence of the intervals of a comparison with this CompareSpec."""
    return LOOKING if spec.get("rounds") == AUTO else CONFIDENCE


def find_end(interval: tuple[float, float] | None, num_rounds: int) -> RoundsEnd:
    """Return why no further round is needed, or "": `interval` is that of the headline."""
    if interval is None:
        return "no_ratio" if num_rounds >= FEWEST_ROUNDS else ""
    if num_rounds >= FEWEST_ROUNDS and interval[1] < NARROW * interval[0]:
        return "narrow"
    return "most" if num_rounds >= MOST_ROUNDS else ""


def limit_seconds(spec: dict[str, Any]) -> float | None:
    """Return how long all runs together may take, or None where there is no limit."""
    minutes = spec.get("minutes") or (TOY_MINUTES if spec["model"]["model"] == BUILTIN else None)
    return minutes * 60 if minutes else None


def count_seconds(records: Iterable[RunRecord]) -> float:
    """Return how long runs took, evaluation and answers included; not the time between two attempts."""
    return sum(_run_seconds(record) for record in records)


def _run_seconds(record: RunRecord) -> float:
    if end := record.finished:
        return max(end.wall_seconds, end.total_seconds)  # the first is that of the last process alone
    if record.failed is None:
        return 0.0
    begun = record.resumptions[-1].time if record.resumptions else record.started.time
    return max(0.0, record.failed.time - begun)
