"""Steps and epochs are those of the batches that are made."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.data.batches import plan_steps
from laptime.runs.step_count import count_epochs, count_steps
from laptime.spec import TrainingSpec


@pytest.mark.parametrize("examples", [1, 7, 12])
@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 1},
        {"epochs": 3, "batch_size": 2},
        {"epochs": 4, "batch_size": 5, "gradient_accumulation": 2},
        {"epochs": 3, "batch_size": 2, "max_steps": 8},
        {"epochs": 2, "batch_size": 50, "max_steps": 1000},
    ],
)
def test_there_are_as_many_steps_as_are_made(examples: int, settings: dict[str, Any]) -> None:
    training = TrainingSpec(**settings)
    assert count_steps(training, examples) == len(plan_steps(examples, training, 0))


def test_examples_are_passed_over_as_often_as_there_are_steps() -> None:
    assert count_epochs(TrainingSpec(epochs=5), 10) == 5.0
    assert count_epochs(TrainingSpec(epochs=5, max_steps=25), 10) == 2.5
    assert count_epochs(TrainingSpec(epochs=5, max_steps=4), 10) == 1.0, "none of them twice"
