"""A race as it grows on disk: what is at work, what is over, what is read anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from laptime.comparison.result import write_result
from laptime.live import race_reader
from laptime.live.race_reader import RaceReader, RunTail, is_at_work, is_ours
from laptime.runs.events import Answering, Resumed, Step
from laptime.runs.lock import MARKER_FILE, file_lock
from laptime.runs.plan import run_folder
from laptime.runs.record import FILE_NAME, RecordWriter
from laptime.session import gather_result
from tests.comparison.scripted import write_scripted_comparison, write_scripted_plan, write_scripted_run


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder as a running command does."""
    with file_lock(folder / MARKER_FILE, "this test"):
        yield


def add_steps(folder: Path, *numbers: int) -> None:
    """Write further steps to a record."""
    writer = RecordWriter(folder)
    for number in numbers:
        writer.write(
            Step(
                step=number, epoch=1, loss=9.0 - number, learning_rate=1e-4, seconds=0.5, trained_tokens=8,
                tokens=20, padded_tokens=20, digest="d",
            )
        )  # fmt: skip
    writer.close()


def test_a_race_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "race"
    reader = RaceReader(folder)
    assert reader.read().state == "absent" and not is_ours(folder)
    folder.mkdir()
    with at_work(folder):
        assert reader.read().state == "preparing" and is_ours(folder) and is_at_work(folder)
        write_scripted_plan(folder, rounds=1)
        assert reader.read().state == "running" and reader.read().run is None
        write_scripted_run(run_folder(folder, "base"), "base", 0)
        write_scripted_run(run_folder(folder, "full-r1"), "full", unfinished=True)
        now = reader.read()
        assert now.run and (now.run.run, now.num_over, now.num_runs) == ("full-r1", 1, 3)
        assert now.record and [step.step for step in now.record.steps] == [1]
        add_steps(run_folder(folder, "full-r1"), 2, 3)
        later = reader.read()
        assert later.record and [step.step for step in later.record.steps] == [1, 2, 3]
    stopped = reader.read()
    assert stopped.trouble == ""
    assert (stopped.state, stopped.run) == ("stopped", None)
    (run_folder(folder, "full-r1") / FILE_NAME).unlink()
    with at_work(folder):
        for method in ("full", "lora"):
            write_scripted_run(run_folder(folder, f"{method}-r1"), method)
        write_result(folder, gather_result(folder))
        assert reader.read().state == "finishing"
    now = reader.read()
    assert now.state == "finished" and now.result and now.result.complete


def test_nothing_is_collected_anew_that_is_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]}, skip=["lora-r1"])
    write_result(tmp_path, gather_result(tmp_path))
    write_scripted_run(run_folder(tmp_path, "lora-r1"), "lora", unfinished=True)
    collected = []
    monkeypatch.setattr(
        race_reader, "gather_result", lambda folder: collected.append(folder) or gather_result(folder)
    )
    reader = RaceReader(tmp_path)
    with at_work(tmp_path):
        first = reader.read()
        add_steps(run_folder(tmp_path, "lora-r1"), 2)
        second = reader.read()
        assert len(collected) == 1 and first.result is second.result
        assert second.record and len(second.record.steps) == 2
        result = gather_result(tmp_path)
        write_result(tmp_path, result)
        assert reader.read().result is not first.result and len(collected) == 2


def test_a_record_is_read_on_from_where_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scripted_run(tmp_path, "lora", unfinished=True)
    positions = []
    read_on = race_reader.read_on

    def spy(path: Path, position: int, hear: object) -> int:
        positions.append(position)
        return read_on(path, position, hear)  # type: ignore[arg-type]

    monkeypatch.setattr(race_reader, "read_on", spy)
    tail = RunTail(tmp_path)
    tail.read()
    size = (tmp_path / FILE_NAME).stat().st_size
    add_steps(tmp_path, 2)
    writer = RecordWriter(tmp_path)
    writer.write(Answering(num_questions=3, answered=1, together=1, tokens=4, most_tokens=9))
    writer.write(Resumed(step=1, from_checkpoint="c", seconds_before=1.0))
    writer.close()
    record = tail.read()
    assert positions == [0, size]
    assert record and [step.step for step in record.steps] == [1], "what was taken back does not count"
    assert tail.answering and tail.answering.num_questions == 3
    (tmp_path / FILE_NAME).unlink()
    write_scripted_run(tmp_path, "full", unfinished=True)
    again = tail.read()
    assert again and again.started.method == "full", "a record that is begun anew"


def test_a_run_that_was_killed_and_goes_on_is_at_work_again(tmp_path: Path) -> None:
    write_scripted_comparison(
        tmp_path, {"full": [2.0], "lora": [1.0]}, {"full-r1": {"failed": "killed"}}, skip=["lora-r1"]
    )
    reader = RaceReader(tmp_path)
    with at_work(tmp_path):
        assert (reader.read().run, reader.read().num_over) == (None, 2)
        writer = RecordWriter(run_folder(tmp_path, "full-r1"))
        writer.write(Resumed(step=1, from_checkpoint="c", seconds_before=1.0))
        writer.close()
        now = reader.read()
        assert now.run and (now.run.run, now.num_over) == ("full-r1", 1)


def test_a_training_alone_is_a_race_of_one(tmp_path: Path) -> None:
    write_scripted_run(tmp_path, "lora", unfinished=True)
    reader = RaceReader(tmp_path)
    with at_work(tmp_path):
        now = reader.read()
        assert (now.state, now.num_runs) == ("running", 1)
        assert now.run and now.run.run == "lora-r1" and now.record and len(now.record.steps) == 1
    assert reader.read().state == "stopped"


@pytest.mark.parametrize("name", ["plan.json", "runs/full-r1/record.jsonl"])
def test_what_is_damaged_is_said_and_the_rest_is_shown(tmp_path: Path, name: str) -> None:
    write_scripted_comparison(tmp_path, {"full": [2.0], "lora": [1.0]})
    path = tmp_path / name
    path.write_bytes(path.read_bytes().replace(b'"lora"', b'"lara"').replace(b'"epoch":1', b'"epoch":3'))
    now = RaceReader(tmp_path).read()
    if name == "plan.json":
        assert now.state == "broken" and "plan.json" in now.trouble and now.result is None
    else:
        assert now.state == "stopped" and now.result
        assert [m.status for m in now.result.methods] == ["failed", "finished"]
