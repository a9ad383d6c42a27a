"""The figures of a comparison as CSV, a row a method: plain numbers, the same in every language."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from laptime.comparison.result import ComparisonResult, MethodResult, read_result
from laptime.report.own_files import BLANK_MARK, refuse_foreign, write_own
from laptime.report.quantities import known
from laptime.report.sanitising import sanitise
from laptime.report.speed_sentences import PARTS, PHASES

NAME = "results.csv"
_TEXTS = (
    "name", "method", "trainer", "status", "devices", "peak_bytes_kind", "saved_kind", "compute_dtype",
    "trained_dtype", "energy_source",
)  # fmt: skip
_NUMBERS = (
    "train_seconds", "total_seconds", "first_step_seconds", "steady_step_seconds", "tokens_per_second",
    "held_bytes", "fixed_bytes", "trainable_parameters", "parameters", "saved_bytes", "learning_rate",
    "flops_per_token", "final_train_loss", "held_out_loss", "energy_joules",
)  # fmt: skip
_ROUNDS = ("train_seconds_by_round", "total_seconds_by_round", "held_out_loss_by_round")


def write_csv(folder: Path) -> Path:
    """Write the figures of the comparison in `folder`; raises UserError for a file that is not ours."""
    path = folder / NAME
    refuse_foreign([path])
    write_own(path, render_csv(sanitise(read_result(folder))))
    return path


def render_csv(result: ComparisonResult) -> str:
    """Return the table; an absent figure is an empty cell, and the head of the second column marks the file.

    That column numbers the rows: what it says must stand near the file's beginning.
    """
    rows = [list_figures(row) for row in result.methods]
    first, *names = dict.fromkeys(name for row in rows for name in row)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([first, BLANK_MARK, *names])
    for number, row in enumerate(rows, 1):
        writer.writerow([row[first], number, *(row.get(name, "") for name in names)])
    return out.getvalue()


def list_figures(row: MethodResult) -> dict[str, str]:
    """Return the figures of a method by the names of their columns."""
    figures = {name: _guard(str(getattr(row, name) or "")) for name in _TEXTS}
    figures |= {name: _show(getattr(row, name)) for name in _NUMBERS}
    figures["rounds"] = str(len(row.rounds))
    figures |= {name: " ".join(map(_show, getattr(row, name))) for name in _ROUNDS}
    figures |= {f"phase_{name}_seconds": _show(row.phase_seconds.get(name)) for name in PHASES}
    figures |= {f"step_{name}_seconds": _show(row.step_part_seconds.get(name)) for name in PARTS}
    for kind in ("memorisation", "generalisation"):
        score = getattr(row, kind)
        figures[f"{kind}_chrf"] = _show(score.chrf if score else None)
        figures[f"{kind}_exact_match"] = _show(score.exact_match if score else None)
    return figures


def _show(value: float | None) -> str:
    """Return a number as it is, without what nobody measured."""
    return f"{value:.9g}" if known(value) else ""


def _guard(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\n") else text
