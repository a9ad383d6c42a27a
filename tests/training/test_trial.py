"""A small model is tried in both formats where a CPU has both: on its own steps, once for a machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from laptime.data.encoding import read_encoded
from laptime.data.input_manifest import ENCODED_FILE, FormatTrial, InputJob, InputManifest
from laptime.hardware.precision import Processor
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.training import trial
from laptime.training.preprocess import prepare
from laptime.training.trial import is_open, try_formats
from tests.tiny import make_tiny_model

NATIVE = Processor(kind="cpu", name="new", cpu_flags=frozenset({"avx512_bf16"}))
WITHOUT = Processor(kind="cpu", name="old", cpu_flags=frozenset({"avx2"}))


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InputJob:
    """The preparation of a tiny model on a CPU that has both formats, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(trial, "describe_processor", lambda _: NATIVE)
    data = tmp_path / "train.jsonl"
    rows = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(3)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return InputJob(
        model=ModelSpec(model=str(make_tiny_model(tmp_path / "model"))),
        data=DataSpec(data=str(data)),
        answers=AnswerSpec(max_questions=0),
        training=TrainingSpec(device="cpu"),
        threads=1,
        folder=str(tmp_path / "inputs"),
    )


def test_the_steps_of_the_model_are_made_in_both_formats_once(job: InputJob) -> None:
    found = prepare(job).format_trial
    assert found and found.seconds > 0
    assert found.step_seconds.keys() == {"float32", "bfloat16"} and min(found.step_seconds.values()) > 0
    again = prepare(job).format_trial
    assert again == replace(found, seconds=0.0), "kept in the user's cache"
    other = replace(job, training=TrainingSpec(device="cpu", plain=True))
    asked = prepare(other).format_trial
    assert asked and asked.seconds > 0, "other options make other steps"


def prepared(job: InputJob, monkeypatch: pytest.MonkeyPatch) -> tuple[InputManifest, Any]:
    """Return what a preparation found, which tried nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(trial, "is_open", lambda *_: False)
        manifest = prepare(job)
    assert manifest.format_trial is None
    return manifest, read_encoded(Path(job.folder) / ENCODED_FILE)


def test_there_is_a_choice_for_small_models_on_a_processor_that_has_both(
    job: InputJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, _ = prepared(job, monkeypatch)
    assert is_open(job, manifest)
    assert not is_open(replace(job, training=TrainingSpec(device="cpu", precision="bf16")), manifest)
    assert not is_open(replace(job, precisions={"one: ": "fp32"}), manifest)
    assert is_open(replace(job, precisions={"one: ": "fp32", "two: ": "auto"}), manifest)
    large = replace(manifest.shape, linears={"all": (1 << 12, 1 << 13)})
    assert not is_open(job, replace(manifest, shape=large)), "there the products decide"
    monkeypatch.setattr(trial, "describe_processor", lambda _: WITHOUT)
    assert not is_open(job, manifest)


def test_what_cannot_be_tried_is_trained_as_ever(job: InputJob, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, encoded = prepared(job, monkeypatch)

    def fail(*_: Any) -> float:
        raise ValueError("no such layers")

    monkeypatch.setattr(trial, "time_steps", fail)
    assert try_formats(job, manifest, encoded) is None
    monkeypatch.setattr(trial, "time_steps", lambda *words: 0.5 if words[-1] == "float32" else 0.25)
    found = try_formats(job, manifest, encoded)
    assert isinstance(found, FormatTrial) and found.step_seconds == {"float32": 0.5, "bfloat16": 0.25}
