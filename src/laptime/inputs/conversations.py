"""Conversations from rows: OpenAI's role/content and ShareGPT's from/value, checked turn by turn."""

from __future__ import annotations

from typing import Any

from laptime.errors import suggest
from laptime.inputs.files import parse_json, readable
from laptime.inputs.records import Message

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
    "function_response": "tool",
    "tool_response": "tool",
}
ROLE_KEYS = ("role", "from", "speaker")
CONTENT_KEYS = ("content", "value", "text")


class RowError(ValueError):
    """What is wrong with one row; its message is shown behind the row's place."""


def read_turns(value: Any, column: str) -> list[Message]:
    """Turn a cell into turns; raises RowError, naming column and turn, for what is no conversation."""
    if isinstance(value, str) and value.lstrip().startswith("["):  # CSV has no lists, only their JSON
        try:
            value = parse_json(value)
        except ValueError as error:
            raise RowError(f"'{column}': {error}") from None
    if not isinstance(value, list):
        raise RowError(f"'{column}' is {describe(value)}, expected a list of turns")
    if not value:
        raise RowError(f"'{column}' holds no turn")
    return [_read_turn(turn, f"turn {number} of '{column}'") for number, turn in enumerate(value, start=1)]


def check_conversation(messages: list[Message], column: str) -> None:
    """Refuse what trains nothing or has no beginning."""
    if not any(message.role == "assistant" for message in messages):
        raise RowError(f"'{column}' has no assistant turn: nothing to train on")
    if messages[0].role in ("assistant", "tool"):
        raise RowError(f"turn 1 of '{column}' is the {messages[0].role}'s; expected a user or system turn")


def describe(value: Any) -> str:
    """Say what a value is, in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")


def is_turns(value: Any) -> bool:
    """Tell whether a cell looks like a conversation."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _read_turn(turn: Any, place: str) -> Message:
    """Turn one object into a message."""
    if not isinstance(turn, dict):
        raise RowError(f"{place} is {describe(turn)}, expected an object with role and content")
    role_key = next((key for key in ROLE_KEYS if key in turn), None)
    content_key = next((key for key in CONTENT_KEYS if key in turn), None)
    if turn.get("tool_calls"):
        raise RowError(f"{place} calls tools, which is not supported; write the call out as text")
    if role_key is None or content_key is None:
        raise RowError(
            f"{place} has the keys {', '.join(map(readable, list(turn)[:12]))}; expected role and content"
        )
    role = turn[role_key]
    if not isinstance(role, str) or role.strip().lower() not in ROLES:
        hint = suggest(role, ("system", "user", "assistant", "tool")) if isinstance(role, str) else ""
        raise RowError(f"{place}: unknown role '{readable(role)}'{hint}")
    content = _read_content(turn[content_key], place)
    if not content.strip():
        raise RowError(f"{place} ({ROLES[role.strip().lower()]}) is empty")
    return Message(ROLES[role.strip().lower()], content)


def _read_content(content: Any, place: str) -> str:
    """Return the text of a turn, whole or in text parts."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(parts):
            return "".join(texts)
        raise RowError(f"{place} holds parts that are not text (images, audio): not supported")
    if not isinstance(content, str):
        raise RowError(f"{place}: its content is {describe(content)}, expected text")
    return content
