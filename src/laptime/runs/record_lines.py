"""The lines of a record: events in JSON whose last field, `crc`, is a checksum of what stands before it.

A CRC-32 finds every line in which one bit, or any few neighbouring ones, are not as they were written.
Records of version 1 have lines without it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from laptime.runs.events import AnyEvent, Event, Started

SEAL_BYTES = len(',"crc":"00000000"}')
_decoder = msgspec.json.Decoder(AnyEvent)


class Line(NamedTuple):
    """One line of a record, counted from 1: its event, or what is wrong with it."""

    number: int
    content: bytes
    event: AnyEvent | None
    damage: str = ""


def encode_line(event: Event) -> bytes:
    """Return an event as a line of a record."""
    return seal(msgspec.json.encode(event)) + b"\n"


def seal(content: bytes) -> bytes:
    """Return a JSON object with the checksum of what stands before it as its last field."""
    body = content[:-1]
    return body + b',"crc":"%08x"}' % zlib.crc32(body)


def is_sealed(line: bytes) -> bool:
    """Tell whether a line ends with a checksum, right or wrong."""
    return line[-SEAL_BYTES:].startswith(b',"crc":"') and line.endswith(b'"}')


def read_lines(content: bytes, sealed: bool | None = None) -> Iterator[Line]:
    """Yield the lines of a record; a last one that was written by half is left out, blank ones too.

    `sealed` says whether every line has a checksum; None lets the first line say it.
    """
    *lines, tail = content.split(b"\n")
    if sealed is None:
        sealed = has_seals(lines)
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield read_line(number, line, sealed)
    if tail and is_whole(tail[:-1]):
        yield Line(len(lines) + 1, tail, None, "its end is not as it was written")


def has_seals(lines: list[bytes]) -> bool:
    """Tell whether the lines of a record must have a checksum: where its first line may be of version 2."""
    first = read_line(1, lines[0], sealed=False) if lines else None
    if first is not None and isinstance(first.event, Started):
        return first.event.version > 1
    return any(map(is_sealed, lines))


def is_whole(line: bytes) -> bool:
    """Tell whether a line has a checksum that is right."""
    return is_sealed(line) and seal(line[:-SEAL_BYTES] + b"}") == line


def read_line(number: int, line: bytes, sealed: bool) -> Line:
    """Return a line with its event, or with what is wrong with it."""
    if is_sealed(line):
        if not is_whole(line):
            return Line(number, line, None, "it does not match its checksum")
    elif sealed:
        return Line(number, line, None, "it has no checksum")
    try:
        return Line(number, line, _decoder.decode(line))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        return Line(number, line, None, f"not a record of this version of laptime ({why})")


def decode_events(content: bytes) -> list[AnyEvent]:
    """Return the events of whole lines as this version writes them; who reads the record names the others."""
    return [line.event for line in read_lines(content, sealed=True) if line.event is not None]
