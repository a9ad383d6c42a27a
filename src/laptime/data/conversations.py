"""Conversations from rows: OpenAI's role/content and ShareGPT's from/value, checked turn by turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, NamedTuple

from laptime.data.cells import RowError, describe, is_nothing
from laptime.data.examples import Message
from laptime.data.invisible import is_blank
from laptime.data.tools import read_calls
from laptime.errors import readable, suggest
from laptime.util.strict_json import parse_json

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
# What other tools read as: trained, or context alone.
TRAIN_KEYS = ("weight", "loss", "train", "training", "train_on_turn", "trainable", "loss_mask")
CALLS = "tool_calls"
# What a template may want to know of a tool's answer.
TOOL_KEYS = ("name", "tool_call_id")
# Turns that come in pairs of a question and its answer.
PAIRED_KEYS = (("human", "user", "input"), ("assistant", "gpt", "bot", "output"))
TEXT_TYPES = (None, "text", "input_text", "output_text")
_CALL = " has '{key}', which is not supported; write it as tool_calls, or out as text"
_NOT_TEXT = " holds parts that are not text (images, audio): not supported"
_LEFT_OUT = " has '{key}' beside its text, which would be left out; write it into the text, or take it out"
# What a turn may hold beside its text that a model would learn from, or that changes what is learnt.
BESIDE = (
    dict.fromkeys(("tool_call", "function_call"), _CALL)
    | dict.fromkeys(("audio", "audios", "image", "images", "image_url", "video", "videos"), _NOT_TEXT)
    | dict.fromkeys(("reasoning_content", "reasoning", "thinking", "refusal", "train_detail"), _LEFT_OUT)
)


def read_turns(value: Any, column: str, unread: dict[str, None]) -> list[Message]:
    """Turn a cell into turns; raises RowError, naming column and turn, for what is no conversation.

    What turns hold that nothing is made of is added to `unread`: messages[].language.
    """
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
            if not isinstance(turn, dict):
                raise RowError(f" is {describe(turn)}, expected an object with role and content")
            keys = _sort_keys(tuple(turn))
            messages += _read_turn_pair(turn, keys) if keys.pair else [_read_turn(turn, keys)]
            for key in keys.unread:
                if not is_nothing(turn[key]):
                    unread[f"{column}[].{key}"] = None
        except RowError as error:
            raise RowError(f"turn {number} of '{column}'{error}") from None
    return messages


def check_conversation(messages: list[Message], column: str) -> None:
    """Refuse what trains nothing or has no beginning."""
    answers = [message for message in messages if message.role == "assistant"]
    if not answers:
        raise RowError(f"'{column}' has no assistant turn: nothing to train on")
    if not any(message.trained for message in answers):
        raise RowError(f"'{column}' keeps every assistant turn out of training; leave the row out")
    if messages[0].role in ("assistant", "tool"):
        raise RowError(f"turn 1 of '{column}' is the {messages[0].role}'s; expected a user or system turn")


def is_turns(value: Any) -> bool:
    """Tell whether a cell looks like a conversation."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _read_turn(turn: dict[str, Any], keys: _Keys) -> Message:
    """Turn one object into a message; the text of a RowError goes on where the turn was named."""
    roles, contents = keys.role, keys.content
    for key in keys.beside:
        if not is_nothing(turn[key]):
            raise RowError(BESIDE[key].format(key=key))
    calls = read_calls(turn[CALLS]) if keys.for_tools and not is_nothing(turn.get(CALLS)) else ""
    if not roles or not (contents or calls):
        names = ", ".join(map(readable, list(turn)[:12]))
        raise RowError(f" has the keys {names}; expected role and content")
    if len(roles) == len(contents) == 1 and type(turn[roles[0]]) is type(turn[contents[0]]) is str:
        role, content = ROLES.get(turn[roles[0]]) or _read_role(turn[roles[0]]), turn[contents[0]]
    else:
        role = _read_one(turn, roles, _read_role)
        says_nothing = calls and all(is_nothing(turn[key]) for key in contents)
        content = "" if says_nothing else _read_one(turn, contents, _read_content)
    if calls and role != "assistant":
        raise RowError(f" ({role}) calls tools, as only an assistant does")
    if is_blank(content) and not calls:
        raise RowError(f" ({role}) is empty")
    trained = _is_trained(turn, keys.train) if keys.train else True
    if not keys.for_tools:
        return Message(role, content, trained)
    return Message(role, content, trained, beside=_read_beside(turn, role, calls))


def _read_beside(turn: dict[str, Any], role: str, calls: str) -> str:
    """Return as JSON what a template is given of a turn beside its text: calls, whose answer it is."""
    if calls:
        return f'{{"{CALLS}":{calls}}}'
    if role != "tool":
        return ""
    told = {key: turn[key] for key in TOOL_KEYS if isinstance(turn.get(key), str)}
    return json.dumps(told, ensure_ascii=False) if told else ""


def _read_turn_pair(turn: dict[str, Any], keys: _Keys) -> list[Message]:
    """Turn an object with a question and its answer into both, with the system text before them."""
    question, answer = keys.pair
    known = {question, answer, "system", *keys.train}
    if others := [key for key in turn if key not in known and not is_nothing(turn[key])]:
        raise RowError(f" has '{readable(others[0])}' beside '{question}' and '{answer}'; take it out")
    trained = _is_trained(turn, keys.train)
    roles = {"system": "system", question: "user", answer: "assistant"}
    messages = []
    for key, role in roles.items():
        if key == "system" and is_nothing(turn.get(key)):
            continue
        content = _read_content(turn[key])
        if is_blank(content):
            raise RowError(f" ({role}) is empty")
        messages.append(Message(role, content, trained or role != "assistant"))
    return messages


class _Keys(NamedTuple):
    """The keys of a turn by what they hold."""

    role: tuple[str, ...]
    content: tuple[str, ...]
    beside: tuple[str, ...]
    train: tuple[str, ...]
    pair: tuple[str, ...]  # a question and its answer in one object
    for_tools: tuple[str, ...]  # calls, and whose answer it is
    unread: tuple[str, ...]


@lru_cache(256)  # turns by the hundred thousand have the same few keys
def _sort_keys(keys: tuple[str, ...]) -> _Keys:
    """Say what the keys of a turn hold, those of one meaning in the order of preference."""
    kinds: list[Collection[str]] = [ROLE_KEYS, CONTENT_KEYS, BESIDE, TRAIN_KEYS]
    pair = tuple(next((name for name in names if name in keys), "") for names in PAIRED_KEYS)
    is_pair = all(pair) and not any(name in keys for name in ROLE_KEYS)
    role, content, beside, train = (tuple(name for name in kind if name in keys) for kind in kinds)
    for_tools = tuple(name for name in (CALLS, *TOOL_KEYS) if name in keys)
    pair = pair if is_pair else ()
    known = {*role, *content, *beside, *train, *for_tools, *pair, *(("system",) if pair else ())}
    unread = tuple(key for key in keys if key not in known)
    return _Keys(role, content, beside, train, pair, for_tools, unread)


def _read_one(turn: dict[str, Any], keys: tuple[str, ...], read: Callable[[Any], str]) -> str:
    """Return what `read` makes of the one value under `keys`; two that differ are refused."""
    filled = [key for key in keys if not is_nothing(turn[key])] or keys[:1]
    values = [read(turn[key]) for key in filled]
    if len(set(values)) > 1:
        raise RowError(f": '{filled[0]}' and '{filled[1]}' differ; keep one of them")
    return values[0]


def _is_trained(turn: dict[str, Any], keys: tuple[str, ...]) -> bool:
    """Tell whether a turn is trained by what it says itself."""
    said = {key: turn[key] for key in keys if turn[key] is not None}
    for key, value in said.items():
        if value not in (0, 1):  # False and True too
            shown = readable(value) if isinstance(value, (int, float)) else describe(value)
            raise RowError(f": '{key}' is {shown}; expected 1 (trained) or 0 (context alone)")
    if len({bool(value) for value in said.values()}) > 1:
        raise RowError(f": {' and '.join(map(repr, said))} differ on whether it is trained")
    return all(said.values())


def _read_role(role: Any) -> str:
    """Return the role that a name stands for, in whatever case."""
    if not isinstance(role, str):
        raise RowError(f": its role is {describe(role)}, expected text")
    if found := ROLES.get(role) or ROLES.get(role.strip().lower()):
        return found
    raise RowError(
        f": unknown role '{readable(role)}'{suggest(role, ('system', 'user', 'assistant', 'tool'))}"
    )


def _read_content(content: Any) -> str:
    """Return the text of a turn, which may come in parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise RowError(f": its content is {describe(content)}, expected text")
    return "".join(map(_read_part, content))


def _read_part(part: Any) -> str:
    """Return the text of a part; whatever holds more than text is refused."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("type") not in TEXT_TYPES:
        raise RowError(_NOT_TEXT)
    if any(not is_nothing(part[key]) for key in BESIDE if key in part):
        raise RowError(_NOT_TEXT)
    texts = {part[key] for key in CONTENT_KEYS if isinstance(part.get(key), str)}
    if len(texts) != 1:
        raise RowError(_NOT_TEXT if not texts else " holds a part with two texts that differ; keep one")
    return texts.pop()
