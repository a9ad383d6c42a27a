"""Conversations from rows: OpenAI's role/content and ShareGPT's from/value, checked turn by turn."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from laptime.errors import readable, suggest
from laptime.inputs.records import Message
from laptime.inputs.strict_json import parse_json

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
# What other tools read; anything else means: no loss here.
TRAINS: dict[str, Any] = {"weight": 1, "train": True}
INVISIBLE = " \t\n\r\u00a0\u00ad\u200b\u200c\u200d\u2060\u3164\ufeff"


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
    messages = []
    for number, turn in enumerate(value, start=1):
        try:
            messages.append(_read_turn(turn))
        except RowError as error:
            raise RowError(f"turn {number} of '{column}'{error}") from None
    return messages


def check_conversation(messages: list[Message], column: str) -> None:
    """Refuse what trains nothing or has no beginning."""
    if "assistant" not in [message.role for message in messages]:
        raise RowError(f"'{column}' has no assistant turn: nothing to train on")
    if messages[0].role in ("assistant", "tool"):
        raise RowError(f"turn 1 of '{column}' is the {messages[0].role}'s; expected a user or system turn")


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


def is_turns(value: Any) -> bool:
    """Tell whether a cell looks like a conversation."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def is_blank(text: str) -> bool:
    """Tell whether a text holds nothing that can be seen."""
    text = text.strip()
    return not text or (text[0] in INVISIBLE and not text.strip(INVISIBLE))


def _read_turn(turn: Any) -> Message:
    """Turn one object into a message; the text of a RowError goes on where the turn was named."""
    if not isinstance(turn, dict):
        raise RowError(f" is {describe(turn)}, expected an object with role and content")
    role_key, content_key, needs_check = _find_keys(tuple(turn))
    if needs_check:
        _refuse_untrained(turn)
    if role_key is None or content_key is None:
        keys = ", ".join(map(readable, list(turn)[:12]))
        raise RowError(f" has the keys {keys}; expected role and content")
    role = ROLES.get(turn[role_key]) if isinstance(turn[role_key], str) else None
    role = role or _read_role(turn[role_key])
    content = turn[content_key]
    if not isinstance(content, str):
        content = _read_parts(content)
    if is_blank(content):
        raise RowError(f" ({role}) is empty")
    return Message(role, content)


@lru_cache(256)  # turns by the hundred thousand have the same few keys
def _find_keys(keys: tuple[str, ...]) -> tuple[str | None, str | None, bool]:
    """Return the keys of role and content, and whether others say something of training."""
    role = next((name for name in ROLE_KEYS if name in keys), None)
    content = next((name for name in CONTENT_KEYS if name in keys), None)
    return role, content, "tool_calls" in keys or any(name in keys for name in TRAINS)


def _refuse_untrained(turn: dict[str, Any]) -> None:
    """Refuse a turn that is more than its text, or that other tools would not train on."""
    if turn.get("tool_calls"):
        raise RowError(" calls tools, which is not supported; write the call out as text")
    for key, trains in TRAINS.items():
        if turn.get(key) not in (None, trains):
            raise RowError(f": '{key}' keeps it out of training, which is not supported; leave the turn out")


def _read_role(role: Any) -> str:
    """Return the role that a name in another case stands for."""
    if isinstance(role, str) and role.strip().lower() in ROLES:
        return ROLES[role.strip().lower()]
    if not isinstance(role, str):
        raise RowError(f": its role is {describe(role)}, expected text")
    raise RowError(
        f": unknown role '{readable(role)}'{suggest(role, ('system', 'user', 'assistant', 'tool'))}"
    )


def _read_parts(content: Any) -> str:
    """Return the text of a turn in text parts."""
    if not isinstance(content, list):
        raise RowError(f": its content is {describe(content)}, expected text")
    parts = [part.get("text") if isinstance(part, dict) else part for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts):
        raise RowError(" holds parts that are not text (images, audio): not supported")
    return "".join(texts)
