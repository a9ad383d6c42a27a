"""MLflow: a store of its own under FOLDER/mlflow, and the server that MLFLOW_TRACKING_URI names.

The local store is written first and needs no network. Each run has the times of the record: its start, its
end and the moment of every step. What MLflow would gather by itself (user, program, git) is not asked for,
and its reports home are switched off.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from laptime.comparison.collection import read_measured
from laptime.comparison.result import ComparisonResult
from laptime.credentials import hide, holds_login
from laptime.errors import UserError
from laptime.runs.record import RunRecord
from laptime.trackers.links import keep_links
from laptime.trackers.parts.figures import (
    Clock,
    answer_table,
    clock_of_all,
    describe_run,
    group_name,
    list_points,
    method_table,
    run_figures,
    run_id,
    training_times,
)
from laptime.trackers.tracker import require
from laptime.util.shell import shell_command

FOLDER = "mlflow"
STORE = "mlflow.db"
DEFAULT_EXPERIMENT = "laptime"
SUMMARY = "summary"
LIVE_SECONDS = 20.0  # that a server may take where nobody waits
AT_ONCE = 900  # metrics in a request; MLflow takes a thousand
LONGEST = 500  # of a parameter's text
ID_TAG, END_TAG = "laptime.id", "laptime.end"


class MLflow:
    """Writes one MLflow run a method and round, below one that holds the comparison."""

    name = "mlflow"

    def __init__(self) -> None:
        self._followed: dict[str, tuple[str, int]] = {}  # by run: MLflow's id and the steps that were shown

    def check(self) -> None:
        """Raise UserError when mlflow is absent, or its server's address holds what would be printed."""
        require("mlflow", "mlflow")
        if holds_login(os.environ.get("MLFLOW_TRACKING_URI", "")):
            raise UserError(
                "--track mlflow: MLFLOW_TRACKING_URI holds a name or a password; give the address alone, and "
                "these in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )

    def publish(self, folder: Path, result: ComparisonResult, network_seconds: float) -> list[str]:
        """Write the runs that the local store lacks, then those that the user's server lacks."""
        begun, folder = time.monotonic(), folder.resolve()
        place = folder / FOLDER
        place.mkdir(parents=True, exist_ok=True)
        server = os.environ.get("MLFLOW_TRACKING_URI", "")
        _quiet(network_seconds)
        records = read_measured(folder, result)
        store = f"sqlite:///{place / STORE}"
        _write(store, (place / "artifacts").as_uri(), result, records)
        address = f"sqlite:///{FOLDER}/{STORE}"
        keep_links(folder, self.name, path=FOLDER, command=f"mlflow ui --backend-store-uri {address}")
        line = f"mlflow: {len(records)} run{'s'[: len(records) != 1]} written; "
        line += shell_command("mlflow", "ui", "--backend-store-uri", store)
        if server.startswith(("http://", "https://")):
            line += f"; {_send(folder, server, result, records, begun + network_seconds)}"
        return [line]

    def follow(self, folder: Path, result: ComparisonResult, records: Sequence[RunRecord]) -> None:
        """Log the steps that came, to the user's server or else the local store."""
        from mlflow import MlflowClient

        store, artifacts = _choose_live_store(folder)
        client: Any = MlflowClient(tracking_uri=store)
        experiment = _find_experiment(client, artifacts)
        for record in records:
            run, steps = record.started.run, record.steps[-1].step
            identity, done = self._followed.get(run, ("", 0))
            if not identity or steps < done:  # new, or some were taken back
                identity, done = _begin_live(client, experiment, result, record), 0
            _log_metrics(client, identity, [one for one in _step_metrics(record) if one.step > done])
            self._followed[run] = (identity, steps)


TRACKER = MLflow()


def _choose_live_store(folder: Path) -> tuple[str, str | None]:
    """Return where a race is followed, and where its files would lie."""
    server = os.environ.get("LAPTIME_MLFLOW_SERVER") or os.environ.get("MLFLOW_TRACKING_URI", "")
    _quiet(LIVE_SECONDS)
    if server.startswith(("http://", "https://")):
        os.environ["LAPTIME_MLFLOW_SERVER"] = server
        return server, None
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{place / STORE}", (place / "artifacts").as_uri()


def _quiet(network_seconds: float) -> None:
    """Keep MLflow's words off the console, its reports at home and its patience short."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(max(1, int(network_seconds / 2)))
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # what is local stays so
    os.environ.pop("MLFLOW_RUN_ID", None)


def _send(
    folder: Path, server: str, result: ComparisonResult, records: Sequence[RunRecord], deadline: float
) -> str:
    """Write to the user's server; returns the phrase that says what came of it."""
    try:
        experiment, run = _write(server, None, result, records, deadline)
    except Exception as error:  # the local store is complete
        return f"not sent to the server ({type(error).__name__}: {hide(' '.join(str(error).split()))[:100]})"
    url = f"{server.rstrip('/')}/#/experiments/{experiment}/runs/{run}"
    keep_links(
        folder, FOLDER, path=FOLDER, command=f"mlflow ui --backend-store-uri sqlite:///{FOLDER}/{STORE}",
        links={SUMMARY: url},
    )  # fmt: skip
    return f"sent: {url}"


def _write(
    store: str,
    artifacts: str | None,
    result: ComparisonResult,
    records: Sequence[RunRecord],
    deadline: float = float("inf"),
) -> tuple[str, str]:
    """Write the comparison and its runs to a store; returns the ids of the experiment and of the summary.

    Raises TimeoutError where a server is not done by `deadline`.
    """
    from mlflow import MlflowClient

    client: Any = MlflowClient(tracking_uri=store)
    experiment = _find_experiment(client, artifacts)
    summary = _write_summary(client, experiment, result, records)
    for record in records:
        if time.monotonic() > deadline:
            raise TimeoutError("it took too long")
        _write_run(client, experiment, summary, result, record)
    return experiment, summary


def _find_experiment(client: Any, artifacts: str | None) -> str:
    """Return the id of the user's experiment, made where it is not there."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT
    if found := client.get_experiment_by_name(name):
        return str(found.experiment_id)
    kind = {"mlflow.experimentKind": "custom_model_development"}  # opens on runs, not on chats
    return str(client.create_experiment(name, artifact_location=artifacts, tags=kind))


def _find(client: Any, experiment: str, identity: str) -> Any:
    """Return the run with this id of ours, None where it was not written."""
    found = client.search_runs([experiment], filter_string=f"tags.`{ID_TAG}` = '{identity}'")
    for other in found[1:]:  # left by one that followed a race which was killed
        client.delete_run(other.info.run_id)
    return found[0] if found else None


def _is_whole(run: Any, clock: Clock) -> bool:
    """Tell whether a run was written to its end, of a record that has not grown since."""
    return run.data.tags.get(END_TAG) == repr(clock.end) and run.info.status != "RUNNING"


def _begin(
    client: Any, experiment: str, identity: str, name: str, clock: Clock, tags: Mapping[str, str]
) -> str:
    """Begin a run and return its id."""
    own = {ID_TAG: identity, END_TAG: repr(clock.end), **tags}
    run = client.create_run(experiment, start_time=_milliseconds(clock.begun), run_name=name, tags=own)
    return str(run.info.run_id)


def _write_summary(
    client: Any, experiment: str, result: ComparisonResult, records: Sequence[RunRecord]
) -> str:
    """Write the comparison: seconds by method, ratios, tables; returns the id of its run, which stays."""
    from mlflow.entities import Metric

    identity, clock = run_id(result, SUMMARY), clock_of_all(result, records)
    if known := _find(client, experiment, identity):
        run = str(known.info.run_id)
        if _is_whole(known, clock):
            return run
        client.set_tag(run, END_TAG, repr(clock.end))
    else:
        run = _begin(client, experiment, identity, group_name(result), clock, {})
    now = _milliseconds(clock.end)
    figures = {f"training_time_seconds/{name}": value for name, value in training_times(result)}
    figures |= {f"ratio/{p.slower} to {p.faster}": p.train_ratio for p in result.pairs if p.train_ratio}
    client.log_batch(run, metrics=[Metric(_safe(name), value, now, 0) for name, value in figures.items()])
    tables = {"methods.json": method_table(result), "answers.json": answer_table(result)}
    for file, (columns, rows) in tables.items():
        client.log_dict(run, {"columns": columns, "data": rows}, file)
    shown = ", ".join(f'{{"path": "{file}", "type": "table"}}' for file in tables)
    client.set_tag(run, "mlflow.loggedArtifacts", f"[{shown}]")
    client.set_terminated(run, "FINISHED", _milliseconds(clock.end))
    return run


def _write_run(
    client: Any, experiment: str, summary: str, result: ComparisonResult, record: RunRecord
) -> None:
    """Write one method in one round: its options, its steps, its figures, at the times of the record."""
    from mlflow.entities import Metric, Param

    name, clock = record.started.run, Clock.of(record)
    if known := _find(client, experiment, run_id(result, name)):
        if _is_whole(known, clock):
            return
        client.delete_run(known.info.run_id)
    tags = {"mlflow.parentRunId": summary, "method": record.started.method, "status": record.status}
    run = _begin(client, experiment, run_id(result, name), name, clock, tags)
    metrics = _step_metrics(record)
    figures, last = run_figures(record), record.steps[-1].step if record.steps else 0
    for key, value in figures.items():
        if isinstance(value, (int, float)):
            metrics.append(Metric(key, float(value), _milliseconds(clock.end), last))
        else:
            client.set_tag(run, key, value)
    _log_metrics(client, run, metrics)
    told = list(_flatten(describe_run(record)))
    for start in range(0, len(told), 100):
        client.log_batch(run, params=[Param(key, value) for key, value in told[start : start + 100]])
    client.set_terminated(run, "FINISHED" if record.finished else "FAILED", _milliseconds(clock.end))


def _step_metrics(record: RunRecord) -> list[Any]:
    """Return the figures of all steps as MLflow's metrics."""
    from mlflow.entities import Metric

    return [
        Metric(key, value, _milliseconds(point.time), point.step)
        for point in list_points(record)
        for key, value in point.figures.items()
    ]


def _log_metrics(client: Any, run: str, metrics: Sequence[Any]) -> None:
    """Log metrics, as many at once as MLflow takes."""
    for start in range(0, len(metrics), AT_ONCE):
        client.log_batch(run, metrics=metrics[start : start + AT_ONCE])


def _begin_live(client: Any, experiment: str, result: ComparisonResult, record: RunRecord) -> str:
    """Begin a run that is under way, in the place of what was shown of it before; returns its id."""
    name, clock = record.started.run, Clock.of(record)
    identity = run_id(result, name)
    if known := _find(client, experiment, identity):
        client.delete_run(known.info.run_id)
    return _begin(client, experiment, identity, name, clock, {END_TAG: "live"})


def _flatten(told: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield parameters as MLflow has them: names with dots, and short texts."""
    for name, value in told.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{before}{name}.")
        elif value is not None:
            yield _safe(f"{before}{name}"), str(value)[:LONGEST]


def _safe(name: str) -> str:
    """Return a name without what MLflow refuses in one."""
    return "".join(letter if letter.isalnum() or letter in "_-. /" else "_" for letter in name)[:250]


def _milliseconds(moment: float) -> int:
    return round(moment * 1000)
