"""Several processes make the losses of one: over fifty steps, and with whatever a step may be made of."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.tight_memory import find_room
from tests.tiny import make_tiny_model
from tests.training.rank_race import RATES, Race, assert_same_losses

FEW: dict[str, Any] = {"epochs": 1, "batch_size": 3}
EXACT: dict[str, dict[str, Any]] = {
    "full cut": {"epochs": 1, "batch_size": 2, "gradient_accumulation": 3},
    "lora cut": {"epochs": 1, "batch_size": 2, "gradient_accumulation": 3},
    "full plain": FEW | {"plain": True},
    "full anew": FEW | {"gradient_checkpointing": True},
    "full gathered": FEW | {"without": ("answer_head",)},
    "full single": {"epochs": 1, "batch_size": 1},  # the second process never has an example
}
HALF: dict[str, dict[str, Any]] = {
    "full bf16": FEW | {"precision": "bf16"},
    "full fp16": FEW | {"precision": "fp16"},
    "lora fp16": FEW | {"precision": "fp16"},
}
KINDS = EXACT | HALF
SIX: dict[str, Any] = {"epochs": 2, "batch_size": 6}


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> Race:
    """All that two processes are asked to do, beside what one does."""
    race = Race(tmp_path_factory.mktemp("race"), "builtin")
    for method in ("full", "lora"):
        for num_ranks in (1, 2, 3):
            race.add(f"{method} fifty {num_ranks}", method, num_ranks, epochs=13, max_steps=50, batch_size=3)
    for name, training in KINDS.items():
        method, _ = name.split()
        for num_ranks in (1, 2):
            race.add(f"{name} {num_ranks}", method, num_ranks, **training)
    for method in ("full", "lora"):
        for num_ranks in (1, 2):
            race.add(f"{method} tight {num_ranks}", method, num_ranks, **SIX)
        room = find_room(race.home / "inputs", method, 2, num_ranks=2, **SIX)
        race.limit(f"{method} tight 2", room)
    for again in ("", " again"):
        race.add(f"dropout{again}", "lora", 2, {"lora_dropout": 0.3}, **FEW)
    race.run(3)
    return race


@pytest.fixture(scope="module")
def untied(tmp_path_factory: pytest.TempPathFactory) -> Race:
    """A model whose head is a matrix of its own, with more words than one batch has tokens."""
    home = tmp_path_factory.mktemp("untied")
    model = make_tiny_model(home / "model", vocab_size=8192, tie_word_embeddings=False)
    race = Race(home / "race", str(model))
    for num_ranks in (1, 2):
        race.add(f"full {num_ranks}", "full", num_ranks, **FEW)
    race.run(2)
    return race


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("number", ["2", "3"])
def test_fifty_steps_are_those_of_one(race: Race, method: str, number: str) -> None:
    assert_same_losses(race.record(f"{method} fifty 1"), race.record(f"{method} fifty {number}"))


@pytest.mark.parametrize("name", EXACT)
def test_two_make_the_losses_of_one(race: Race, name: str) -> None:
    assert_same_losses(race.record(f"{name} 1"), race.record(f"{name} 2"))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_two_that_have_no_room_for_their_shares_cut_them_alike(race: Race, method: str) -> None:
    one, two = (race.record(f"{method} tight {number}") for number in (1, 2))
    assert_same_losses(one, two)
    assert one.memory and two.memory and (one.memory.micro_batch, two.memory.micro_batch) == (0, 2)
    assert two.model and any("2 at a time instead of 3" in note for note in two.model.notes)


@pytest.mark.parametrize("name", HALF)
def test_half_precision_trains_alike(race: Race, name: str) -> None:
    """Up to the rounding of the format, a 256th of bfloat16 and a 2048th of float16."""
    one, two = (race.record(f"{name} {number}") for number in (1, 2))
    assert_same_losses(one, two, tolerance=0.05 if "bf16" in name else 0.01)
    assert not any(step.skipped for step in two.steps)
    # A part of the gradients is summed in float32, so that a spread model may begin with a larger scale.
    is_alike = [a.loss_scale == b.loss_scale for a, b in zip(one.steps, two.steps, strict=True)]
    assert all(is_alike) or name == "full fp16"


def test_a_spread_model_runs_by_the_same_speedups(race: Race) -> None:
    for name in ("full fifty", "full bf16"):
        one, two = (
            {speedup.name for speedup in race.record(f"{name} {number}").speedups if speedup.ran}
            for number in (1, 2)
        )
        assert one - two <= {"prepacked_weights", "float32_products", "compiled_optimizer"}


def test_a_head_of_its_own_is_spread_beside_the_embedding(untied: Race) -> None:
    one, two = untied.record("full 1"), untied.record("full 2")
    assert_same_losses(one, two)
    assert two.model and two.model.trainable_parameters == two.model.parameters
    weights = untied.saved("full 2")
    assert weights["lm_head.weight"].shape == weights["model.embed_tokens.weight"].shape == (8192, 32)
    assert not torch.equal(weights["lm_head.weight"], weights["model.embed_tokens.weight"])


def test_dropout_is_the_same_for_the_same_number_of_processes(race: Race) -> None:
    losses = [[step.loss for step in race.record(name).steps] for name in ("dropout", "dropout again")]
    assert losses[0] == losses[1]
    without = [step.loss for step in race.record("lora fifty 2").steps]
    assert losses[0][3] != pytest.approx(without[3], abs=1e-4)  # before, B of LoRA is nearly nothing


@pytest.mark.parametrize("method", ["full", "lora"])
def test_what_is_saved_is_what_one_saves(race: Race, method: str) -> None:
    one, two = (race.saved(f"{method} fifty {number}") for number in (1, 2))
    assert {name: tensor.shape for name, tensor in one.items()} == {
        name: tensor.shape for name, tensor in two.items()
    }
    far = [name for name in one if not torch.allclose(one[name], two[name], atol=2 * RATES[method])]
    assert not far, "Adam's first update of a weight without a gradient is noise of the size of the rate"


def test_how_the_vocabulary_is_spread_is_told(race: Race) -> None:
    travelling, gathered = (race.record(name).model for name in ("full fifty 2", "full gathered 2"))
    assert travelling and gathered
    assert "embedding and head are gathered for each batch: answer_head is switched off" in gathered.notes
    assert not [note for note in travelling.notes if "gathered" in note]
    assert travelling.trainable_parameters == gathered.trainable_parameters == travelling.parameters
