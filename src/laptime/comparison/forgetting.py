"""What a training makes a model forget: its loss on general text, before and after."""

from __future__ import annotations

from collections.abc import Sequence

from laptime.comparison.held_out import compare_two
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
            )
        )
    return found


def find_first(row: MethodRuns) -> General | None:
    """Return what the first run of a row that was asked has made of the texts."""
    return next((record.general for record in row.figured if record.general), None)
