"""Records survive what happens to them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import fields

from laptime.errors import UserError
from laptime.runs.events import (
    VERSION,
    Answer,
    Answering,
    AnyEvent,
    Failed,
    Finished,
    Phase,
    RankUse,
    Resumed,
    Started,
)
from laptime.runs.record import _LISTS, FILE_NAME, RecordWriter, RunRecord, read_record
from laptime.runs.record_lines import decode_events, read_lines
from tests.records import make_line, without_seals


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


def test_how_far_the_answering_has_come_is_for_who_waits_alone(tmp_path: Path) -> None:
    writer = begin(tmp_path)
    writer.write(Answering(num_questions=1, answered=0, together=1, tokens=3, most_tokens=8))
    writer.write(Answer(question="why?", text="so", source="asked", num_tokens=2, stopped="length"))
    assert [answer.text for answer in read_record(tmp_path).answers] == ["so"]


@pytest.mark.parametrize("kind", get_args(AnyEvent))
def test_every_event_has_its_place_in_what_is_read(kind: type) -> None:
    places = {field.name for field in fields(RunRecord)}
    assert kind is Answering or _LISTS.get(kind, kind.__name__.lower()) in places


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
    with pytest.raises(UserError, match=r"record\.jsonl:1: not a record of this version"):
        read_record(tmp_path)
    started = {"event": "started", "laptime": "9", "run": "a", "method": "lora", "round": 1, "spec": {}}
    for version in (0, 99):
        path.write_bytes(make_line(started | {"version": version}))
        with pytest.raises(UserError, match=f"record version {version}; this laptime reads 1 to {VERSION}"):
            read_record(tmp_path)


def write_steps(folder: Path, number: int) -> Path:
    """Write a record of so many steps and return its path."""
    writer = begin(folder)
    for step in range(1, number + 1):
        writer.write(Phase(name="train", seconds=step))
    writer.close()
    return folder / FILE_NAME


def test_every_flipped_bit_is_named_with_its_line(tmp_path: Path) -> None:
    """The last line's end included: without it the line would be taken for one that a kill cut short."""
    path = write_steps(tmp_path, 3)
    whole = path.read_bytes()
    for place in range(len(whole)):
        line = whole[:place].count(b"\n") + 1
        for bit in range(8):
            flipped = whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
            damaged = [one.number for one in read_lines(flipped) if one.damage]
            assert damaged[:1] == [line], (place, bit)
    path.write_bytes(whole[:-1] + b"\x0b")
    with pytest.raises(UserError, match=r"record\.jsonl:4: its end is not as it was written; put back"):
        read_record(tmp_path)


def test_a_record_of_version_1_has_no_checksums_and_is_read(tmp_path: Path) -> None:
    path = write_steps(tmp_path, 2)
    expected = read_record(tmp_path).phases
    without_seals(tmp_path)
    assert b"crc" not in path.read_bytes()
    record = read_record(tmp_path)
    assert (record.started.version, record.phases) == (1, expected)
    RecordWriter(tmp_path).write(Phase(name="save", seconds=3.0))  # goes on with one
    content = path.read_bytes()
    assert content.count(b"crc") == 1 and len(read_record(tmp_path).phases) == 3
    path.write_bytes(content.replace(b'"seconds":3', b'"seconds":4'))
    with pytest.raises(UserError, match=r"record\.jsonl:4: it does not match its checksum"):
        read_record(tmp_path)


def test_a_line_without_a_checksum_is_no_line_of_version_2(tmp_path: Path) -> None:
    path = write_steps(tmp_path, 1)
    with path.open("ab") as file:
        file.write(b'{"event":"phase","name":"load","seconds":1.0}\n')
    with pytest.raises(UserError, match=r"record\.jsonl:3: it has no checksum"):
        read_record(tmp_path)
    assert len(decode_events(path.read_bytes())) == 2


def test_what_processes_held_counts_once_where_a_run_goes_on(tmp_path: Path) -> None:
    """An attempt that was ended after its training, before its last line, has told of them already."""
    writer = begin(tmp_path)
    writer.write(RankUse(rank=0, device="cpu", train_seconds=2.0, exchange_seconds=0.5))
    writer.write(Resumed(step=1, from_checkpoint="", seconds_before=1.0))
    writer.write(RankUse(rank=0, device="cpu", train_seconds=1.0, exchange_seconds=0.5))
    record = read_record(tmp_path)
    assert [(use.rank, use.compute_seconds) for use in record.ranks] == [(0, 0.5)]
