"""Weights & Biases: written offline first, then uploaded where the user is logged in and the server is up.

Writing is local and can't hang, so everything lies under FOLDER/wandb before the network is touched.
A server that is down or silent costs seconds; the runs stay, and the line names `wandb sync`. What wandb
would gather by itself (host, user, program, packages, git) is switched off: only what the record holds is
written, with the record's times. No prompt can appear.
"""

from __future__ import annotations

import os
import shlex
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from laptime.comparison.collection import read_measured
from laptime.comparison.result import ComparisonResult
from laptime.credentials import holds_login
from laptime.errors import UserError
from laptime.runs.record import RunRecord
from laptime.trackers.links import keep_links, read_links
from laptime.trackers.parts.figures import (
    ELAPSED,
    TRAINING_TIME,
    Clock,
    answer_table,
    clock_of_all,
    describe_run,
    find_end,
    group_name,
    list_points,
    method_table,
    run_figures,
    run_id,
    training_times,
)
from laptime.trackers.parts.wandb_file import set_times
from laptime.trackers.parts.wandb_live import note_live, take_live_away
from laptime.trackers.parts.wandb_report import TITLE as REPORT
from laptime.trackers.parts.wandb_report import save_report
from laptime.trackers.parts.wandb_upload import LEAST_SECONDS, is_logged_in, is_synced, upload
from laptime.trackers.tracker import require
from laptime.util.atomic import remove_folder

FOLDER = "wandb"
SUMMARY = "summary"
MARK_FILE = "record"  # beside a run: whose record it is made of, and when that ended
DEFAULT_PROJECT = "laptime"
START_SECONDS = 1.5  # of this process before it gets here, and its end


class WandB:
    """Writes one W&B run a method and round in one group, and a summary run with chart and answers."""

    name = "wandb"

    def __init__(self) -> None:
        self._followed: tuple[str, Any, int] = ("", None, 0)  # the run that is shown, W&B's, its steps

    def check(self) -> None:
        """Raise UserError when wandb is absent, or its server's address is one that it cannot use."""
        require("wandb", "wandb")
        if holds_login(os.environ.get("WANDB_BASE_URL", "")):
            raise UserError(
                "--track wandb: WANDB_BASE_URL holds a name or a password, which W&B does not read there; "
                "give the address alone, and the key in WANDB_API_KEY"
            )

    def publish(self, folder: Path, result: ComparisonResult, network_seconds: float) -> list[str]:
        """Write the runs that were not written before, and upload them if a user is logged in."""
        if os.environ.get("WANDB_MODE") == "disabled":
            return ["wandb: WANDB_MODE is disabled; nothing was written"]
        begun = time.monotonic()
        folder = folder.resolve()
        _quiet(folder)
        records = read_measured(folder, result)
        clocks = {_write_run(folder, result, record): Clock.of(record) for record in records}
        clocks[_write_summary(folder, result, records)] = clock_of_all(result, records)
        _set_times(folder, result, clocks)
        # What was written took its time already: whoever waits at a dead server waits no longer in all.
        deadline = begun + network_seconds - START_SECONDS
        return _upload_and_tell(folder, result, records, deadline)

    def follow(self, folder: Path, result: ComparisonResult, records: Sequence[RunRecord]) -> None:
        """Log the steps that came to a run of its own, where the user is logged in; one run at a time."""
        import wandb

        _quiet(folder)
        settings = wandb.setup().settings
        if settings.mode != "online" or not is_logged_in(str(settings.base_url)):
            return
        for record in records:
            name, run, done = self._followed
            if name != record.started.run:
                if record.finished:
                    continue  # it is whole, and will be uploaded so
                if run is not None:
                    run.finish()
                name, run, done = record.started.run, _begin_live(folder, result, record), 0
            for point in list_points(record):
                if point.step > done:
                    run.log(point.figures | {"_timestamp": point.time}, step=point.step)
            self._followed = (name, run, max(done, record.steps[-1].step))


TRACKER = WandB()


def _quiet(folder: Path) -> None:
    """Keep wandb's words off the console, its files in `folder`, and its error reports at home."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=place).close()  # wandb itself would write elsewhere, without a word
    os.environ["WANDB_SILENT"] = "true"
    os.environ["WANDB_ERROR_REPORTING"] = "false"
    for variable, name in {"WANDB_DATA_DIR": "staging", "WANDB_CACHE_DIR": "cache"}.items():
        os.environ.setdefault(variable, str(place / name))


def _runs(folder: Path) -> list[Path]:
    """Return the folders of the offline runs in the order in which they were written."""
    return sorted((folder / FOLDER).glob("offline-run-*"))


def _begin(folder: Path, result: ComparisonResult, name: str, job: str, config: Mapping[str, Any]) -> Any:
    """Begin an offline run that says nothing of the machine beyond our own facts; None if it was written."""
    identity = run_id(result, name)
    if _find_run(folder, identity):
        return None
    return _init(folder, result, "offline", identity, name.partition(" ")[0], job, config)


def _begin_live(folder: Path, result: ComparisonResult, record: RunRecord) -> Any:
    """Begin a run that is shown while it runs."""
    name = record.started.run
    identity = run_id(result, f"{name} live {time.time()}")
    run = _init(folder, result, "online", identity, f"{name} (live)", "live", describe_run(record))
    note_live(folder / FOLDER, str(run.path))
    _define_axis(run)
    return run


def _define_axis(run: Any) -> None:
    """Have W&B draw everything over the seconds of training."""
    run.define_metric(ELAPSED)
    run.define_metric("*", step_metric=ELAPSED)


def _init(
    folder: Path, result: ComparisonResult, mode: Literal["offline", "online"], identity: str, name: str,
    job: str, config: Mapping[str, Any],
) -> Any:  # fmt: skip
    """Begin a run of W&B."""
    import wandb

    settings = wandb.Settings(
        mode=mode,
        silent=True,
        console="off",
        host="",  # an empty name keeps wandb from asking for the real one
        disable_git=True,
        disable_code=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
    return wandb.init(
        project=os.environ.get("WANDB_PROJECT") or DEFAULT_PROJECT,
        group=group_name(result),
        name=name,
        job_type=job,
        id=identity,
        dir=str(folder),
        config=dict(config),
        settings=settings,
    )


def _upload_and_tell(
    folder: Path, result: ComparisonResult, records: Sequence[RunRecord], deadline: float
) -> list[str]:
    """Upload what has not arrived, keep where it is, and return the lines for the user."""
    runs = _runs(folder)
    waiting = [run for run in runs if not is_synced(run)]
    left = max(LEAST_SECONDS, deadline - time.monotonic())
    trouble, addresses = upload(waiting, left) if waiting else ("", [])
    names = {run_id(result, _name(record)): record.started.run for record in records}
    links = {names.get(address.rpartition("/")[2], SUMMARY): address for address in addresses}
    line = f"wandb: {len(runs)} runs under {folder / FOLDER}"
    command = f"wandb sync {FOLDER}/offline-run-*"
    if trouble:
        keep_links(folder, FOLDER, path=FOLDER, command=command, links=links)
        sync = f"wandb sync {shlex.quote(str(folder / FOLDER))}/offline-run-*"
        return [f"{line}; {trouble}; to upload them: {sync}"]
    stays = take_live_away(folder / FOLDER, max(LEAST_SECONDS, deadline - time.monotonic()))
    report, why = _save_report(folder, result, links, deadline)
    keep_links(folder, FOLDER, path=FOLDER, links=({REPORT: report} if report else {}) | links)
    told = f"report: {report}" if report else links.get(SUMMARY, "")
    return ["; ".join(part for part in (f"{line}; uploaded", told, why, stays) if part)]


def _save_report(
    folder: Path, result: ComparisonResult, links: Mapping[str, str], deadline: float
) -> tuple[str, str]:
    """Save a report on the server unless there is one; returns its address, or why there is none."""
    published = read_links(folder).get(FOLDER)
    known = {link.title: link.url for link in published.links} if published else {}
    if REPORT in known or not links:
        return known.get(REPORT, ""), ""
    seconds = max(LEAST_SECONDS, deadline - time.monotonic())
    return save_report(result, group_name(result), next(iter(links.values())), seconds)


def _find_run(folder: Path, identity: str) -> Path | None:
    """Return the folder of the run with this id, None where it was not written."""
    return next(iter((folder / FOLDER).glob(f"offline-run-*-{identity}")), None)


def _write_run(folder: Path, result: ComparisonResult, record: RunRecord) -> str:
    """Write one method in one round: its spec, its steps, its figures; returns what its id is made of."""
    _forget_older(folder, record)
    run = _begin(folder, result, _name(record), record.started.method, describe_run(record))
    if run is not None:
        _define_axis(run)
        for point in list_points(record):
            run.log(point.figures | {"_timestamp": point.time}, step=point.step)
        run.summary.update(run_figures(record))
        run.finish(exit_code=0 if record.finished else 1)
    return _name(record)


def _name(record: RunRecord) -> str:
    """Return what the id of a run is made of: one that is done anew is another run to W&B.

    Its server puts rows of a run that it has behind those that are there, so that each would be there twice.
    """
    return f"{record.started.run} {find_end(record)!r}"


def _forget_older(folder: Path, record: RunRecord) -> None:
    """Remove what was written of a run that failed then and was done anew, unless it has arrived."""
    for mark in (folder / FOLDER).glob(f"offline-run-*/{MARK_FILE}"):
        told = mark.read_text()
        if told.startswith(f"{record.started.run} ") and told != _name(record) and not is_synced(mark.parent):
            remove_folder(mark.parent)


def _set_times(folder: Path, result: ComparisonResult, clocks: Mapping[str, Clock]) -> None:
    """Give the files of runs, by name, the times of their records, unless they have left already."""
    import wandb

    wandb.teardown()  # its process writes on after a run is finished
    for name, clock in clocks.items():
        run = _find_run(folder, run_id(result, name))
        if run is not None and not is_synced(run):
            for path in run.glob("*.wandb"):
                set_times(path, clock)
            (run / MARK_FILE).write_text(name)


def _write_summary(folder: Path, result: ComparisonResult, records: Sequence[RunRecord]) -> str:
    """Write the comparison: the chart of training seconds, the tables, the ratios; returns its name.

    Its id depends on the runs behind it, so that a comparison that went on gets a new summary.
    """
    name = " ".join([SUMMARY, *map(_name, records)])
    run = _begin(folder, result, name, SUMMARY, {"spec": result.spec, "machine": result.machine})
    if run is not None:
        # One row: W&B shows of every key that which was logged last.
        run.log(_tables(result) | {"_timestamp": clock_of_all(result, records).end})
        for pair in result.pairs:
            run.summary[f"ratio {pair.slower} to {pair.faster}"] = pair.train_ratio
            run.summary[f"verdict {pair.slower} to {pair.faster}"] = pair.verdict
        run.finish()
    return name


def _tables(result: ComparisonResult) -> dict[str, Any]:
    """Return the chart of training seconds by method, the table of methods and that of answers."""
    import wandb

    seconds = wandb.Table(columns=["method", TRAINING_TIME], data=[list(r) for r in training_times(result)])
    tables: dict[str, Any] = {TRAINING_TIME: wandb.plot.bar(seconds, "method", TRAINING_TIME, TRAINING_TIME)}
    for name, (columns, rows) in {"methods": method_table(result), "answers": answer_table(result)}.items():
        if rows:
            tables[name] = wandb.Table(columns=columns, data=rows)
    return tables
