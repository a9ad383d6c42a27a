"""Installs real trainers and races each on the toy: the same tokens, losses and results as ours.

    python -m pytest -m trainers tests/trainers

A gigabyte or more each and minutes; not a part of `make test`. LAPTIME_TRAINERS names a folder to keep the
environments in; without it they are made anew and thrown away.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from laptime.comparison.result import ComparisonResult, read_result
from laptime.runs.record import read_record
from laptime.trainers.environments import add_environment, find_environment
from laptime.trainers.trainer import find_trainer
from tests.commands import laptime

TRAINERS = ["axolotl", "litgpt", "llamafactory", "ms_swift", "trl"]
PRECISION = 2e-5  # of a loss in float32, over 50 steps at an ordinary rate

pytestmark = [pytest.mark.trainers, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module", params=TRAINERS)
def trainer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An installed trainer."""
    name: str = request.param
    kept = os.environ.get("LAPTIME_TRAINERS")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", kept or str(tmp_path_factory.mktemp("cache")))
        if find_environment(name) is None:
            add_environment(find_trainer(name), print)
        yield name


def race(folder: Path, trainer: str, *words: str) -> ComparisonResult:
    """Race a trainer against ours on the toy, once."""
    options = [
        "--trainers",
        f"laptime,{trainer}",
        "--rounds",
        "1",
        "--precision",
        "fp32",
        "--max-questions",
        "1",
    ]
    laptime(folder, "compare", *options, *words, "--out", "race")
    return read_result(folder / "race")


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("words", [(), ("--batch-size", "2", "--gradient-accumulation", "2")])
def test_it_does_our_work(tmp_path: Path, trainer: str, method: str, words: tuple[str, ...]) -> None:
    rates = ("--learning-rate", "1e-4", "--weight-decay", "0.1", "--max-grad-norm", "0.3")
    result = race(tmp_path, trainer, "--methods", method, *rates, *words)
    ours, theirs = (read_record(tmp_path / "race" / "runs" / f"{name}-r1") for name in ("laptime", trainer))
    assert [step.digest for step in ours.steps] == [step.digest for step in theirs.steps]
    assert not [finding.text for finding in result.findings if finding.level == "unequal"]
    assert result.pairs[0].train_ratio
    losses = [[step.loss for step in one.steps] for one in (ours, theirs)]
    if method == "full":  # adapters begin at random
        assert losses[1] == pytest.approx(losses[0], abs=PRECISION)
    rows = {row.name: row for row in result.methods}
    assert rows[trainer].held_out_loss == pytest.approx(rows["laptime"].held_out_loss, rel=0.1)
    assert laptime(tmp_path, "ask", "race", "안녕?", "--max-new-tokens", "4").count("\n") > 3


def test_as_it_comes_it_finishes_and_has_no_ratio(tmp_path: Path, trainer: str) -> None:
    result = race(tmp_path, trainer, "--methods", "lora", "--as-it-comes", "--epochs", "2")
    rows = {row.name: row for row in result.methods}
    assert rows[trainer].rounds == [1] and rows[trainer].differs == {"trainer": trainer, "as_it_comes": True}
    assert result.pairs[0].train_ratio is None
