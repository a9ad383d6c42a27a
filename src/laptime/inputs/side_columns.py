"""The columns beside a question, a conversation or a text: what is used of them, and what is refused.

A column that would change what is learnt is never left out in silence: it is used (a system text, earlier
turns), or its row is refused. Who names the columns to train on by flag has chosen, and is asked no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from laptime.errors import readable
from laptime.inputs.conversations import RowError, describe, is_nothing
from laptime.inputs.invisible import is_blank
from laptime.inputs.records import Message
from laptime.inputs.strict_json import parse_json

SYSTEMS = ("system", "system_prompt", "system_message")
HISTORIES = ("history",)
PREFERRED = ("chosen", "rejected")


def _tell_media(name: str, value: Any) -> str:
    return "" if is_nothing(value) else f"'{name}' holds more than text, which is not trained on"


def _tell_tools(name: str, value: Any) -> str:
    return "" if is_nothing(value) else f"'{name}' is not supported (no template is given tools or settings)"


def _tell_preference(name: str, value: Any) -> str:
    return "" if is_nothing(value) else f"'{name}' makes this preference data, which is not supported"


def _tell_label(name: str, value: Any) -> str:
    if value in (False, 0) or (isinstance(value, str) and value.strip().lower() == "false"):
        return f"'{name}' is {_shown(value)}: an answer that is not wanted (KTO), which is not to be learnt"
    return ""


def _tell_weight(name: str, value: Any) -> str:
    if is_nothing(value) or value == 1 or str(value).strip() in ("1", "1.0"):
        return ""
    return f"'{name}' is {_shown(value)}: records cannot be weighted"


def _tell_switch(name: str, value: Any) -> str:
    if value in (False, 0) or (isinstance(value, str) and value.strip().lower() == "false"):
        return f"'{name}' is {_shown(value)}, which keeps the row out of training"
    return ""


_TELLERS: dict[str, Callable[[str, Any], str]] = (
    dict.fromkeys(("image", "images", "audio", "audios", "video", "videos"), _tell_media)
    | dict.fromkeys(("tools", "functions", "tool_calls", "chat_template_kwargs", "documents"), _tell_tools)
    | dict.fromkeys((*PREFERRED, "rejected_response", "rejected_messages"), _tell_preference)
    | dict.fromkeys(("label", "kto_tag"), _tell_label)
    | dict.fromkeys(("weight", "sample_weight", "loss_weight"), _tell_weight)
    | dict.fromkeys(("loss", "train", "training", "train_on_turn"), _tell_switch)
)
_OF_ANSWERS = (_tell_label, _tell_preference)  # say nothing of plain text
REFUSED = tuple(_TELLERS)


def check_beside(values: dict[str, Any], columns: tuple[str, ...], is_text: bool, flags: str) -> None:
    """Raise RowError where one of `columns` says what would be lost; `flags` name the way to choose."""
    for column in columns:
        value = values.get(column)
        if value is None:
            continue
        tell = _TELLERS[column.strip(" ").lower()]
        if (is_text and tell in _OF_ANSWERS) or not (told := tell(column, value)):
            continue
        advice = "leave the row out" if tell in (_tell_label, _tell_switch) else "take the column out"
        raise RowError(f"{told}; {advice}, or choose what to train on with {flags}")


def read_system(values: dict[str, Any], columns: tuple[str, ...]) -> str:
    """Return the system text of a row, or ""; raises RowError for what is no text and two that differ."""
    found: dict[str, str] = {}
    for column in columns:
        value = values.get(column)
        if is_nothing(value):
            continue
        if not isinstance(value, str):
            raise RowError(f"'{column}' is {describe(value)}, expected text")
        found[column] = value
    if len(set(found.values())) > 1:
        raise RowError(f"{' and '.join(map(repr, found))} differ; keep one of them")
    return next(iter(found.values()), "")


def read_history(values: dict[str, Any], column: str) -> list[Message]:
    """Return the earlier turns of a row from its list of [question, answer]; raises RowError."""
    value = values.get(column)
    if isinstance(value, str) and value.lstrip().startswith("["):  # CSV has no lists, only their JSON
        try:
            value = parse_json(value)
        except ValueError as error:
            raise RowError(f"'{column}': {error}") from None
    if is_nothing(value):
        return []
    if not isinstance(value, list):
        raise RowError(f"'{column}' is {describe(value)}, expected a list of [question, answer]")
    messages = []
    for number, pair in enumerate(value, start=1):
        texts = [text for text in pair if isinstance(text, str)] if isinstance(pair, list) else []
        if len(texts) != 2 or len(pair) != 2:
            raise RowError(f"item {number} of '{column}' is not [question, answer]")
        if any(map(is_blank, texts)):
            raise RowError(f"item {number} of '{column}' is empty")
        messages += [Message("user", texts[0]), Message("assistant", texts[1])]
    return messages


def begin_with_system(messages: list[Message], system: str, column: str) -> None:
    """Put a system text before turns; one that they hold already stays once, another raises RowError."""
    own = messages[0] if messages[0].role == "system" else None
    if own and system and own.content.strip() != system.strip():
        raise RowError(f"turn 1 of '{column}' is another system text than the row's; keep one of them")
    if system and not own:
        messages.insert(0, Message("system", system))


def _shown(value: Any) -> str:
    """Return a plain value as JSON writes it."""
    return readable(str(value).lower() if isinstance(value, bool) else value)
