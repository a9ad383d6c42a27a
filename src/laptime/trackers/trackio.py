"""Trackio: its local store under FOLDER/trackio, or where TRACKIO_DIR says; nothing is sent anywhere.

Rows have the times of the record. They go into Trackio's store as its own import of files puts them there:
its runs take the time at which they are told, and gather the user's name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from laptime.comparison.collection import read_measured
from laptime.comparison.result import ComparisonResult
from laptime.runs.record import RunRecord
from laptime.trackers.links import keep_links
from laptime.trackers.parts.figures import (
    Clock,
    answer_table,
    clock_of_all,
    describe_run,
    group_name,
    list_points,
    run_figures,
    run_id,
    training_times,
)
from laptime.trackers.parts.tables import draw_methods, draw_table, draw_times
from laptime.trackers.tracker import require
from laptime.util.shell import shell_command

FOLDER = "trackio"
DEFAULT_PROJECT = "laptime"
SUMMARY = "summary"
END_KEY = "record_end"  # of a run's configuration: when the record ended that it was made of


class Trackio:
    """Writes one Trackio run a method and round in one group, and a summary with tables."""

    name = "trackio"

    def __init__(self) -> None:
        self._followed: dict[str, int] = {}  # by run: the steps that were shown

    def check(self) -> None:
        """Raise UserError when trackio is absent."""
        require("trackio", "trackio")

    def publish(self, folder: Path, result: ComparisonResult, network_seconds: float) -> list[str]:
        """Write the runs that are not there; one whose record has grown since gives way."""
        folder = folder.resolve()
        own = "TRACKIO_DIR" not in os.environ
        place, project = _open_store(folder)
        records = read_measured(folder, result)
        for record in records:
            _write_run(project, result, record)
        _write_summary(project, result, records)
        show = shell_command("trackio", "show", "--project", project)
        here = f"TRACKIO_DIR={FOLDER} " if own else ""
        keep_links(folder, self.name, path=FOLDER if own else "", command=f"{here}{show}")
        where = f"TRACKIO_DIR={shell_command(str(place))} " if own else ""
        return [f"trackio: {len(records)} run{'s'[: len(records) != 1]} written; {where}{show}"]

    def follow(self, folder: Path, result: ComparisonResult, records: Sequence[RunRecord]) -> None:
        """Write the steps that came; a run of which some were taken back begins anew."""
        _, project = _open_store(folder)
        for record in records:
            run, steps = record.started.run, record.steps[-1].step
            if steps < self._followed.get(run, steps + 1):
                _forget(project, result, run)
            rows = [(point.step, point.time, dict(point.figures)) for point in list_points(record)]
            config = {**describe_run(record), END_KEY: None}
            _write_rows(project, result, run, Clock.of(record), rows, config)  # what is there stays as it is
            self._followed[run] = steps


TRACKER = Trackio()


def _open_store(folder: Path) -> tuple[Path, str]:
    """Return where Trackio's store is, made if it is not there, and the user's project."""
    place = Path(os.environ.setdefault("TRACKIO_DIR", str(folder / FOLDER)))
    place.mkdir(parents=True, exist_ok=True)
    return place, os.environ.get("TRACKIO_PROJECT") or DEFAULT_PROJECT


def _forget(project: str, result: ComparisonResult, name: str) -> None:
    """Remove a run."""
    from trackio.sqlite_storage import SQLiteStorage

    SQLiteStorage.delete_run(project, name, run_id=run_id(result, name))


def _write(
    project: str,
    result: ComparisonResult,
    name: str,
    clock: Clock,
    rows: Sequence[tuple[int, float, dict[str, Any]]],
    config: dict[str, Any],
) -> None:
    """Write a run of rows (step, time, figures) unless it is there, its record as long as now."""
    from trackio.sqlite_storage import SQLiteStorage

    identity = run_id(result, name)
    before = SQLiteStorage.get_run_config(project, name, run_id=identity)
    if before is not None:
        if before.get(END_KEY) == clock.end:
            return
        _forget(project, result, name)
    if not rows:
        rows = [(0, clock.end, {"steps": 0})]  # Trackio knows no run without a row
    _write_rows(project, result, name, clock, rows, {END_KEY: clock.end} | config)


def _write_rows(
    project: str,
    result: ComparisonResult,
    name: str,
    clock: Clock,
    rows: Sequence[tuple[int, float, dict[str, Any]]],
    config: dict[str, Any],
) -> None:
    """Write the rows of a run that are not there yet."""
    from trackio.sqlite_storage import SQLiteStorage

    identity = run_id(result, name)
    told = {"_Created": _moment(clock.begun), "_Group": group_name(result)} | config
    SQLiteStorage.bulk_log(
        project,
        name,
        [figures for _, _, figures in rows],
        steps=[step for step, _, _ in rows],
        timestamps=[_moment(time) for _, time, _ in rows],
        log_ids=[f"{identity}-{number}" for number in range(len(rows))],
        config=told,
        run_id=identity,
    )


def _write_run(project: str, result: ComparisonResult, record: RunRecord) -> None:
    """Write one method in one round: its options, its steps, its figures behind the last of them."""
    clock = Clock.of(record)
    rows: list[tuple[int, float, dict[str, Any]]] = [
        (point.step, point.time, dict(point.figures)) for point in list_points(record)
    ]
    figures = run_figures(record)
    numbers = {name: value for name, value in figures.items() if isinstance(value, (int, float))}
    if numbers:
        rows.append((rows[-1][0] if rows else 0, clock.end, numbers))
    words = {name: value for name, value in figures.items() if name not in numbers}
    _write(project, result, record.started.run, clock, rows, describe_run(record) | words)


def _write_summary(project: str, result: ComparisonResult, records: Sequence[RunRecord]) -> None:
    """Write the comparison: seconds by method with bars, the tables, the ratios."""
    from trackio import Markdown

    clock = clock_of_all(result, records)
    texts = {"Training Time (s)": draw_times(result), "methods": draw_methods(result)}
    columns, rows = answer_table(result)
    texts |= {"answers": draw_table(columns, rows) if rows else ""}
    shown: dict[str, Any] = {name: Markdown(text)._to_dict() for name, text in texts.items() if text}
    shown |= {f"training_time_seconds/{name}": value for name, value in training_times(result)}
    shown |= {f"ratio {p.slower} to {p.faster}": p.train_ratio for p in result.pairs if p.train_ratio}
    _write(project, result, SUMMARY, clock, [(0, clock.end, shown)], {"spec": result.spec})


def _moment(seconds: float) -> str:
    """Return seconds since 1970 as Trackio writes moments."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
