"""What a training makes a model forget: its loss on general text, and its answers there, before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from laptime.comparison import scores
from laptime.comparison.held_out import FEWEST_GROUPS, compare_two
from laptime.comparison.result import Forgetting
from laptime.comparison.rows import MethodRuns
from laptime.runs.events import General


def compare_general(base: MethodRuns | None, rows: Sequence[MethodRuns]) -> list[Forgetting]:
    """Return the loss of each row on general text beside that of the base, where both were measured."""
    before = find_first(base) if base else None
    if before is None:
        return []
    found = []
    for row in rows:
        after = find_first(row)
        if after is None or after.counts != before.counts:
            continue
        gap = compare_two((row.name, "base"), after.sums, before.sums, before.counts)
        found.append(
            Forgetting(
                contestant=row.name,
                texts=before.name,
                base_loss=before.loss,
                loss=after.loss,
                difference=gap.difference,
                standard_error=gap.standard_error,
                **measure_distance(find_answers(base), find_answers(row)),
            )
        )
    return found


def measure_distance(before: dict[str, str], after: dict[str, str]) -> dict[str, Any]:
    """Return how far answers lie from those of the base, by question, with the error over the questions."""
    both = [(text, after[asked]) for asked, text in before.items() if asked in after]
    distances = [100 - scores.likeness(*texts) for texts in both]
    if not distances:
        return {}
    number = len(distances)
    error = stdev(distances) / math.sqrt(number) if number >= FEWEST_GROUPS else None
    return {"answer_distance": fmean(distances), "answer_error": error, "num_questions": number}


def find_answers(row: MethodRuns | None) -> dict[str, str]:
    """Return the answers to the general questions of the first run of a row that was asked."""
    told = (record.general_answers for record in (row.figured if row else []))
    return {one.question: one.text for one in next(filter(None, told), [])}


def find_first(row: MethodRuns) -> General | None:
    """Return what the first run of a row that was asked has made of the texts."""
    return next((record.general for record in row.figured if record.general), None)
