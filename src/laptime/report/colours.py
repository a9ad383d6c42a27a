"""Which colour a row has: the same method the same one in every report, and no two rows of a report alike."""

from __future__ import annotations

from collections.abc import Sequence

from laptime.comparison.result import ComparisonResult
from laptime.runs.contestants import split_name

# The place of a method in the palette of templates/chart.css; one that is not here takes a free one.
PLACES = {
    "full": 0, "lora": 1, "top_layers": 2, "lora_top": 3, "qlora": 4, "dora": 5, "rslora": 6, "lora_plus": 7,
    "pissa": 8, "ia3": 9, "lora_fa": 10, "olora": 11, "vera": 12, "adalora": 13, "bitfit": 14, "galore": 15,
    "lisa": 16, "loftq": 17, "oft": 18, "prompt_tuning": 19,
}  # fmt: skip
NUM_COLOURS = 20


def number_rows(result: ComparisonResult) -> dict[str, int]:
    """Return the number of each row's colour: that of its method where it is free, else the next free one."""
    return assign([(row.name, row.method) for row in result.methods])


def assign(rows: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return a number for each (name, method); those called as their method come first."""
    numbers: dict[str, int] = {}
    in_order = sorted(rows, key=lambda row: split_name(row[0]) != (row[1], 1))
    for known in (True, False):  # what has a place of its own keeps it from what has none
        for name, method in in_order:
            if (method in PLACES) == known:
                numbers[name] = _find_free(PLACES.get(method, 0), set(numbers.values()))
    return numbers


def _find_free(wanted: int, taken: set[int]) -> int:
    """Return `wanted`, or the next number that is not taken; with all taken they begin anew."""
    free = [(wanted + step) % NUM_COLOURS for step in range(NUM_COLOURS)]
    return next((number for number in free if number not in taken), wanted)
