"""What a comparison found of quality against time, memory and disk: parts of `comparison.json`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Verdict = Literal["faster", "about_the_same", "not_settled", "one_round", "not_measured"]
Cost = Literal["train_seconds", "held_bytes", "saved_bytes"]


class MomentLoss(Struct, kw_only=True):
    """The held-out loss that a training had come to; None where it could not be measured."""

    step: int
    train_seconds: float
    loss: float | None


class Reached(Struct, kw_only=True):
    """When a row was first at or under the target, in each round that was looked at.

    `seconds_by_round` are those of the first moment at or under it, None where no moment was; the moment
    before, `seconds_before_by_round`, was still above (0: there was none). `seconds` is the median, None
    unless every round reached it. `ratio` is its seconds over those of the row that reached it first.
    """

    contestant: str
    moments: dict[int, list[MomentLoss]]  # by round
    seconds: float | None
    seconds_by_round: list[float | None]
    seconds_before_by_round: list[float | None]
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    verdict: Verdict = "not_measured"


class TimeToQuality(Struct, kw_only=True):
    """When each row reached a held-out loss; `asked` is what --target-loss said.

    `slowest` is the row whose loss at the end is the target, "" where a number was given; `base_loss` is that
    before training. `left_out` are the rows of which no moments were kept.
    """

    asked: float | Literal["slowest"]
    target: float
    slowest: str
    base_loss: float | None
    first: str  # the row that reached it first, "" for none
    rows: list[Reached]
    left_out: list[str]


class Front(Struct, kw_only=True):
    """Which rows no other one beats in a cost and in held-out loss; `beaten` names for the rest by whom."""

    cost: Cost
    unbeaten: list[str]
    beaten: dict[str, list[str]]
