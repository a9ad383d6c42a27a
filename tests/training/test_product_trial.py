"""The C products are used where they are not clearly slower than torch's: tried once for a machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from laptime.data.input_manifest import InputJob, ProductTrial
from laptime.kernels import library
from laptime.kernels.build import NotBuiltError
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.speedups.fused_projections import project
from laptime.speedups.speedup import apply_all
from laptime.training.preprocess import prepare
from laptime.training.product_trial import list_formats, time_ways
from tests.caches import make_cache
from tests.speedups.jobs import NAMED
from tests.speedups.ours import set_up
from tests.tiny import make_tiny_model

SLOWER = ProductTrial(c_seconds={"float32": 0.3}, torch_seconds={"float32": 0.2}, seconds=0.1)
SINGLE = frozenset({"float32"})


@pytest.fixture(autouse=True)
def built() -> None:
    try:
        library.load_library()
    except NotBuiltError as reason:
        pytest.skip(f"no C parts: {reason}")


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InputJob:
    """The preparation of a tiny model, with trials of its own in the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(make_cache(tmp_path / "cache")))
    data = tmp_path / "train.jsonl"
    rows = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(3)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return InputJob(
        model=ModelSpec(model=str(make_tiny_model(tmp_path / "model"))),
        data=DataSpec(data=str(data)),
        answers=AnswerSpec(max_questions=0),
        training=TrainingSpec(device="cpu", precision="fp32"),
        threads=1,
        folder=str(tmp_path / "inputs"),
    )


def test_both_ways_are_tried_once(job: InputJob) -> None:
    found = prepare(job).product_trial
    formats = {str(dtype).removeprefix("torch.") for dtype in list_formats(job)}
    assert found and formats and found.c_seconds.keys() == found.torch_seconds.keys() == formats
    assert min([*found.c_seconds.values(), *found.torch_seconds.values()]) > 0 and found.seconds > 0
    assert prepare(job).product_trial == replace(found, seconds=0.0), "kept in the user's cache"
    assert prepare(replace(job, threads=2)).product_trial != replace(found, seconds=0.0)


@pytest.mark.parametrize("training", [{"plain": True}, {"without": ("compiled_projections",)}])
def test_nothing_is_tried_that_no_run_would_use(job: InputJob, training: dict[str, object]) -> None:
    settings = TrainingSpec(device="cpu", precision="fp32", **training)  # type: ignore[arg-type]
    assert prepare(replace(job, training=settings)).product_trial is None


def test_both_ways_make_the_same_layer() -> None:
    """The trial goes through what a training goes through: a layer of any size takes some time in both."""
    ours, theirs = time_ways(5, 6, 10, torch.float32)
    assert ours > 0 and theirs > 0


@pytest.mark.parametrize(("seconds", "runs"), [((0.3, 0.2), False), ((0.204, 0.2), True), ((0.1, 0.2), True)])
def test_only_a_clear_difference_counts(seconds: tuple[float, float], runs: bool, tmp_path: Path) -> None:
    setup = set_up(NAMED["one_example"], TrainingSpec(), torch.float32, SINGLE, tmp_path)
    setup.product_seconds = seconds
    assert {one.name: one.ran for one in apply_all(setup)}["compiled_projections"] == runs


@pytest.mark.parametrize("asked", [(), ("compiled_projections",)])
def test_what_was_slower_runs_only_if_asked_for(asked: tuple[str, ...], tmp_path: Path) -> None:
    setup = set_up(NAMED["one_example"], TrainingSpec(speedups=asked), torch.float32, SINGLE, tmp_path)
    setup.product_seconds = SLOWER.find("float32")
    assert SLOWER.find("bfloat16") is None
    outcomes = {one.name: one for one in apply_all(setup)}
    assert outcomes["compiled_projections"].ran == bool(asked)
    if not asked:
        assert outcomes["compiled_projections"].note == (
            "torch's products were faster when both were tried: 200 against 300 ms for a layer"
        )
        assert setup.decoder.project is project and outcomes["prepacked_weights"].ran
