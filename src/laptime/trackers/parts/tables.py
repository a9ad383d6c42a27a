"""Tables in Markdown, for trackers that show text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from laptime.comparison.result import ComparisonResult
from laptime.trackers.parts.figures import TRAINING_TIME, method_table, training_times

BAR, MOST_BARS = "█", 30


def draw_times(result: ComparisonResult) -> str:
    """Return the seconds of training by method with bars; "" where no method has come to its end."""
    if not (seconds := training_times(result)):
        return ""
    most = max(value for _, value in seconds)
    rows = [[name, value, BAR * max(1, round(MOST_BARS * value / most))] for name, value in seconds]
    return draw_table(["method", TRAINING_TIME, ""], rows)


def draw_methods(result: ComparisonResult) -> str:
    """Return what each method took and reached."""
    return draw_table(*method_table(result))


def draw_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table of figures and words."""
    lines = [list(columns), ["---"] * len(columns), *([show_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show_cell(value: Any) -> str:
    """Return a cell: a figure with four digits, and words in one line."""
    if value is None:
        return "not measured"
    if isinstance(value, str):
        return " ".join(value.split()).replace("|", "&#124;")
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
