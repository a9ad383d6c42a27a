"""Tools that a model may call, and its calls: as JSON, the way a chat template takes them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from laptime.data.cells import RowError, describe, is_nothing
from laptime.util.strict_json import parse_json


def read_tools(values: dict[str, Any], column: str) -> str:
    """Return the tools of a row as JSON, or ""; raises RowError for what is no list of tools.

    What is null in them is left out: a table has a null wherever another row has a value.
    """
    value = values.get(column)
    if isinstance(value, str) and not is_nothing(value):
        return _parse_tools(value, column)
    return "" if is_nothing(value) else _write_tools(value, column)


@lru_cache(64)  # the same few tools stand in row after row
def _parse_tools(text: str, column: str) -> str:
    """Return tools that are written as JSON."""
    try:
        return _write_tools(parse_json(text), column)
    except ValueError as error:
        raise error if isinstance(error, RowError) else RowError(f"'{column}': {error}") from None


def _write_tools(value: Any, column: str) -> str:
    """Check tools and write them as JSON."""
    if not isinstance(value, list) or not value or not all(map(is_tool, value)):
        shown = "a list with something else" if isinstance(value, list) else describe(value)
        raise RowError(f"'{column}' is {shown}, expected a list of tools, each an object with a name")
    return _encode(_without_nulls(value), f"'{column}'")


def is_tool(value: Any) -> bool:
    """Tell whether a value names a function, by itself or within."""
    return bool(name_of_tool(value))


def name_of_tool(value: Any) -> str:
    """Return the name of a tool, "" for what is none."""
    inner = value.get("function", value) if isinstance(value, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else ""


def _without_nulls(value: Any) -> Any:
    """Return a value without the members of objects that are null."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def read_calls(value: Any) -> str:
    """Return the calls of a turn as JSON, their arguments as objects; raises RowError for what is no call.

    OpenAI's arguments are text that holds JSON, which a template would write as text once more.
    """
    if not isinstance(value, list) or not all(map(is_tool, value)):
        raise RowError(": 'tool_calls' is no list of calls, each an object with a name")
    return _encode([_with_arguments(call) for call in _without_nulls(value)], ": 'tool_calls'")


def _with_arguments(call: dict[str, Any]) -> dict[str, Any]:
    """Return a call with its arguments as an object."""
    if isinstance(inner := call.get("function"), dict):
        return call | {"function": _with_arguments(inner)}
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = parse_json(arguments or "{}")
        except ValueError as error:
            raise RowError(f": the arguments of '{call['name']}': {error}") from None
    if not isinstance(arguments, dict):
        raise RowError(f": the arguments of '{call['name']}' are {describe(arguments)}, expected an object")
    return call | {"arguments": arguments}


def _encode(value: Any, what: str) -> str:
    """Write a value as JSON."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        raise RowError(f"{what} holds what JSON cannot") from None
