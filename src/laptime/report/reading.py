"""A ratio of seconds as sentences take it: turned so that it is at least 1 where somebody is faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from laptime.comparison.result import Pair, Verdict
from laptime.report import quantities


@dataclass(frozen=True)
class Reading:
    """A ratio of seconds, and its interval: those of `slower` over those of `faster`.

    Where the verdict says who is faster, or one round does, it is turned so that it is at least 1.
    """

    faster: str
    slower: str
    ratio: float
    interval: tuple[float, float] | None
    verdict: Verdict
    confidence: float | None = None


def read_ratio(pair: Pair, which: Literal["train", "total"]) -> Reading | None:
    """Return a pair's ratio of training or of the whole process, or None where there is none."""
    ratio = pair.train_ratio if which == "train" else pair.total_ratio
    interval = pair.train_interval if which == "train" else pair.total_interval
    verdict: Verdict = pair.verdict if which == "train" else pair.total_verdict
    confidence = pair.train_confidence if which == "train" else pair.total_confidence
    if not quantities.known(ratio) or ratio <= 0 or verdict in ("unequal_work", "not_measured"):
        return None
    verdict = "faster" if verdict == "slower" else verdict
    if ratio >= 1 or verdict in ("about_the_same", "not_settled"):  # who claims nothing turns nothing
        return Reading(pair.faster, pair.slower, ratio, interval, verdict, confidence)
    turned = (1 / interval[1], 1 / interval[0]) if interval and min(interval) > 0 else None
    return Reading(pair.slower, pair.faster, 1 / ratio, turned, verdict, confidence)
