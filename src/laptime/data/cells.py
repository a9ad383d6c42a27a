"""What stands in a cell of a row, in words, and what is wrong with it."""

from __future__ import annotations

from math import isnan
from typing import Any

from laptime.data.invisible import is_blank


class RowError(ValueError):
    """What is wrong with one row; its message is shown behind the row's place."""


def describe(value: Any) -> str:
    """Say what a value is, in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {
        str: "text",
        bytes: "binary data",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), f"a {type(value).__name__}")


def is_nothing(value: Any) -> bool:
    """Tell whether a value says nothing: null, false, NaN (a table's null), blank, or made of such alone."""
    if isinstance(value, str):
        return is_blank(value) or value.strip() in ("[]", "{}", "null")
    if isinstance(value, dict):
        return all(map(is_nothing, value.values()))
    if isinstance(value, list):
        return all(map(is_nothing, value))
    return value is None or value is False or (isinstance(value, float) and isnan(value))
