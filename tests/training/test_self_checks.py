"""The three checks of a trained result: they pass where all is well, and each fails where it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from laptime.data.batches import make_batch
from laptime.data.encoded import EncodedExample
from laptime.methods.method import make_method
from laptime.runs.events import Check
from laptime.spec import TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training import self_checks
from laptime.training.self_checks import Subject, build_initial, check_result, choose_examples
from tests.tiny import make_tiny_model

SEED = 3


def make_examples(number: int = 4, length: int = 12) -> list[EncodedExample]:
    return [
        EncodedExample(
            source=f"r:{n}",
            token_ids=[256, *(65 + (n + i) % 20 for i in range(length - 1))],
            trained=[False] * 4 + [True] * (length - 4),
        )
        for n in range(number)
    ]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "base")


def make_subject(base: Path, tmp_path: Path, method: str = "lora", steps: int = 3, **changes: Any) -> Subject:
    """Train a little with torch's own optimizer and save; `changes` go to the model's loading."""
    dtype = changes.get("dtype", torch.float32)
    subject = Subject(
        trained=None,  # type: ignore[arg-type]
        method=make_method(method, {}),
        load_base=lambda: AutoModelForCausalLM.from_pretrained(base, dtype=dtype),
        seed=SEED,
        saved=tmp_path / "saved",
        examples=make_examples(),
        training=TrainingSpec(epochs=20),
    )
    model = subject.trained = build_initial(subject)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0
    )
    for step in range(steps):
        Forward(model).sum_loss(make_batch([subject.examples[step % 4]])).backward()
        optimizer.step()
        optimizer.zero_grad()
    subject.method.save(model, subject.saved)
    return subject


def check(subject: Subject) -> dict[str, Check]:
    return {one.name: one for one in check_result(subject)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("method", ["full", "lora", "lora_top"])
def test_a_trained_result_passes(base: Path, tmp_path: Path, method: str, dtype: torch.dtype) -> None:
    subject = make_subject(base, tmp_path, method, dtype=dtype)
    found = check(subject)
    assert list(found) == ["parameters", "loss", "reload"]
    assert [one.passed for one in found.values()] == [True, True, True], found
    trained = sum(p.requires_grad for p in subject.trained.parameters())
    assert found["parameters"].values == {"trained": trained, "changed": trained, "others": 0}
    assert "equal to the bit" in found["reload"].note


def test_nothing_trained(base: Path, tmp_path: Path) -> None:
    found = check(make_subject(base, tmp_path, steps=0))
    assert [one.passed for one in found.values()] == [False, False, True]
    assert found["loss"].values["before"] == found["loss"].values["after"]
    assert found["parameters"].note.startswith("0 of 28 trained tensors changed, 0 of the others")


def test_half_of_lora_has_no_gradient_at_its_first_step(base: Path, tmp_path: Path) -> None:
    found = check(make_subject(base, tmp_path, steps=1))
    assert found["parameters"].passed is True
    assert found["parameters"].note.startswith("14 of 28 trained tensors changed")
    assert "unchanged: base_model" in found["parameters"].note


def test_one_bit_of_a_frozen_weight_is_seen(base: Path, tmp_path: Path) -> None:
    subject = make_subject(base, tmp_path)
    weight = subject.trained.get_parameter("base_model.model.model.norm.weight")
    weight.data.view(torch.int32)[5] ^= 1
    found = check(subject)["parameters"]
    assert found.passed is False
    assert found.note.endswith("1 of the others (base_model.model.model.norm.weight)")


@pytest.mark.parametrize("method", ["full", "lora"])
def test_one_bit_of_what_was_saved_is_seen(base: Path, tmp_path: Path, method: str) -> None:
    subject = make_subject(base, tmp_path, method)
    (file,) = subject.saved.glob("*.safetensors")
    tensors = load_file(file)
    name = sorted(tensors)[-1]
    tensors[name].view(torch.int32).view(-1)[0] ^= 1
    save_file(tensors, file, {"format": "pt"})
    found = check(subject)["reload"]
    assert found.passed is False
    assert found.note.startswith("1 of ")
    assert found.values["differing"] == 1


@pytest.mark.parametrize("method", ["full", "lora"])
def test_without_room_the_saved_tensors_are_compared_one_by_one(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(self_checks, "free_bytes", lambda: 1000)
    subject = make_subject(base, tmp_path, method)
    found = check(subject)
    assert [one.passed for one in found.values()] == [None, None, True]
    assert "no room for a second copy of the model" in found["loss"].note
    assert "the logits were not compared" in found["reload"].note
    (file,) = subject.saved.glob("*.safetensors")
    tensors = load_file(file)
    next(iter(tensors.values())).view(-1)[0] += 1
    save_file(tensors, file, {"format": "pt"})
    assert check(subject)["reload"].passed is False


def test_a_check_that_breaks_harms_no_run(base: Path, tmp_path: Path) -> None:
    subject = make_subject(base, tmp_path)
    (subject.saved / "adapter_model.safetensors").write_bytes(b"\xff" * 100)
    found = check(subject)
    assert [one.passed for one in found.values()] == [True, True, None]
    assert "Error: " in found["reload"].note and "\n" not in found["reload"].note


def test_ten_short_examples_are_looked_at_and_few_long_ones() -> None:
    """Short ones take no time; of long ones no more than a small part of the training."""
    examples = make_examples(40)
    for training in (TrainingSpec(epochs=1), TrainingSpec(epochs=5)):
        assert len(choose_examples(examples, training, 0)) == 10
    assert len(choose_examples(examples, TrainingSpec(epochs=5, max_steps=3), 0)) == 3
    long = make_examples(40, length=1000)
    assert len(choose_examples(long, TrainingSpec(epochs=1), 0)) == 2
    assert len(choose_examples(long, TrainingSpec(epochs=5), 0)) == 10
    assert len(choose_examples(make_examples(3, length=3000), TrainingSpec(epochs=1), 0)) == 1
    spread = [example.source for example in choose_examples(examples, TrainingSpec(epochs=5), 0)]
    assert spread == [f"r:{n}" for n in range(0, 40, 4)]


def test_only_examples_that_were_trained_on_are_looked_at() -> None:
    examples = make_examples(40)
    training = TrainingSpec(epochs=1, max_steps=1, batch_size=2)
    chosen = {example.source for example in choose_examples(examples, training, 7)}
    (plan,) = self_checks.plan_steps(40, training, 7)
    assert chosen == {examples[index].source for index in plan.micro_batches[0]}
