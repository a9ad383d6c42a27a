"""A step that does not fit goes through in parts: the same training, said, recorded and kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from laptime.comparison.collection import collect_single
from laptime.memory_estimate import SPARE
from laptime.runs.job import RunJob
from laptime.training import run as running
from laptime.training.checkpoint import list_checkpoints, open_checkpoint
from laptime.training.fit import find_fit
from tests.speedups.runs import make_base, speedup
from tests.test_memory_estimate import estimate_small
from tests.tight_memory import find_room
from tests.training.rank_race import RATES, assert_same_losses
from tests.training.test_resume import attempt, make_job, saved, step_log

FOUR: dict[str, Any] = {"batch_size": 4, "epochs": 4}
NOTE = (
    "a step's examples go through 2 at a time instead of 4, for the same update: by estimate 4 at once need "
)


@pytest.fixture(autouse=True, scope="module")
def single_thread() -> Iterator[None]:
    """Tiny products are faster without threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


class Machine:
    """How much memory there is."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inputs, self.patches = base / "inputs", monkeypatch

    def give(self, available_bytes: int | None) -> None:
        self.patches.setattr(running, "available_bytes", lambda device: available_bytes)

    def give_for(self, size: int, method: str, **training: Any) -> None:
        """Have memory for `size` examples at once and no more."""
        self.give(find_room(self.inputs, method, size, **training))


@pytest.fixture
def machine(base: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(base, monkeypatch)


def job_of(base: Path, folder: Path, method: str, **training: Any) -> RunJob:
    return make_job(base, folder, method, {}, **{"learning_rate": RATES[method]} | FOUR | training)


@pytest.mark.parametrize("settings", [{}, {"plain": True}, {"gradient_accumulation": 2}], ids=str)
@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_step_in_parts_is_the_same_training(
    base: Path, tmp_path: Path, machine: Machine, method: str, settings: dict[str, Any]
) -> None:
    machine.give(None)
    whole = attempt(job_of(base, tmp_path / "whole", method, **settings))
    machine.give_for(2, method, **FOUR | settings)
    parts = attempt(job_of(base, tmp_path / "parts", method, **settings))
    assert len(whole.steps) == (4 if "gradient_accumulation" in settings else 8)
    assert_same_losses(whole, parts)
    assert whole.evaluations[-1].loss == pytest.approx(parts.evaluations[-1].loss, abs=1e-5)
    assert whole.memory and parts.memory and (whole.memory.micro_batch, parts.memory.micro_batch) == (0, 2)
    assert parts.memory.needed_bytes < (parts.memory.available_bytes or 0), "what was decided is estimated"
    assert whole.model and not any("at a time" in note for note in whole.model.notes)


def test_it_is_said_in_the_report(base: Path, tmp_path: Path, machine: Machine) -> None:
    machine.give_for(2, "lora", **FOUR)
    record = attempt(job_of(base, tmp_path / "run", "lora"))
    assert record.model
    recomputing, cutting = record.model.notes
    assert recomputing.startswith("activations are recomputed: ") and cutting.startswith(NOTE)
    told = [one.values["note"] for one in collect_single(tmp_path / "run").findings if one.code == "note"]
    assert told == [recomputing, cutting]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_run_goes_on_cut_as_it_was_begun(base: Path, tmp_path: Path, machine: Machine, method: str) -> None:
    """Bit by bit, whatever memory there is then."""
    machine.give_for(2, method, **FOUR)
    whole = attempt(job_of(base, tmp_path / "whole", method))
    job = job_of(base, tmp_path / "run", method)
    attempt(job, stop_at=3)
    machine.give_for(1, method, **FOUR)
    attempt(job, stop_at=5)
    machine.give(None)
    resumed = attempt(job)
    assert step_log(resumed) == step_log(whole)
    assert saved(tmp_path / "run") == saved(tmp_path / "whole")
    assert resumed.model and resumed.model.notes == [
        "activations are recomputed: as before it was interrupted",
        "a step's examples go through 2 at a time instead of 4, for the same update: as before it was "
        "interrupted",
    ]


def test_a_checkpoint_of_whole_steps_goes_on_with_whole_steps(
    base: Path, tmp_path: Path, machine: Machine
) -> None:
    """Its state is that of earlier versions, which knew no other."""
    machine.give(None)
    job = job_of(base, tmp_path / "run", "lora")
    attempt(job, stop_at=3)
    (folder, *_) = list_checkpoints(tmp_path / "run" / "checkpoints")
    assert "micro_batch" not in json.loads((folder / "state.json").read_text())
    machine.give_for(2, "lora", **FOUR)
    record = attempt(job, stop_at=5)
    assert record.memory and record.memory.micro_batch == 0
    assert record.model and record.model.notes == []


def test_a_run_cut_to_single_examples_may_be_packed(base: Path, tmp_path: Path, machine: Machine) -> None:
    """What was asked for by name is not refused for want of memory."""
    machine.give_for(1, "lora", speedups=("no_padding",), **FOUR)
    record = attempt(job_of(base, tmp_path / "run", "lora", speedups=("no_padding",)), stop_at=2)
    assert record.memory and record.memory.micro_batch == 1
    assert speedup(record, "no_padding").ran
    (folder, *_) = list_checkpoints(tmp_path / "run" / "checkpoints")
    assert open_checkpoint(folder).state.micro_batch == 1


def test_by_another_number_of_processes_it_is_decided_anew() -> None:
    """Their bits are others, and so is what fits; whether activations are recomputed stays."""
    asked = estimate_small()
    tight = int((asked.held_bytes + asked.activation_bytes(True) / 2) / SPARE)
    assert find_fit(asked, tight, recomputes=True, micro_batch=None).micro_batch > 0
    assert find_fit(asked, tight, recomputes=True, micro_batch=0).micro_batch == 0


def test_what_the_user_ruled_out_stays_so() -> None:
    asked = estimate_small(recomputes=False)
    tight = int((asked.held_bytes + asked.activation_bytes(False) / 2) / SPARE) + 2
    fit = find_fit(asked, tight)
    assert (fit.recomputes, fit.micro_batch, len(fit.notes)) == (False, 5, 1)
