"""Whatever is done to a data file, the answer is one line, or its rows as they stand.

benchmarks/faults/mutations.py does the same with ten thousand files.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.data.mutated import check_file, mutated_files
from tests.data.mutated_configs import check_config, mutated_configs

SHORT = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated")


def test_data_files(folder: Path) -> None:
    outcomes: Counter[str] = Counter()

    @settings(SHORT, max_examples=200)
    @given(mutated_files())
    def check(file: tuple[str, bytes]) -> None:
        outcomes[check_file(*file, folder)] += 1

    check()
    assert min(outcomes["accepted"], outcomes["refused"]) > 30, outcomes


def test_config_files(folder: Path) -> None:
    outcomes: Counter[str] = Counter()

    @settings(SHORT, max_examples=100)
    @given(mutated_configs())
    def check(file: tuple[str, bytes]) -> None:
        outcomes[check_config(*file, folder)] += 1

    check()
    assert min(outcomes["accepted"], outcomes["refused"]) > 15, outcomes
