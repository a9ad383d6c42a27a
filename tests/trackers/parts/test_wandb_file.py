"""The file of an offline run is read and written as wandb does it, and gets the times of the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.trackers.parts.figures import Clock
from laptime.trackers.parts.wandb_file import BLOCK_BYTES, HEAD_BYTES, join_messages, read_messages, set_times

pytest.importorskip("wandb")
HEAD = b":W&B\xe1\xbe\x00"
CLOCK = Clock(begun=1000.0, end=1060.0, pauses=[(1020.0, 1040.0)])


@pytest.mark.parametrize(
    "sizes", [[0], [1, 2, 3], [BLOCK_BYTES - 14 - 7 + n for n in range(10)], [200_000, 5]]
)
def test_messages_come_back_whatever_blocks_they_lie_in(sizes: list[int]) -> None:
    messages = [bytes([number % 251]) * size for number, size in enumerate(sizes, 1)]
    for start in range(9):  # the blocks end elsewhere
        told = [b"x" * start, *messages]
        assert list(read_messages(join_messages(HEAD, told), Path("x"))) == told


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run-1.wandb"
    path.write_bytes(b"something else")
    with pytest.raises(UserError, match="not the file of an offline run"):
        set_times(path, CLOCK)
    content = bytearray(join_messages(HEAD, [b"abc"]))
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path}: damaged at byte {HEAD_BYTES + 7}"):
        set_times(path, CLOCK)
    assert path.read_bytes() == bytes(content)


def test_rows_summary_start_and_end_get_the_times_of_the_record(tmp_path: Path) -> None:
    """The pause of 20 s is left out; a message without times stays as it is, to the byte."""
    from wandb.proto.wandb_internal_pb2 import Record

    run, row, summary, end, other = (Record() for _ in range(5))
    run.run.run_id = "abc"
    run.run.start_time.FromMicroseconds(5_000_000)
    for item, (name, value) in zip(
        [row.history.item.add() for _ in range(3)],
        {"loss": 1.5, "_timestamp": 1045.0, "_runtime": 0.2}.items(),
        strict=True,
    ):
        item.nested_key.append(name)
        item.value_json = json.dumps(value)
    nested = summary.summary.update.add()
    nested.nested_key.extend(["_wandb", "runtime"])
    nested.value_json = "0"
    plain = summary.summary.update.add()
    plain.key, plain.value_json = "_runtime", "0"
    end.exit.exit_code = 1
    other.output_raw.line = "x"
    path = tmp_path / "run-1.wandb"
    messages = [one.SerializeToString() for one in (run, row, other, summary, end)]
    path.write_bytes(join_messages(HEAD, messages))
    set_times(path, CLOCK)
    first, second, third, fourth, last = read_messages(path.read_bytes(), path)
    assert Record.FromString(first).run.start_time.ToMicroseconds() == 1_000_000_000
    values = {
        item.nested_key[0]: json.loads(item.value_json) for item in Record.FromString(second).history.item
    }
    assert values == {"loss": 1.5, "_timestamp": 1045.0, "_runtime": 25.0}
    assert third == messages[2]
    assert [item.value_json for item in Record.FromString(fourth).summary.update] == ["40", "40.0"]
    assert (Record.FromString(last).exit.runtime, Record.FromString(last).exit.exit_code) == (40, 1)
    content = path.read_bytes()
    set_times(path, CLOCK)
    assert path.read_bytes() == content
