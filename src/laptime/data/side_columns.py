"""The columns beside a question, a conversation or a text: what is used of them, and what is refused.

A column that would change what is learnt is never left out in silence: it is used (a system text, earlier
turns, tools), or its row is refused, or a note says what is not learnt. Who names the columns to train on by
flag has chosen, and is asked no more.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

from laptime.data.cells import RowError, describe, is_nothing
from laptime.data.conversations import is_turns, read_turns
from laptime.data.examples import Message
from laptime.data.invisible import is_blank
from laptime.errors import readable
from laptime.util.strict_json import parse_json

SYSTEMS = ("system", "system_prompt", "system_message")
HISTORIES = ("history",)
TOOLS = ("tools", "functions")
PREFERRED = ("chosen", "rejected")
# As texts, of an answer. Words that may be the name of a class, like "negative", get a note alone.
_NO = (
    "false", "0", "0.0", "-1", "-1.0", "undesirable", "unwanted", "rejected", "reject", "bad", "wrong",
    "incorrect", "dislike", "thumbs_down",
)  # fmt: skip
_YES = ("true", "1", "1.0", "desirable", "chosen", "good")


def _tell_media(name: str, value: Any) -> str:
    return "" if is_nothing(value) else f"'{name}' holds more than text, which is not trained on"


def _tell_settings(name: str, value: Any) -> str:
    return "" if is_nothing(value) else f"'{name}' is not supported (no template is given calls or settings)"


def _tell_preference(name: str, value: Any) -> str:
    return "" if is_nothing(value) else f"'{name}' makes this preference data, which is not supported"


def _tell_label(name: str, value: Any) -> str:
    if str(value).strip().lower() in _NO or (isinstance(value, (int, float)) and value < 0):
        return f"'{name}' is {_shown(value)}: an answer that is not wanted (KTO), which is not to be learnt"
    return ""


def _says_no(value: Any) -> bool:
    """Tell whether a switch is off, as JSON or a table writes it."""
    return str(value).strip().lower() in ("false", "0", "0.0")


def _tell_verdict(name: str, value: Any) -> str:
    if _says_no(value):
        return f"'{name}' is {_shown(value)}: an answer that is not wanted, which is not to be learnt"
    return ""


def _tell_weight(name: str, value: Any) -> str:
    if is_nothing(value) or value == 1 or str(value).strip() in ("1", "1.0"):
        return ""
    return f"'{name}' is {_shown(value)}: examples cannot be weighted"


def _tell_switch(name: str, value: Any) -> str:
    if _says_no(value):
        return f"'{name}' is {_shown(value)}, which keeps the row out of training"
    return ""


_TELLERS: dict[str, Callable[[str, Any], str]] = (
    dict.fromkeys(("image", "images", "audio", "audios", "video", "videos"), _tell_media)
    | dict.fromkeys(("tool_calls", "chat_template_kwargs", "documents"), _tell_settings)
    | dict.fromkeys((*PREFERRED, "rejected_response", "rejected_messages"), _tell_preference)
    | dict.fromkeys(("label", "kto_tag"), _tell_label)
    | dict.fromkeys(("desirable", "accepted", "preferred", "is_preferred", "thumbs_up"), _tell_verdict)
    | dict.fromkeys(("correct", "is_correct"), _tell_verdict)
    | dict.fromkeys(("weight", "sample_weight", "loss_weight"), _tell_weight)
    | dict.fromkeys(("loss", "train", "training", "train_on_turn"), _tell_switch)
)
_OF_ANSWERS = (_tell_label, _tell_preference, _tell_verdict)  # say nothing of plain text
REFUSED = tuple(_TELLERS)


def _note_reasoning(name: str, value: Any) -> str:
    if is_nothing(value):
        return ""
    return f"'{name}' is left out, so the answers are learnt without it; to train on it, write it into them"


def _note_score(name: str, value: Any) -> str:
    if is_nothing(value):
        return ""
    return f"'{name}' is left out: every example counts alike; leave out those that should not be learnt"


def _note_label(name: str, value: Any) -> str:
    if is_nothing(value) or str(value).strip().lower() in _YES:
        return ""
    return f"'{name}' is left out: what it says of an example changes nothing of what is learnt"


def _note_weight(name: str, value: Any) -> str:
    if not (isinstance(value, float) and isnan(value)):
        return ""
    return f"'{name}' is NaN, no number: the example counts like every other"


_NOTERS: dict[str, Callable[[str, Any], str]] = (
    dict.fromkeys(("reasoning", "reasoning_content", "thinking", "thought", "thoughts"), _note_reasoning)
    | dict.fromkeys(("rationale", "chain_of_thought", "cot", "complex_cot"), _note_reasoning)
    | dict.fromkeys(("score", "scores", "rating", "ratings", "reward", "quality"), _note_score)
    | dict.fromkeys(("label", "labels"), _note_label)
    | dict.fromkeys(("weight", "sample_weight", "loss_weight"), _note_weight)
)
NOTED = tuple(_NOTERS)


def tell_beside(column: str, value: Any) -> str:
    """Say what of a column that is left out would change what is learnt, or ""."""
    return _NOTERS[column.strip(" ").lower()](column, value)


def check_beside(values: dict[str, Any], columns: tuple[str, ...], is_text: bool, flags: str) -> None:
    """Raise RowError where one of `columns` says what would be lost; `flags` name the way to choose."""
    for column in columns:
        value = values.get(column)
        if value is None:
            continue
        tell = _TELLERS[column.strip(" ").lower()]
        if (is_text and tell in _OF_ANSWERS) or not (told := tell(column, value)):
            continue
        advice = (
            "leave the row out"
            if tell in (_tell_label, _tell_verdict, _tell_switch)
            else "take the column out"
        )
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


def read_history(values: dict[str, Any], column: str, unread: dict[str, None]) -> list[Message]:
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
    if is_turns(value):
        return read_turns(value, column, unread)
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
