"""How far a difference in held-out loss is to be trusted: other examples would have given another one.

Both losses of a difference are of the same examples, so that it is taken example by example (or batch by
batch): what is hard for one is hard for the other, and drops out. The mean is over tokens, so that its error
is that of a ratio (Cochran 1977, section 6.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from laptime.comparison.result import HeldOutDifference
from laptime.comparison.rows import MethodRuns
from laptime.runs.events import Evaluation

FEWEST_GROUPS = 5  # of examples: fewer tell nothing of their spread


def compare_held_out(rows: Sequence[MethodRuns]) -> list[HeldOutDifference]:
    """Return the difference of every two rows that were evaluated on the same examples."""
    known = [(row.name, one) for row in rows if (one := average(row))]
    return [
        compare_two((name, other), sums, others, counts)
        for (name, (sums, counts)), (other, (others, its_counts)) in combinations(known, 2)
        if counts == its_counts
    ]


def average(row: MethodRuns) -> tuple[list[float], list[int]] | None:
    """Return the losses of each group of examples, added up, in the mean of the rounds, and their tokens.

    None where there are none, or rounds were evaluated on other groups.
    """
    found = [one for record in row.figured for one in find_last(record.evaluations)]
    if not found or not found[0].sums or any(one.counts != found[0].counts for one in found):
        return None
    return [fmean(sums) for sums in zip(*(one.sums for one in found), strict=True)], found[0].counts


def find_last(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the evaluation after the training, in a list; an empty one where there is none."""
    return [one for one in evaluations if one.when == "after"][-1:]


def compare_two(
    names: tuple[str, str], first: Sequence[float], second: Sequence[float], counts: Sequence[int]
) -> HeldOutDifference:
    """Return the difference of two rows over the same groups of examples."""
    gaps = [one - other for one, other in zip(first, second, strict=True)]
    tokens, number = sum(counts), len(counts)
    mean = sum(gaps) / tokens
    error = None
    if number >= FEWEST_GROUPS:
        squares = sum((gap - mean * count) ** 2 for gap, count in zip(gaps, counts, strict=True))
        error = math.sqrt(number / (number - 1) * squares) / tokens
    return HeldOutDifference(
        first=names[0], second=names[1], difference=mean, standard_error=error, num_groups=number
    )
