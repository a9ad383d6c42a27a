"""How many steps a training makes, and how often it passes over each example."""

from __future__ import annotations

from laptime.spec import TrainingSpec


def count_steps(training: TrainingSpec, num_examples: int) -> int:
    """Return the optimizer steps of a training over so many examples."""
    steps = count_steps_per_epoch(training, num_examples) * training.epochs
    return min(steps, training.max_steps or steps)


def count_epochs(training: TrainingSpec, num_examples: int) -> float:
    """Return how often an example that is trained is passed over, on average: once at least.

    Fewer times than there are epochs where --max-steps ends the training before.
    """
    return max(1.0, count_steps(training, num_examples) / count_steps_per_epoch(training, num_examples))


def count_steps_per_epoch(training: TrainingSpec, num_examples: int) -> int:
    """Return the steps of a whole epoch; its last one may hold fewer examples."""
    return -(-max(1, num_examples) // (training.batch_size * training.gradient_accumulation))
