"""Records written by hand, with checksums as a run would have given them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from laptime.runs.record import FILE_NAME
from laptime.runs.record_lines import SEAL_BYTES, is_sealed, seal
from laptime.util import sealed_file


def make_line(event: dict[str, Any] | bytes) -> bytes:
    """Return an event as a line, whose own checksum, if it has one, gives way to the right one."""
    content = event if isinstance(event, bytes) else json.dumps(event).encode()
    return seal(content[:-SEAL_BYTES] + b"}" if is_sealed(content) else content) + b"\n"


def edit_record(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the content of a record, and its checksums with it."""
    path = folder / FILE_NAME
    path.write_bytes(b"".join(make_line(line) for line in change(path.read_bytes()).splitlines()))


def without_seals(folder: Path) -> None:
    """Make a record one of version 1, whose lines have no checksums."""
    path = folder / FILE_NAME
    lines = [line[:-SEAL_BYTES] + b"}\n" for line in path.read_bytes().splitlines()]
    path.write_bytes(b"".join(lines).replace(b'"version":3', b'"version":1', 1))


def reseal(content: bytes) -> bytes:
    """Give a changed JSON file the digest that fits it, as whoever changed it on purpose would."""
    if not sealed_file.is_sealed(content):
        return content
    return sealed_file.seal(content[: -sealed_file.SEAL_BYTES] + b"\n}\n")
