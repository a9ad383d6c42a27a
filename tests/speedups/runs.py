"""Whole runs in this process, as the training process makes them, on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from laptime import __version__
from laptime.data.input_manifest import InputJob
from laptime.runs.events import SpeedupRun, Started
from laptime.runs.job import RunJob
from laptime.runs.record import RecordWriter, RunRecord, read_record
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, RunSpec, TrainingSpec
from laptime.training.preprocess import prepare
from laptime.training.run import run
from tests.tiny import make_tiny_model

EXAMPLES = [
    ("a", "bc"),
    ("a longer question", "d"),
    ("x", "a longer answer"),
    ("y", "z"),
    ("a question", "e"),
]


def make_base(folder: Path, **changes: Any) -> Path:
    """Write a tiny model of four layers, with five ragged examples and a held-out one, encoded."""
    make_tiny_model(folder / "model", num_hidden_layers=4, initializer_range=0.2, **changes)
    write_examples(folder / "train.jsonl", EXAMPLES)
    write_examples(folder / "held_out.jsonl", [("why", "so")])
    encode(folder, "inputs")
    return folder


def write_examples(file: Path, examples: list[tuple[str, str]]) -> None:
    rows = [{"prompt": prompt, "completion": completion} for prompt, completion in examples]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def encode(base: Path, inputs: str) -> None:
    """Prepare the inputs of the runs."""
    prepare(
        InputJob(
            model=ModelSpec(model=str(base / "model")),
            data=DataSpec(data=str(base / "train.jsonl"), held_out=str(base / "held_out.jsonl")),
            answers=AnswerSpec(max_questions=0),
            training=TrainingSpec(),
            folder=str(base / inputs),
        )
    )


def train(
    base: Path,
    folder: Path,
    method: str,
    options: dict[str, Any] | None = None,
    inputs: str = "inputs",
    **training: Any,
) -> RunRecord:
    """Train, save and evaluate; returns what was recorded."""
    settings = {"epochs": 2, "learning_rate": 1e-2, "device": "cpu", "precision": "fp32"} | training
    spec = RunSpec(
        method=method,
        model=ModelSpec(model=str(base / "model")),
        training=TrainingSpec(**settings),
        method_options=options or {},
    )
    job = RunJob(run=f"{method}-r1", spec=spec, folder=str(folder), inputs=str(base / inputs))
    folder.mkdir(parents=True)
    record = RecordWriter(folder)
    record.write(
        Started(laptime=__version__, run=job.run, method=method, round=1, spec=msgspec.to_builtins(spec))
    )
    run(job, record)
    record.close()
    return read_record(folder)


def speedup(record: RunRecord, name: str) -> SpeedupRun:
    """Return what became of a speedup; it stands in the record once."""
    (found,) = [one for one in record.speedups if one.name == name]
    return found
