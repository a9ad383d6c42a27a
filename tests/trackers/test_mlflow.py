"""MLflow: its own client reads back what was written, at the times of the record."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from laptime.comparison.collection import collect
from laptime.errors import UserError
from laptime.runs.record import FILE_NAME
from laptime.trackers.links import read_links
from laptime.trackers.live import Records
from laptime.trackers.mlflow import TRACKER, MLflow
from laptime.trackers.publication import load_result
from tests.comparison.scripted import CREATED, QUESTION, write_scripted_comparison, write_scripted_run
from tests.trackers.growing import Growing

pytest.importorskip("mlflow")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No server and no experiment of whoever runs the tests; what the tracker sets is taken back."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.chdir(tmp_path)


def read_runs(folder: Path) -> tuple[Any, dict[str, Any]]:
    """Return MLflow's client and its runs by name."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("laptime")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    names = [str(run.info.run_name) for run in runs]
    assert len(set(names)) == len(names), names
    return client, dict(zip(names, runs, strict=True))


def test_runs_have_the_times_of_the_record_and_come_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was done anew takes the place of the one that failed; a dead server costs a phrase."""
    folder = write_scripted_comparison(
        tmp_path, {"full": [20], "lora": [10]}, {"lora-r1": {"failed": "killed"}}
    )
    (line,) = TRACKER.publish(folder, collect(folder), 4.0)
    store = f"sqlite:///{folder}/mlflow/mlflow.db"
    assert line == f"mlflow: 2 runs written; mlflow ui --backend-store-uri {store}"
    _, runs = read_runs(folder)
    assert (runs["lora-r1"].info.status, runs["lora-r1"].data.tags["failure"]) == (
        "FAILED",
        "killed at step 2",
    )
    (folder / "runs" / "lora-r1" / FILE_NAME).unlink()
    write_scripted_run(folder / "runs" / "lora-r1", "lora", started=CREATED + 500)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    (line,) = TRACKER.publish(folder, collect(folder), 4.0)
    assert "; not sent to the server (" in line
    client, runs = read_runs(folder)
    assert set(runs) == {"full-r1", "lora-r1", "tiny-20231114-221320"}
    lora = runs["lora-r1"]
    assert (lora.info.start_time, lora.info.end_time) == tuple((CREATED + 500 + n) * 1000 for n in (0, 21))
    assert lora.info.status == "FINISHED"
    losses = client.get_metric_history(lora.info.run_id, "loss")
    assert [(one.step, one.value, one.timestamp / 1000 - CREATED - 500) for one in losses] == [
        (1, 4.0, 11.0), (2, 3.0, 12.0), (3, 2.0, 13.0), (4, 1.0, 14.0),
    ]  # fmt: skip
    elapsed = client.get_metric_history(lora.info.run_id, "elapsed_seconds")
    assert [one.value for one in elapsed] == [4.0, 6.0, 8.0, 10.0]
    assert (lora.data.metrics["train_seconds"], lora.data.params["spec.training.epochs"]) == (10.0, "2")
    summary = runs["tiny-20231114-221320"]
    parents = {runs[name].data.tags["mlflow.parentRunId"] for name in ("full-r1", "lora-r1")}
    assert parents == {summary.info.run_id}
    assert summary.data.metrics["training_time_seconds/full"] == 20.0
    (answers,) = folder.glob("mlflow/artifacts/*/artifacts/answers.json")
    table = json.loads(answers.read_text())
    assert table["columns"][:3] == ["question", "source", "reference"] and table["data"][0][0] == QUESTION
    assert set(lora.data.tags) == {"laptime.id", "laptime.end", "mlflow.parentRunId", "mlflow.runName",
                                   "method", "status"}  # fmt: skip
    assert read_links(folder)["mlflow"].command == "mlflow ui --backend-store-uri sqlite:///mlflow/mlflow.db"


def test_an_address_with_a_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://someone:password@mlflow.example.com")
    with pytest.raises(UserError, match=r"^--track mlflow: MLFLOW_TRACKING_URI holds a name or a password"):
        TRACKER.check()


def test_a_run_is_followed_and_then_whole(tmp_path: Path) -> None:
    """Each step once, also where some were taken back, and when all is over."""
    race, tracker, records = Growing(tmp_path), MLflow(), Records(tmp_path)
    for num_steps in (2, 3, 1):
        race.show(num_steps)
        tracker.follow(tmp_path, load_result(tmp_path), records.read_grown())
        client, runs = read_runs(tmp_path)
        (run,) = runs.values()
        points = client.get_metric_history(run.info.run_id, "loss")
        assert (run.info.status, len(points)) == ("RUNNING", num_steps)
    race.show(None)
    MLflow().publish(tmp_path, collect(tmp_path), 4.0)
    client, runs = read_runs(tmp_path)
    assert runs["lora-r1"].info.status == "FINISHED" and len(runs) == 2
    points = client.get_metric_history(runs["lora-r1"].info.run_id, "loss")
    assert [one.step for one in points] == [1, 2, 3, 4]
