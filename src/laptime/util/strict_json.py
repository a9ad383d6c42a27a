"""Strict JSON: what other readers mend, drop or take in silence is an error in one line here."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from laptime.errors import readable

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FAST = msgspec.json.Decoder()
_SPACED_KEY = re.compile(rb'"[ \t\n\r]+:')
_UNCOUNTED = 1 << 60  # more members than a text can have


def parse_json(text: str) -> Any:
    """Parse strict JSON; raises ValueError with one line for NaN, duplicate keys, lone surrogates, syntax."""
    value = parse_plain(text.encode(errors="surrogatepass"))
    if value is not None:
        return value
    try:
        value = _DECODER.decode(text)
        if _ESCAPED_SURROGATE.search(text):
            _refuse_surrogates(value)
    except RecursionError:
        raise ValueError("malformed JSON: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(tell_syntax(error, f"column {error.pos + 1}")) from None
    except ValueError as error:
        raise ValueError(tell_value(error)) from None
    return value


def parse_json_at(text: str, position: int) -> tuple[Any, int]:
    """Parse one value in the middle of `text` and return the position behind it; raises as `json` does."""
    value, end = _DECODER.raw_decode(text, position)
    if _ESCAPED_SURROGATE.search(text, position, end):
        _refuse_surrogates(value)
    return value, end


def parse_plain(data: bytes) -> Any | None:
    """Parse with a decoder that is faster but keeps the last of equal keys; None where that could matter.

    Every key ends in a quote and a colon, so objects with as many members as there are such pairs hold no
    key twice. What this decoder refuses, `parse_json` puts into words.
    """
    if _SPACED_KEY.search(data):
        return None
    try:
        value = _FAST.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return value if _count_members(value) == data.count(b'":') else None


def _count_members(value: Any) -> int:
    """Return how many members the objects in `value` have; of numbers that readers may round: too many."""
    count, values = 0, [value]
    for one in values:  # which grows by what is inside
        kind = type(one)
        if kind is dict:
            count += len(one)
            values += one.values()
        elif kind is list:
            values += one
        elif kind is float or (kind is int and abs(one) >= 1 << 53):
            return _UNCOUNTED
    return count


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make the object; a key that stands in it twice would silently lose a value."""
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"duplicate key '{readable(twice)}'")
    return values


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates)


def _refuse_surrogates(value: Any) -> None:
    """Refuse half of a character: no tokenizer can encode it."""
    if found := _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise ValueError(f"lone surrogate \\u{ord(found[0]):04x} (half a character)")


def tell_syntax(error: json.JSONDecodeError, place: str) -> str:
    """Say in one line what is wrong with the JSON."""
    message = error.msg[0].lower() + error.msg[1:].removesuffix(" at")
    ends_early = error.pos >= len(error.doc.rstrip()) and error.msg != "Extra data"
    if ends_early or error.msg.startswith("Unterminated string"):
        return f"truncated JSON: {message} at {place}"
    return f"malformed JSON at {place}: {message}"


def tell_value(error: ValueError) -> str:
    """Say what is wrong with a value; Python's limit on the digits of a number gets words of its own."""
    message = str(error)
    return "a number of too many digits" if message.startswith("Exceeds the limit") else message
