"""The files of a report: told from a user's by a mark and the digest of the rest, and written whole."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from laptime.errors import UserError
from laptime.util.atomic import write_whole

MARK = "laptime report"  # stands near the beginning of every file of a report, before its digest
UNKNOWN = 16 * "0"  # in the place of the digest while it is made
BLANK_MARK = f"{MARK} {UNKNOWN}"
_MARKED = re.compile(rb"(laptime report )([0-9a-f]{16})\b")
_PNG_HEAD = 33  # bytes of the signature and of IHDR, which is always the first chunk


def refuse_foreign(paths: Iterable[Path]) -> None:
    """Raise UserError for a file in the place of a report's that is not its own, or was changed since."""
    for path in paths:
        if path.exists() and not is_ours(path):
            raise UserError(f"{path}: not written by laptime, or changed since; move it away, then repeat")


def is_ours(path: Path) -> bool:
    """Say whether a file is as an earlier report wrote it; one of an older version gives no digest."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    if path.suffix == ".png":
        return _is_our_picture(content)
    found = _MARKED.search(content, 0, 600)
    return content == mark_digest(content) if found else MARK.encode() in content[:600]


def mark_digest(content: bytes) -> bytes:
    """Put the digest of the rest of a file behind its mark."""
    blank = _MARKED.sub(rb"\g<1>" + UNKNOWN.encode(), content, count=1)
    digest = hashlib.sha256(blank).hexdigest()[: len(UNKNOWN)]
    return _MARKED.sub(rb"\g<1>" + digest.encode(), blank, count=1)


def write_own(path: Path, content: str) -> None:
    """Write a file in one move, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, mark_digest(content.encode()))


def write_own_picture(path: Path, png: bytes) -> None:
    """Write a PNG with the mark in a text chunk; the digest in it is that of the PNG without that chunk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, png[:_PNG_HEAD] + _mark_chunk(png) + png[_PNG_HEAD:])


def _is_our_picture(content: bytes) -> bool:
    """Say whether a PNG is as an earlier report wrote it."""
    size = len(_mark_chunk(b""))
    bare = content[:_PNG_HEAD] + content[_PNG_HEAD + size :]
    return content[_PNG_HEAD : _PNG_HEAD + size] == _mark_chunk(bare)


def _mark_chunk(png: bytes) -> bytes:
    """Return the text chunk that marks `png`."""
    digest = hashlib.sha256(png).hexdigest()[: len(UNKNOWN)]
    body = b"tEXtSoftware\0" + f"{MARK} {digest}".encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
