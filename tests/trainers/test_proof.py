"""The digest that another trainer makes of a batch is the one that Laptime makes of the same examples."""

from __future__ import annotations

import random
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from laptime.data.batches import plan_steps
from laptime.data.encoded import EncodedExample, digest_step
from laptime.spec import TrainingSpec
from laptime.training.peer_work import label


def make_examples(number: int, seed: int = 0) -> list[EncodedExample]:
    """Return examples of random tokens, some of them trained."""
    draw = random.Random(seed)
    lengths = [draw.randint(2, 40) for _ in range(number)]
    return [
        EncodedExample(
            [draw.randrange(1 << 17) for _ in range(length)],
            [False, *(draw.random() < 0.5 for _ in range(length - 1))],
            f"{place}",
        )
        for place, length in enumerate(lengths)
    ]


def pad(examples: list[EncodedExample], on_left: bool = False) -> dict[str, torch.Tensor]:
    """Return a batch padded to its longest example."""
    longest = max(map(len, examples))
    rows: dict[str, list[list[int]]] = {"input_ids": [], "labels": [], "attention_mask": []}
    for example in examples:
        told, room = label(example), longest - len(example)
        for name, values, filler in (
            ("input_ids", told["input_ids"], 7),
            ("labels", told["labels"], -100),
            ("attention_mask", [1] * len(example), 0),
        ):
            padding = [filler] * room
            rows[name].append([*padding, *values] if on_left else [*values, *padding])
    return {name: torch.tensor(values) for name, values in rows.items()}


def pack(examples: list[EncodedExample]) -> dict[str, torch.Tensor]:
    """Return the examples one behind another in a row, told apart by their positions."""
    told = [label(example) for example in examples]
    row = {name: [value for one in told for value in one[name]] for name in ("input_ids", "labels")}
    row["position_ids"] = [place for example in examples for place in range(len(example))]
    return {name: torch.tensor([values]) for name, values in row.items()}


@pytest.mark.parametrize("way", ["right", "left", "packed", "two batches"])
def test_the_same_examples_have_the_same_digest(peer_run: ModuleType, way: str) -> None:
    examples = make_examples(6)
    batches: list[dict[str, Any]] = {
        "right": lambda: [pad(examples)],
        "left": lambda: [pad(examples, on_left=True)],
        "packed": lambda: [pack(examples)],
        "two batches": lambda: [pad(examples[:2]), pad(examples[2:])],
    }[way]()
    told = peer_run.prove(batches)
    assert told["digest"] == digest_step(examples)
    assert told["tokens"] == sum(map(len, examples))
    assert told["trained_tokens"] == sum(sum(example.trained) for example in examples)


@pytest.mark.parametrize("change", ["a token", "a label", "the order", "an example less"])
def test_other_work_has_another_digest(peer_run: ModuleType, change: str) -> None:
    examples = make_examples(3)
    batch = pad(examples)
    if change == "a token":
        batch["input_ids"][0, 0] += 1
    elif change == "a label":
        place = batch["labels"][1].tolist().index(-100, 1)
        batch["labels"][1, place] = batch["input_ids"][1, place]
    elif change == "the order":
        batch = {name: values.flip(0) for name, values in batch.items()}
    else:
        batch = {name: values[:2] for name, values in batch.items()}
    assert peer_run.prove([batch])["digest"] != digest_step(examples)


def test_the_first_token_is_never_trained(peer_run: ModuleType) -> None:
    examples = make_examples(2)
    batch = pad(examples)
    batch["labels"][:, 0] = batch["input_ids"][:, 0]  # as trainers do whose labels are the tokens
    assert peer_run.prove([batch])["digest"] == digest_step(examples)


def test_work_that_was_not_seen_has_no_digest(peer_run: ModuleType) -> None:
    assert peer_run.prove([])["digest"] == ""


@pytest.mark.parametrize("max_steps", [None, 3])
def test_every_epoch_passes_over_its_own_examples_with_a_short_batch_at_its_end(
    peer_run: ModuleType, max_steps: int | None
) -> None:
    training = TrainingSpec(batch_size=2, gradient_accumulation=2, epochs=3, max_steps=max_steps)
    planned = [list(micro_batch) for plan in plan_steps(5, training, 0) for micro_batch in plan.micro_batches]
    written = [place for micro_batch in planned for place in micro_batch]
    order: Any = peer_run.Epochs(5, len(written))
    loader: Any = DataLoader(written, batch_size=2, sampler=order)  # type: ignore[arg-type]
    assert [batch.tolist() for _ in range(3) for batch in loader] == planned
    assert len(loader) == 3  # of a whole epoch, from which trainers count their steps
