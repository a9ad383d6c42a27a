"""Weights that are kept on the way: when, outside of the clock, exactly, and not for long."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from laptime.data.batches import make_steps
from laptime.data.encoding import EncodedExample
from laptime.methods.method import make_method
from laptime.runs.events import Moment
from laptime.runs.job import RunJob
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.spec import RunSpec, TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training.checkpoint_schedule import SavePoints
from laptime.training.loop import train
from laptime.training.meter import Meter, StepTimer
from laptime.training.moments import Moments, choose_moments
from laptime.training.optimizer import Optimizer
from laptime.training.team import Team
from tests.commands import laptime
from tests.tiny import make_tiny_model

TRAINING = TrainingSpec(epochs=3, batch_size=1)
STEPS = 12


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize(("num_steps", "number"), [(48, 8), (1, 8), (10, 8), (5000, 16), (3, 2)])
def test_moments_are_a_geometric_row_that_ends_with_the_training(num_steps: int, number: int) -> None:
    steps = choose_moments(num_steps, number)
    assert steps == sorted(set(steps)) and steps[-1] == num_steps and len(steps) <= number
    assert steps[0] == -(-num_steps // 12)
    if num_steps == 5000:
        assert max(after / before for before, after in pairwise(steps)) < 1.19
    if num_steps == 48:
        assert steps == [4, 6, 9, 12, 17, 24, 34, 48]


class Kept:
    """A training of a tiny model by one method, with what it was at every step."""

    def __init__(self, base: Path, folder: Path, method: str, number: int = 4) -> None:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).requires_grad_(False)
        self.method = make_method(method, {})
        self.model: Any = self.method.attach(model)
        spec = RunSpec(method=method, training=TRAINING)
        job = RunJob(run="r", spec=spec, folder=str(folder), inputs="", moments=number)
        self.record = RecordWriter(folder)
        self.meter = Meter(self.record, 0.0)
        self.moments = Moments(job, self.record, self.meter, Team())
        self.folder = folder
        self.states: dict[int, dict[str, torch.Tensor]] = {}

    def state(self) -> dict[str, torch.Tensor]:
        named = self.model.named_parameters()
        return {name: one.detach().clone() for name, one in named if one.requires_grad}

    def keep(self, step: int) -> None:
        self.states[step] = self.state()
        self.moments.keep(step)

    def train(self) -> None:
        examples = [
            EncodedExample([7 * n + k for k in range(9)], [k > 2 for k in range(9)], "e") for n in range(4)
        ]
        steps = make_steps(examples, TRAINING, 0)
        optimizer = Optimizer(self.method.parameter_groups(self.model), TRAINING, loss_scaling=False)
        timer = StepTimer(self.record, torch.device("cpu"), False)
        self.moments.begin(self.model, timer, len(steps), 0)
        with self.meter.phase("train"), SavePoints(None, len(steps), lambda _: "", keep=self.keep) as points:
            train(Forward(self.model), self.method, steps, optimizer, 1e-2, TRAINING, timer, points)
        self.moments.end_training()

    def told(self) -> list[dict[str, Any]]:
        lines = (self.folder / FILE_NAME).read_text(encoding="utf-8").splitlines()
        return [event for line in lines if (event := json.loads(line))["event"] == "moment"]


@pytest.mark.parametrize("method", ["full", "lora", "lora_fa"])
def test_what_is_evaluated_is_what_was_trained_to_the_bit(
    tiny_model: Path, tmp_path: Path, method: str
) -> None:
    kept = Kept(tiny_model, tmp_path, method)
    with kept.moments:
        kept.train()
        seen: list[dict[str, torch.Tensor]] = []
        kept.moments.evaluate(lambda: float(len(seen.append(kept.state()) or seen)), 0.25)
    steps = choose_moments(STEPS, 4)
    assert [event["step"] for event in kept.told()] == steps == [1, 3, 6, 12]
    for step, state in zip(steps, seen, strict=False):
        assert all(torch.equal(state[name], one) for name, one in kept.states[step].items())
    assert all(torch.equal(one, kept.states[STEPS][name]) for name, one in kept.state().items())
    assert [event["loss"] for event in kept.told()] == [1.0, 2.0, 3.0, 0.25]
    assert not (tmp_path / "moments").exists()


def test_keeping_is_no_part_of_the_training(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tiny_model, tmp_path, "lora")
    clock = [0.0]
    monkeypatch.setattr("laptime.training.meter.time.perf_counter", lambda: clock[0])

    def take_long(*_: Any) -> None:
        clock[0] += 100.0

    monkeypatch.setattr(kept.moments, "_write", take_long)
    kept.train()
    assert kept.meter.seconds == {"train": 0.0, "keep": 300.0}
    steps = [json.loads(line) for line in (tmp_path / FILE_NAME).read_text().splitlines()]
    assert all(one["seconds"] == 0.0 for one in steps if one["event"] == "step")


def test_a_full_disk_costs_a_moment_and_no_training(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tiny_model, tmp_path, "lora")

    def refuse(path: Path, *_: Any) -> None:
        if "00000003" in path.name:
            raise OSError(28, "No space left on device")
        write(path, *_)

    from laptime.training import moments

    write = moments.write_tensors
    monkeypatch.setattr(moments, "write_tensors", refuse)
    with kept.moments:
        kept.train()
        kept.moments.evaluate(lambda: float("nan"), 0.25)
    assert [(one["loss"], one["error"]) for one in kept.told()] == [
        (None, "the held-out loss is not finite"),
        (None, "No space left on device"),
        (None, "the held-out loss is not finite"),
        (0.25, ""),
    ]
    assert kept.told()[1]["train_seconds"] > 0


@pytest.mark.parametrize(("error", "stays"), [(ValueError(), False), (KeyboardInterrupt(), True)])
def test_what_failed_leaves_nothing_and_what_was_stopped_goes_on(
    tiny_model: Path, tmp_path: Path, error: BaseException, stays: bool
) -> None:
    kept = Kept(tiny_model, tmp_path, "lora")
    with pytest.raises(type(error)), kept.moments:
        kept.train()
        raise error
    assert (tmp_path / "moments").exists() == stays
    if stays:
        kept.moments.begin(kept.model, kept.moments.timer, STEPS, 3)  # goes on after step 3
        assert [file.name for file in sorted((tmp_path / "moments").iterdir())] == [
            "step-00000001.safetensors", "step-00000003.safetensors",
        ]  # fmt: skip


def test_no_moments_are_kept_where_none_are_asked_for(tiny_model: Path, tmp_path: Path) -> None:
    kept = Kept(tiny_model, tmp_path, "lora", number=0)
    kept.train()
    kept.moments.evaluate(lambda: 1.0, 0.25)
    assert kept.told() == [] and kept.meter.seconds.keys() == {"train"}
    assert Moment(step=1, train_seconds=0.0).error == ""


def test_a_race_tells_when_each_row_was_there(tmp_path: Path) -> None:
    words = ["--methods", "lora,lora_top", "--rounds", "1", "--max-steps", "12", "--max-questions", "0"]
    words += ["--target-loss", "slowest", "--moments", "3", "--general", "none", "--out", "race"]
    words += ["--skip-self-checks"]
    shown = " ".join(laptime(tmp_path, "compare", *words, forks=True, TMPDIR=str(tmp_path)).split())
    assert "The target is a held-out loss of" in shown and "the worst at its end, reaches" in shown
    for run in ("lora-r1", "lora_top-r1"):
        lines = (tmp_path / "race" / "runs" / run / FILE_NAME).read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        moments = [one for one in events if one["event"] == "moment"]
        (evaluation,) = [one for one in events if one["event"] == "evaluation"]
        assert [one["step"] for one in moments] == [1, 4, 12]
        assert moments[-1]["loss"] == evaluation["loss"] and all(one["loss"] for one in moments)
        assert not (tmp_path / "race" / "runs" / run / "moments").exists()
    spec = json.loads((tmp_path / "race" / "spec.json").read_text(encoding="utf-8"))
    assert (spec["target_loss"], spec["moments"]) == ("slowest", 3)
