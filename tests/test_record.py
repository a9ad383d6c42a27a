"""Records survive what happens to them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

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


class SmallDisk:
    """Stands for the record's file on a disk with room for so many bytes."""

    def __init__(self, file: Any, room: int, code: int = errno.ENOSPC) -> None:
        self.file, self.room, self.code = file, room, code

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(self.code, os.strerror(self.code))
        written: int = self.file.write(data[: self.room])
        self.room -= written
        return written


def test_lines_wait_for_room_on_a_full_disk(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    disk = writer._file = SmallDisk(writer._file, room=20)  # type: ignore[assignment]
    for number in range(3):
        writer.write(Phase(name="load", seconds=number))
    assert not read_record(tmp_path).phases
    with pytest.raises(OSError, match="No space left"):
        writer.sync()
    disk.room = 10_000
    writer.write(Phase(name="train", seconds=3.0))
    writer.sync()
    assert [phase.seconds for phase in read_record(tmp_path).phases] == [0.0, 1.0, 2.0, 3.0]
    disk.room, disk.code = 0, errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        writer.write(Phase(name="save", seconds=1.0))


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
