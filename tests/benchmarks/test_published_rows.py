"""Plans for GPUs that are not here, against runs that others have published on them."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from published_rows import Row, compare_rows, make_shape  # noqa: E402

PARAMETERS = {"Llama-3.2-3B": 3.213e9, "Qwen-1.8B": 1.837e9, "Qwen-7B": 7.721e9, "Qwen-14B": 14.167e9}
ARITHMETIC = 1.5  # seconds of a step from which on its products are most of it


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[Row]:
    """All published runs that are told in full, beside their forecasts."""
    return compare_rows(shared_data / "plan" / "published_runs.csv")


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_shapes_are_those_of_the_models(name: str) -> None:
    assert make_shape(name).num_parameters == pytest.approx(PARAMETERS[name], rel=0.002)


def test_where_products_are_most_of_a_step_its_time_is_foretold(rows: list[Row]) -> None:
    large = [row for row in rows if row.step_seconds > ARITHMETIC]
    assert len(large) > 8
    assert all(row.is_inside for row in large)
    assert median(abs(row.time_error) for row in large) < 0.25


def test_memory_is_foretold(rows: list[Row]) -> None:
    errors = [abs(row.memory_error) for row in rows if row.memory_error is not None]
    assert len(errors) > 15
    assert median(errors) < 0.1 and max(errors) < 0.25
