"""What is kept of finished runs for forecasts: figures alone, of runs that tell something."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from laptime.runs import past_runs
from laptime.runs.events import Memory, Step
from laptime.runs.past_runs import find_usual, list_disturbed, list_past_runs, past_runs_file, remember
from laptime.runs.record import RecordWriter, read_record
from tests.comparison.scripted import write_scripted_plan, write_scripted_run

MODEL = {"shape": {"hidden_size": 10, "num_layers": 2, "vocabulary_size": 20}}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's cache in which there is nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def make_run(folder: Path, **changes: Any) -> Path:
    """Write the record of a run that has told how much memory it would need."""
    writer = RecordWriter(write_scripted_run(folder, **({"method": "lora", "model": MODEL} | changes)))
    writer.write(Memory(device="cpu", available_bytes=None, needed_bytes=6_000, fixed_bytes=1))
    writer.close()
    return folder


def test_a_finished_run_is_remembered_by_its_figures(tmp_path: Path) -> None:
    remember(make_run(tmp_path / "run"))
    (past,) = list_past_runs()
    assert (past.processor, past.threads, past.method, past.dtype) == ("Test CPU", 2, "lora", "float32")
    assert (past.step_seconds, past.first_step_seconds, past.step_tokens) == (2.0, 2.0, 20)
    assert past.step_flops == 4000 * 20 - 4 * 10 * 20 * (20 - 8)
    assert past.phases == {"import": 1.0, "load": 2.0, "prepare": 0.25, "save": 0.75}
    assert (past.needed_bytes, past.peak_bytes, past.saved_bytes) == (6_000, 5_200, 200)
    kept = past_runs_file().read_text()
    assert "tiny" not in kept and str(tmp_path) not in kept, "no name of a model or a folder"


def make_step(seconds: float, tokens: int) -> Step:
    return Step(
        step=1, epoch=1, loss=1.0, learning_rate=1.0, seconds=seconds, trained_tokens=tokens, tokens=tokens,
        padded_tokens=tokens, digest="",
    )  # fmt: skip


def test_few_steps_are_told_by_the_middle_one(tmp_path: Path) -> None:
    record = read_record(make_run(tmp_path / "run"))
    few = [make_step(seconds, tokens) for seconds, tokens in ((4.4, 232), (1.8, 125), (3.9, 279))]
    assert find_usual(record, few)[::2] == (1.8, 125), "its work took neither the longest nor the shortest"
    many = [make_step(1.0, 10)] * 7 + [make_step(9.0, 10)]
    assert find_usual(record, many)[::2] == (2.0, 10), "a mean: a whole training has slow steps too"


def test_a_probe_that_was_disturbed_is_told_of_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scripted_plan(tmp_path, rounds=1, methods=("lora",))
    make_run(tmp_path / "runs" / "lora-r1")
    assert list_disturbed(tmp_path) == [], "it is kept as any run is"
    monkeypatch.setattr(past_runs, "was_disturbed", lambda folder: True)
    (past,) = list_disturbed(tmp_path)
    assert past.method == "lora"


@pytest.mark.parametrize(
    "changes",
    [
        {"unfinished": True},
        {"failed": "error"},
        {"method": "base"},
        {"without": "plain"},
        {"losses": (4.0,)},
        {"training": {"plain": True}},
        {"training": {"without": ("fused_blocks",)}},
        {"training": {"optimizer": "muon"}},
    ],
)
def test_what_tells_nothing_is_not(tmp_path: Path, changes: dict[str, Any]) -> None:
    remember(make_run(tmp_path / "run", **changes))
    assert list_past_runs() == []


def test_no_damage_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run")
    remember(tmp_path / "nowhere")
    remember(run)
    with past_runs_file().open("ab") as file:
        file.write(b'{"laptime": 3}\nnot json\n')
        whole = past_runs_file().read_bytes().splitlines()[0]
        for wrong in (b"-1.0", b"0.0", b"1e300", b"NaN", b"1e9"):
            file.write(re.sub(rb'"step_seconds":[^,]+', b'"step_seconds":' + wrong, whole) + b"\n")
    remember(run)
    assert len(list_past_runs()) == 2
    monkeypatch.setattr(past_runs, "MOST_BYTES", 100)
    remember(run)
    assert len(list_past_runs()) == 2, "the older half has gone"
    monkeypatch.setattr(past_runs, "was_disturbed", lambda folder: True)
    remember(run)
    assert len(list_past_runs()) == 2
    past_runs_file().unlink()
    past_runs_file().mkdir()
    remember(run)
    assert list_past_runs() == []
