"""JSON files that prove themselves whole: the last key, `digest`, is the SHA-256 of the file without it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from laptime.errors import UserError
from laptime.util.atomic import write_whole
from laptime.util.untrusted import parse, read_whole

T = TypeVar("T")
BEGIN, END = b'{\n  "', b"\n}\n"
BEFORE, BEHIND, DIGITS = b',\n  "digest": "', b'"\n}\n', 64
SEAL_BYTES = len(BEFORE) + DIGITS + len(BEHIND)
WITHOUT_SEAL = 1  # files of this version, and older ones, were written without


class DamagedFileError(UserError):
    """A file is not as it was written."""


def write_sealed(path: Path, value: Any) -> Path:
    """Write `value`, an object, as indented JSON with its digest, aside and then in one move."""
    return write_whole(path, seal(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"))


def read_sealed(path: Path, kind: type[T], what: str, remedy: str) -> T:
    """Read what `write_sealed` wrote; a value whose `version` is 1 or less may stand without a digest.

    Raises FileNotFoundError, UserError where the file is not `what`, and DamagedFileError, with the `remedy`,
    where it is not as it was written.
    """
    content = read_whole(path)
    sealed = is_sealed(content)
    if sealed and seal(content[:-SEAL_BYTES] + END) != content:
        raise DamagedFileError(f"{path}: damaged: it does not match its digest; {remedy}")
    if not sealed and (damage := find_cut(content)):
        raise DamagedFileError(f"{path}: damaged: {damage}; {remedy}")
    value = parse(path, what, lambda: msgspec.json.decode(content, type=kind))
    if not sealed and getattr(value, "version", WITHOUT_SEAL + 1) > WITHOUT_SEAL:
        raise DamagedFileError(f"{path}: damaged: it has no digest at its end; {remedy}")
    return value


def seal(content: bytes) -> bytes:
    """Return an indented JSON object with the digest of its text as the last key."""
    return content[: -len(END)] + BEFORE + hashlib.sha256(content).hexdigest().encode() + BEHIND


def find_cut(content: bytes) -> str:
    """Return how a text of ours that has lost its end was damaged, "" where it is whole or not ours."""
    if not content.strip(b"\0 \n"):
        return "it is empty"
    if BEGIN.startswith(content):
        return "its end is cut off"
    if not content.startswith(BEGIN):
        return ""
    try:
        msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "its end is cut off" if not content.endswith(END) else "it is no JSON any more"
    return ""


def is_sealed(content: bytes) -> bool:
    """Tell whether a text ends with a digest, right or wrong."""
    tail = content[-SEAL_BYTES:]
    return tail.startswith(BEFORE) and tail.endswith(BEHIND)
