"""The threads of a comparison: chosen once, the same for every run, kept by whoever goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from laptime import interview
from laptime.cli.ask import ask
from laptime.comparison.noise import find_in_runs
from laptime.comparison.race import compare
from laptime.hardware.processors import Look, Threads
from laptime.runs.job import RunJob
from laptime.runs.plan import read_plan
from laptime.runs.record import read_record
from laptime.runs.single_run import threads_before, train_once
from laptime.spec import CompareSpec, ModelSpec, RunSpec, TrainingSpec
from laptime.util.sealed_file import write_sealed
from tests.comparison.scripted import write_scripted_run
from tests.comparison.test_race import SPEC, Listener, ScriptedRunner
from tests.training.test_resume import attempt, base, make_job  # noqa: F401 - a fixture among them

BUSY = Threads(number=1, cores=2, free=1, why="busy")
FREE = Threads(number=2, cores=2, free=2)


class Watched(ScriptedRunner):
    """Remembers the threads of every run, and leaves its job as a process would find it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.threads: list[Threads | None] = []

    def run(self, job: RunJob, on_event: Any) -> None:
        self.threads.append(job.threads)
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        write_sealed(Path(job.folder) / "job.json", job)
        super().run(job, on_event)


def test_every_run_of_a_comparison_has_the_threads_that_it_began_with(tmp_path: Path) -> None:
    """Also those of a later start, whatever else the machine does by then."""
    first, listener = Watched(dies_at="lora-r2"), Listener()
    with pytest.raises(KeyboardInterrupt):
        compare(SPEC, tmp_path / "out", first, listener, "d", BUSY)
    assert str(BUSY) in listener.heard
    assert read_plan(tmp_path / "out").threads == BUSY
    second, listener = Watched(), Listener()
    compare(SPEC, tmp_path / "out", second, listener, "d", FREE)
    assert {*first.threads, *second.threads} == {BUSY}
    assert f"{BUSY}, as when it began; now it would be {FREE}" in listener.heard


def test_rehearsals_have_them_too(tmp_path: Path) -> None:
    runner = Watched()
    training = TrainingSpec(seed=1, speedups=("answer_head",))
    spec = CompareSpec(rounds=1, model=ModelSpec(model="tiny"), training=training)
    compare(spec, tmp_path / "out", runner, Listener(), "d", BUSY)
    assert runner.threads == [BUSY] * 5


def test_a_training_is_told_its_threads_and_keeps_them(tmp_path: Path) -> None:
    runner, listener = Watched(), Listener()
    spec = RunSpec(method="lora", model=ModelSpec(model="tiny"))
    train_once(spec, tmp_path / "run", runner, listener, BUSY)
    assert runner.threads == [BUSY] and str(BUSY) in listener.heard
    assert threads_before(tmp_path / "run") == BUSY
    assert threads_before(tmp_path / "nowhere") is None


def test_a_run_works_with_the_threads_of_its_job(base: Path, tmp_path: Path) -> None:  # noqa: F811
    before = torch.get_num_threads()
    try:
        job = make_job(base, tmp_path / "run", "lora", {})
        job.threads = Threads(number=2, cores=4, free=2, why="busy")
        record = attempt(job, stop_at=2)
        assert record.machine
        facts = record.machine.facts
        assert (facts["threads"], facts["free_cores"], facts["physical_cores"]) == (2, 2, 4)
        torch.set_num_threads(1)
        job.threads = None
        assert attempt(job).machine.facts["threads"] == 2, "as its checkpoint says"
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"free_cores": 1, "physical_cores": 2, "threads": 1}, {"threads": 1, "free": 1, "cores": 2}),
        ({"free_cores": 2, "physical_cores": 2, "threads": 2}, None),
        ({"free_cores": 8, "physical_cores": 8, "cores": 16, "threads": 8}, None),
        ({"threads": 1, "cores": 2}, None),
    ],
)
def test_a_machine_that_was_busy_at_the_start_is_flagged_once(
    tmp_path: Path, facts: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    records = [
        read_record(write_scripted_run(tmp_path / str(n), "lora", n, facts={"cpu": "x"} | facts))
        for n in (1, 2)
    ]
    found = [one.values for one in find_in_runs({"lora": records}) if one.code == "fewer_threads"]
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(("given", "expected"), [(None, 7), (2, 2)])
def test_who_asks_has_threads_by_the_same_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: int | None, expected: int
) -> None:
    used: list[int] = []
    monkeypatch.setattr(Look, "choose", lambda self, wanted: Threads(number=wanted or 7, cores=8))
    monkeypatch.setattr("laptime.hardware.processors.allowed_processors", lambda: set(range(8)))
    monkeypatch.setattr(interview, "use_threads", used.append)
    monkeypatch.setattr(interview, "ask_results", lambda *words: iter(()))
    write_scripted_run(tmp_path, "lora", 1)
    monkeypatch.setattr("laptime.runs.folder.find_inputs", lambda folder: folder)
    ask(tmp_path, ("why?",), None, threads=given)
    assert used == [expected]
