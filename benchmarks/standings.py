"""What the outcomes of a race say: medians, ratios paired by round with their spread, losses, the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import msgspec
from arithmetic import Layers, count_step_flops
from contestants import Job, Outcome
from msgspec import Struct

REFERENCE = "laptime"
STEPS_TO_WARM = 2  # of each process, left out of its steady step
MEBIBYTE = 1024**2
Figure = Callable[[Outcome], float | None]


class Spread(Struct):
    """A median over rounds with the lowest and the highest."""

    median: float
    lowest: float
    highest: float


class Standing(Struct, kw_only=True):
    """One row of the table; ratios are this contestant's figure over Laptime's, above 1 where that leads."""

    name: str
    rounds: int = 0
    errors: list[str] = []
    first_step_seconds: float | None = None
    step_seconds: float | None = None  # steady: the median of all steps but the first two of a process
    train_seconds: float | None = None
    whole_seconds: float | None = None
    peak_bytes: float | None = None
    step_ratio: Spread | None = None
    train_ratio: Spread | None = None
    whole_ratio: Spread | None = None
    peak_ratio: Spread | None = None
    ceiling_share: float | None = None
    same_tokens: bool | None = None
    num_tokens: int = 0
    num_trained_tokens: int = 0
    first_loss_difference: float | None = None
    largest_loss_difference: float | None = None


def steady_step(outcome: Outcome) -> float | None:
    """Return the median of the steps after the first two; of all when there are no more."""
    steps = outcome.step_seconds[STEPS_TO_WARM:] or outcome.step_seconds
    return median(steps) if steps else None


def peak(outcome: Outcome) -> float | None:
    """Return the peak memory: the GPU's where one was used."""
    return outcome.peak_device_bytes or outcome.peak_bytes or None


def rank(
    outcomes: Sequence[Outcome], job: Job, layers: Layers | None, ceilings: Sequence[float]
) -> list[Standing]:
    """Return the standing of every contestant, Laptime's first."""
    names = sorted(dict.fromkeys(one.contestant for one in outcomes), key=lambda name: name != REFERENCE)
    ours = finished(outcomes, REFERENCE)
    ceiling = median(ceilings) if ceilings else 0.0
    return [stand(name, outcomes, ours, job, layers, ceiling) for name in names]


def finished(outcomes: Sequence[Outcome], name: str) -> dict[int, Outcome]:
    """Return the outcomes of one contestant that did not fail, by round."""
    return {one.round: one for one in outcomes if one.contestant == name and one.error is None}


def stand(
    name: str,
    outcomes: Sequence[Outcome],
    ours: dict[int, Outcome],
    job: Job,
    layers: Layers | None,
    ceiling: float,
) -> Standing:
    """Return the standing of one contestant."""
    theirs = finished(outcomes, name)
    failed = [one for one in outcomes if one.contestant == name and one.error]
    standing = Standing(name=name, rounds=len(theirs))
    standing.errors = [f"round {one.round}: {one.error}" for one in failed]
    if not theirs:
        return standing
    runs = list(theirs.values())
    standing.first_step_seconds = middle(runs, lambda one: next(iter(one.step_seconds), None))
    standing.step_seconds = middle(runs, steady_step)
    standing.train_seconds = middle(runs, lambda one: one.train_seconds)
    standing.whole_seconds = middle(runs, lambda one: one.whole_seconds)
    standing.peak_bytes = middle(runs, peak)
    standing.num_tokens, standing.num_trained_tokens = runs[0].num_tokens, runs[0].num_trained_tokens
    standing.step_ratio = ratio(theirs, ours, steady_step)
    standing.train_ratio = ratio(theirs, ours, lambda one: one.train_seconds)
    standing.whole_ratio = ratio(theirs, ours, lambda one: one.whole_seconds)
    standing.peak_ratio = ratio(theirs, ours, peak)
    if ours:
        compare_work(standing, theirs, ours)
        # Another method makes other products: no share is claimed for it.
        if layers and ceiling and runs[0].same_method:
            standing.ceiling_share = middle(
                runs, lambda one: share_of_ceiling(one, next(iter(ours.values())), job, layers, ceiling)
            )
    return standing


def middle(outcomes: Sequence[Outcome], figure: Figure) -> float | None:
    """Return the median of a figure over outcomes, left out where it is not known."""
    known = [value for one in outcomes if (value := figure(one)) is not None]
    return median(known) if known else None


def ratio(theirs: dict[int, Outcome], ours: dict[int, Outcome], figure: Figure) -> Spread | None:
    """Return their figure over ours, paired by the rounds that both finished."""
    pairs = [(figure(theirs[number]), figure(ours[number])) for number in theirs if number in ours]
    ratios = [above / below for above, below in pairs if above and below]
    return Spread(median(ratios), min(ratios), max(ratios)) if ratios else None


def compare_work(standing: Standing, theirs: dict[int, Outcome], ours: dict[int, Outcome]) -> None:
    """Say whether the tokens are the same, and how far the losses are apart."""
    counts = {(one.num_tokens, one.num_trained_tokens) for one in [*theirs.values(), *ours.values()]}
    standing.same_tokens = len(counts) == 1
    one, other = next(iter(theirs.values())).losses, next(iter(ours.values())).losses
    apart = [abs(a - b) for a, b in zip(one, other, strict=False) if a is not None and b is not None]
    if apart and len(one) == len(other):
        standing.first_loss_difference, standing.largest_loss_difference = apart[0], max(apart)


def share_of_ceiling(outcome: Outcome, ours: Outcome, job: Job, layers: Layers, ceiling: float) -> float:
    """Return the share of the GEMM ceiling of the median steady step, by the arithmetic that it needs."""
    flops = [
        count_step_flops(layers, job.method, job.rank, num_tokens, num_trained)
        for num_tokens, num_trained in zip(ours.step_tokens, ours.step_trained_tokens, strict=True)
    ]
    shares = [work / seconds / ceiling for work, seconds in zip(flops, outcome.step_seconds, strict=False)]
    return median(shares[STEPS_TO_WARM:] or shares)


COLUMNS = (
    "", "step s", "to Laptime", "training s", "to Laptime", "process s", "to Laptime", "peak MiB",
    "to Laptime", "of the GEMM ceiling", "largest loss difference",
)  # fmt: skip


def table(title: str, standings: Sequence[Standing | dict[str, Any]]) -> str:
    """Return the Markdown table of a race, with a line for each contestant that failed."""
    rows = [msgspec.convert(one, Standing) if isinstance(one, dict) else one for one in standings]
    lines = [f"**{title}**", "", row(COLUMNS), row(["---", *["---:"] * (len(COLUMNS) - 1)])]
    lines += [row(cells(one)) for one in rows]
    failures = [f"- {one.name} failed: {error}" for one in rows for error in one.errors]
    different = [
        f"- {one.name} trained {one.num_trained_tokens:,} of {one.num_tokens:,} tokens: not the same work"
        for one in rows
        if one.same_tokens is False
    ]
    notes = [*failures, *different]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def row(texts: Sequence[str]) -> str:
    """Return one line of a Markdown table."""
    return "| " + " | ".join(texts) + " |"


def cells(one: Standing) -> list[str]:
    """Return the cells of one contestant."""
    peak_mebibytes = None if one.peak_bytes is None else one.peak_bytes / MEBIBYTE
    apart = one.largest_loss_difference
    return [
        one.name,
        number(one.step_seconds, 3), spread(one.step_ratio),
        number(one.train_seconds, 1), spread(one.train_ratio),
        number(one.whole_seconds, 1), spread(one.whole_ratio),
        number(peak_mebibytes, 0), spread(one.peak_ratio),
        "-" if one.ceiling_share is None else f"{one.ceiling_share:.0%}",
        "-" if apart is None else f"{apart:.2g}",
    ]  # fmt: skip


def number(value: float | None, digits: int) -> str:
    """Return a number, or a dash for one that is not known."""
    return "-" if value is None else f"{value:,.{digits}f}"


def spread(value: Spread | None) -> str:
    """Return a ratio with its lowest and highest round, where they differ."""
    if value is None:
        return "-"
    if value.lowest == value.highest:
        return f"{value.median:.2f}x"
    return f"{value.median:.2f}x ({value.lowest:.2f}-{value.highest:.2f})"
