"""The file of an offline run of W&B, given the times of the record.

wandb lets a row have a `_timestamp` of ours, but takes start, `_runtime` and duration from its own clock: a
run that is logged when all is over would have lasted no time. So they are put right in the file, before
anything is uploaded. The file is LevelDB's log: blocks with pieces of (crc, length, kind, bytes), each
message of W&B in one piece or several.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from laptime.errors import UserError
from laptime.trackers.parts.figures import Clock
from laptime.util.atomic import write_whole

HEAD = b":W&B"
HEAD_BYTES = 7
PIECE = struct.Struct("<IHB")
BLOCK_BYTES = 32768
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def set_times(path: Path, clock: Clock) -> None:
    """Put the times of `clock` in the place of wandb's own; raises UserError for a file of another kind."""
    content = path.read_bytes()
    head, messages = content[:HEAD_BYTES], list(read_messages(content, path))
    changed = [_set_times_of(message, clock) for message in messages]
    if changed != messages:
        write_whole(path, join_messages(head, changed))


def read_messages(content: bytes, path: Path) -> Iterator[bytes]:
    """Yield the messages in a file's `content`; raises UserError where it is no file of an offline run."""
    if not content.startswith(HEAD):
        raise UserError(f"{path}: not the file of an offline run of W&B that this laptime knows")
    position, message = HEAD_BYTES, b""
    while position + PIECE.size <= len(content):
        if (left := BLOCK_BYTES - position % BLOCK_BYTES) < PIECE.size:
            position += left
            continue
        crc, length, kind = PIECE.unpack_from(content, position)
        position += PIECE.size
        piece = content[position : position + length]
        position += length
        if crc != zlib.crc32(piece, zlib.crc32(bytes([kind]))) or not WHOLE <= kind <= LAST:
            raise UserError(f"{path}: damaged at byte {position - length}")
        message += piece
        if kind in (WHOLE, LAST):
            yield message
            message = b""


def join_messages(head: bytes, messages: Iterable[bytes]) -> bytes:
    """Return a file's content from its head and its messages."""
    content = bytearray(head)
    for message in messages:
        begins = True
        while True:
            if (room := BLOCK_BYTES - len(content) % BLOCK_BYTES) < PIECE.size:
                content += bytes(room)
                room = BLOCK_BYTES
            piece, message = message[: room - PIECE.size], message[room - PIECE.size :]
            kind = (FIRST if message else WHOLE) if begins else (MIDDLE if message else LAST)
            content += PIECE.pack(zlib.crc32(piece, zlib.crc32(bytes([kind]))), len(piece), kind) + piece
            begins = False
            if not message:
                break
    return bytes(content)


def _set_times_of(message: bytes, clock: Clock) -> bytes:
    """Return a message with the times of `clock`, the same bytes where it tells of no time."""
    from wandb.proto.wandb_internal_pb2 import Record

    record = Record()
    record.ParseFromString(message)
    change = _CHANGES.get(record.WhichOneof("record_type"))
    if change is None:
        return message
    change(record, clock)
    return bytes(record.SerializeToString())


def _set_start(record: Any, clock: Clock) -> None:
    record.run.start_time.FromMicroseconds(round(clock.begun * 1e6))


def _set_row(record: Any, clock: Clock) -> None:
    """Give a row of the history the seconds since the start that belong to its moment."""
    items = {_name_of(item): item for item in record.history.item}
    if "_timestamp" in items and "_runtime" in items:
        runtime = clock.runtime(json.loads(items["_timestamp"].value_json))
        items["_runtime"].value_json = json.dumps(round(runtime, 6))


def _set_summary(record: Any, clock: Clock) -> None:
    """Give the summary the seconds of the whole run."""
    whole = {"_runtime": clock.duration, "_wandb/runtime": int(clock.duration)}
    for item in record.summary.update:
        name = _name_of(item)
        if name in whole:
            item.value_json = json.dumps(whole[name])
        elif name == "_timestamp":
            item.value_json = json.dumps(clock.end)


def _set_exit(record: Any, clock: Clock) -> None:
    record.exit.runtime = int(clock.duration)


_CHANGES: dict[str, Callable[[Any, Clock], None]] = {
    "run": _set_start,
    "history": _set_row,
    "summary": _set_summary,
    "exit": _set_exit,
}


def _name_of(item: Any) -> str:
    """Return the key of a value, nested or not."""
    return str(item.key or "/".join(item.nested_key))
