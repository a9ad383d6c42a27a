"""A small model is tried in both formats where a CPU has both: on its own steps, once for a machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from laptime.data.batches import make_steps
from laptime.data.encoding import read_encoded
from laptime.data.input_manifest import ENCODED_FILE, FormatTrial, InputJob, InputManifest
from laptime.hardware.precision import Processor
from laptime.runs import process
from laptime.runs.process import ProcessRunner
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.training import trial
from laptime.training.preprocess import prepare
from laptime.training.trial import choose_steps, is_open, share_of_new, try_formats
from tests.caches import make_cache
from tests.tiny import make_tiny_model

NATIVE = Processor(kind="cpu", name="new", cpu_flags=frozenset({"avx512_bf16"}))
WITHOUT = Processor(kind="cpu", name="old", cpu_flags=frozenset({"avx2"}))


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InputJob:
    """The preparation of a tiny model on a CPU that has both formats, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(make_cache(tmp_path / "cache")))
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


def test_few_lengths_come_again_and_many_are_new_each_time(
    job: InputJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three examples of two lengths or three; many lengths have no room beside each other."""
    _, encoded = prepared(job, monkeypatch)
    num_lengths = len({len(example.token_ids) for example in encoded.examples})
    training = TrainingSpec(epochs=5)
    assert share_of_new(encoded, training) == pytest.approx(num_lengths / 15)
    assert share_of_new(encoded, replace(training, epochs=1, max_steps=1)) == 1.0
    monkeypatch.setattr(trial, "KEPT_LENGTHS", 0)
    assert share_of_new(encoded, training) == 1.0


def test_steps_of_different_lengths_are_tried(job: InputJob, monkeypatch: pytest.MonkeyPatch) -> None:
    _, encoded = prepared(job, monkeypatch)
    steps = choose_steps(make_steps(encoded.examples, TrainingSpec(epochs=9), seed=1))
    tokens = [step.batches[0].token_ids_BT.numel() for step in steps]
    assert len(set(tokens)) == len(tokens) == len({len(example.token_ids) for example in encoded.examples})


def test_what_has_tried_formats_goes_on_as_no_run(
    job: InputJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What it holds of the trial would count as the run's memory."""
    runner = ProcessRunner(single=True)
    tried = FormatTrial(step_seconds={"float32": 1.0}, seconds=1.0)
    for seconds, is_kept in ((1.0, False), (0.0, True)):
        manifest = replace(prepared(job, monkeypatch)[0], format_trial=replace(tried, seconds=seconds))
        monkeypatch.setattr(process, "read_manifest", lambda _, found=manifest: found)
        runner.prepare(replace(job, folder=str(tmp_path / f"inputs-{seconds}")))
        assert (runner._spare is not None) == is_kept
    runner.close()
