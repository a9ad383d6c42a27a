"""Which rows no other one beats, as far as differences are shown."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from laptime.comparison.pareto import find_fronts
from laptime.comparison.quality import find_best, order_losses
from laptime.comparison.quality_figures import Front
from laptime.comparison.result import ComparisonResult, HeldOutDifference
from tests.report import invented


def make(
    losses: tuple[float, float], error: float | None = 0.01, pair: dict[str, Any] | None = None, **lora: Any
) -> ComparisonResult:
    """Return full fine-tuning, then LoRA, which takes less of everything."""
    full = invented.make_method("full", 21.5, held_out_loss=losses[0], held_out_loss_by_round=[losses[0]] * 3)
    other = invented.make_method(
        "lora", **({"held_out_loss": losses[1], "held_out_loss_by_round": [losses[1]] * 3} | lora)
    )
    gap = HeldOutDifference(
        first="full", second="lora", difference=losses[0] - losses[1], standard_error=error, num_groups=30
    )
    pairs = [invented.make_pair(**(pair or {}))]
    return invented.make_result(methods=[full, other], held_out_differences=[gap], pairs=pairs)


def front(result: ComparisonResult, cost: str) -> Front:
    return next(one for one in find_fronts(result) if one.cost == cost)


def test_better_in_one_and_no_worse_in_the_other_beats() -> None:
    alike = front(make((1.00, 1.01)), "train_seconds")
    assert (alike.unbeaten, alike.beaten) == (["lora"], {"full": ["lora"]})
    assert front(make((0.5, 1.0)), "train_seconds").unbeaten == ["full", "lora"]


def test_a_time_that_is_not_settled_speaks_for_who_would_be_beaten() -> None:
    unsettled = {"ratio": 2.3, "verdict": "not_settled"}
    assert front(make((0.5, 1.0), pair=unsettled), "train_seconds").unbeaten == ["full", "lora"]
    same = {"ratio": 1.0, "verdict": "about_the_same"}
    assert front(make((0.5, 1.0), pair=same), "train_seconds").beaten == {"lora": ["full"]}
    assert front(make((1.0, 1.0), pair=unsettled), "train_seconds").unbeaten == ["full", "lora"]


def test_an_error_that_is_not_known_shows_nothing() -> None:
    assert (
        front(make((0.5, 1.0), error=None, pair={"verdict": "about_the_same"}), "train_seconds").beaten == {}
    )


def test_a_loss_is_lower_only_in_every_round() -> None:
    mixed = make((1.0, 1.2), pair={"verdict": "about_the_same"}, held_out_loss_by_round=[1.2, 0.9, 1.2])
    assert front(mixed, "train_seconds").beaten == {}


@pytest.mark.parametrize(
    ("changes", "beaten"),
    [
        ({}, {"full": ["lora"]}),
        ({"peak_bytes": 9_500_000_000}, {}),  # within 5 %
        ({"peak_bytes_by_round": [3_000_000_000, 9_900_000_000]}, {}),  # as much in one of the rounds
        ({"peak_bytes_kind": "cuda_allocated"}, {}),
    ],
)
def test_memory_counts_beyond_its_range(changes: dict[str, Any], beaten: dict[str, list[str]]) -> None:
    result = make((1.0, 1.0), **changes)
    result.methods[0].peak_bytes_by_round = [9_810_000_000, 9_820_000_000]
    assert front(result, "held_bytes").beaten == beaten


def test_no_losses_or_random_weights_have_no_front() -> None:
    assert find_fronts(invented.make_no_held_out()) == []
    assert find_fronts(invented.make_random_weights()) == []


def test_losses_are_told_apart_by_twice_their_error() -> None:
    result = make((1.0, 1.03))
    assert (
        order_losses(result, "full", "lora") == "lower" and order_losses(result, "lora", "full") == "higher"
    )
    assert order_losses(make((1.0, 1.015)), "full", "lora") == "alike"
    assert order_losses(replace(result, held_out_differences=[]), "full", "lora") == "unknown"
    best = find_best(make((1.0, 1.015)))
    assert best and best.names == ["full", "lora"] and best.is_known
