"""Records survive what happens to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.events import Failed, Finished, Phase, Started
from laptime.record import FILE_NAME, RecordWriter, decode_events, read_record


def begin(folder: Path) -> RecordWriter:
    writer = RecordWriter(folder)
    writer.write(Started(laptime="0.1.0", run="lora-r1", method="lora", round=1, spec={}))
    return writer


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    writer.write(Phase(name="load", seconds=1.5))
    writer.write(Phase(name="load", seconds=0.5))
    assert read_record(tmp_path).status == "unfinished"
    writer.write(Finished(train_seconds=1.0, total_seconds=2.0, wall_seconds=3.0, peak_bytes={"vm_hwm": 1}))
    record = read_record(tmp_path)
    assert record.status == "finished"
    assert record.phase_seconds() == {"load": 2.0}
    assert record.started.time > 1_700_000_000


def test_every_line_is_on_disk_before_the_next_is_measured(tmp_path: Path) -> None:
    begin(tmp_path)  # neither closed nor flushed
    assert read_record(tmp_path).started.run == "lora-r1"


def test_a_half_written_last_line_is_ignored(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    writer.write(Phase(name="load", seconds=1.5))
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    for length in range(len(whole) - 1, len(whole.splitlines(keepends=True)[0]), -7):
        assert len(decode_events(whole[:length])) == 1


def test_a_failure_is_the_last_word(tmp_path: Path) -> None:
    begin(tmp_path).write(Failed(reason="out_of_memory", message="out of memory", step=3))
    assert read_record(tmp_path).status == "failed"


def test_what_is_no_record_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no record\.jsonl here"):
        read_record(tmp_path)
    path = tmp_path / FILE_NAME
    path.write_text("")
    with pytest.raises(UserError, match="has no first line"):
        read_record(tmp_path)
    path.write_text('{"event": "lunch"}\n')
    with pytest.raises(UserError, match="not a record of this version"):
        read_record(tmp_path)
    path.write_text(
        '{"event":"started","version":99,"laptime":"9","run":"a","method":"lora","round":1,"spec":{}}\n'
    )
    with pytest.raises(UserError, match="record version 99; this laptime reads 1"):
        read_record(tmp_path)
