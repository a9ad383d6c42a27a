"""What the columns of a row mean: which hold the question, the answer, a conversation or plain text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from laptime.errors import UserError, readable, suggest
from laptime.inputs.conversations import (
    RowError,
    check_conversation,
    describe,
    is_blank,
    is_turns,
    read_turns,
)
from laptime.inputs.records import Message, Record
from laptime.spec import DataSpec, flag

PROMPTS = ("prompt", "instruction", "question", "query")
COMPLETIONS = ("completion", "response", "output", "answer", "answers")
CONTEXTS = ("context", "input")
MESSAGES = ("messages", "conversations", "conversation")
FIRST_ANSWER = "the first of several answers is trained, the others are left out"
AFTER_ANSWER = "what stands behind the last answer is left out"
PREFERRED = ("chosen", "rejected")
FLAGS = ("prompt_column", "completion_column", "context_column", "messages_column", "text_column")


class Layout(Struct, frozen=True, kw_only=True):
    """The columns that are read; either `messages`, or `text`, or `prompt` and `completion`."""

    prompt: str | None = None
    completion: str | None = None
    context: str | None = None
    messages: str | None = None
    system: str | None = None
    text: str | None = None

    @property
    def needed(self) -> list[str]:
        """Return the columns that every row must have."""
        return [name for name in (self.messages, self.prompt, self.completion, self.text) if name]

    @property
    def used(self) -> set[str]:
        """Return all columns that are read."""
        return {*self.needed, *(name for name in (self.context, self.system) if name)}

    @property
    def sentence(self) -> str:
        """Say how the columns are understood."""
        if self.messages:
            return f"conversations (column {self.messages})"
        if self.text:
            return f"plain text (column {self.text})"
        context = f", further input from {self.context}" if self.context else ""
        return f"questions and answers (question from {self.prompt}, answer from {self.completion}{context})"


def recognise(values: dict[str, Any], spec: DataSpec, file: str) -> Layout:
    """Find the layout of a row from the flags and its column names.

    Raises UserError: naming the flag for a column that is not there, else listing the columns found.
    """
    columns = [str(name) for name in values]
    given = {name: getattr(spec, name) for name in FLAGS if getattr(spec, name) is not None}
    for option, column in given.items():
        if column not in columns:
            raise UserError(f"{flag(option)} {column}: {file} has no such column{suggest(column, columns)}")
    _refuse_contradiction(given)
    if "messages_column" in given or "text_column" in given:
        return Layout(messages=spec.messages_column, text=spec.text_column)
    if not given and (messages := _find(columns, MESSAGES)):
        return Layout(
            messages=messages[0], system=next(iter(_find(columns, ("system", "system_prompt"))), None)
        )
    if layout := _recognise_pair(columns, spec, file):
        return layout
    if not given and (text := _find(columns, ("text",))) and not _find(columns, PROMPTS):
        return Layout(text=text[0])
    raise UserError(f"{file}: {_tell_unknown(columns)}")


def read_record(values: dict[str, Any], layout: Layout, source: str) -> Record:
    """Turn a row into a record; raises RowError for a value that cannot be trained on."""
    for column in layout.needed:
        if column not in values:
            raise RowError(
                f"no '{column}' in this row (it has {', '.join(map(readable, list(values)[:12]))})"
            )
    if layout.text:
        return Record(source=source, text=_filled(values, layout.text))
    if layout.messages:
        return _read_conversation(values, layout, source)
    assert layout.prompt and layout.completion
    if is_turns(values[layout.prompt]):
        return _read_conversational_pair(values, layout, source)
    context = (
        _text(values, layout.context) if layout.context and values.get(layout.context) is not None else ""
    )
    completion, remark = _read_answer(values, layout.completion)
    return Record(
        source=source,
        prompt=_filled(values, layout.prompt),
        completion=completion,
        context=context if context.strip() else "",
        remark=remark,
    )


def with_context(layout: Layout, values: dict[str, Any]) -> Layout:
    """Add a context column that the first row did not have (Alpaca files may leave `input` out)."""
    if layout.context or not layout.prompt:
        return layout
    found = [name for name in _find(list(values), CONTEXTS) if name not in layout.used]
    return msgspec.structs.replace(layout, context=found[0]) if found else layout


def _refuse_contradiction(given: dict[str, str]) -> None:
    """Refuse flags that name two shapes at once."""
    shapes = [option for option in given if option in ("messages_column", "text_column", "prompt_column")]
    if len(shapes) > 1:
        raise UserError(f"{flag(shapes[0])} and {flag(shapes[1])} exclude each other: a record has one shape")


def _find(columns: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """Return the columns with one of `names`, in the order of `names`, whatever their case."""
    by_name = {column.strip(" ").lower(): column for column in columns if isinstance(column, str)}
    return [by_name[name] for name in names if name in by_name]


def _recognise_pair(columns: list[str], spec: DataSpec, file: str) -> Layout | None:
    """Find question and answer, or None; two candidates for one of them raise UserError."""
    taken = {spec.prompt_column, spec.completion_column, spec.context_column}
    free = [column for column in columns if column not in taken]
    prompts = [spec.prompt_column] if spec.prompt_column else _find(free, PROMPTS) or _find(free, ("input",))
    completions = [spec.completion_column] if spec.completion_column else _find(free, COMPLETIONS)
    if not prompts or not completions:
        return None
    for found, option in ((prompts, "prompt_column"), (completions, "completion_column")):
        if len(found) > 1:
            raise UserError(
                f"{file}: columns {' and '.join(found)} could both be meant; choose with {flag(option)}"
            )
    contexts = [spec.context_column] if spec.context_column else _find(free, CONTEXTS)
    contexts = [name for name in contexts if name not in (prompts[0], completions[0])]
    return Layout(prompt=prompts[0], completion=completions[0], context=contexts[0] if contexts else None)


def _tell_unknown(columns: list[str]) -> str:
    """Say which columns there are and which flags name them."""
    shown = ", ".join(map(readable, columns[:12])) + (", ..." if len(columns) > 12 else "")
    prompts = _find(columns, PROMPTS) or _find(columns, ("input",))
    completions = _find(columns, COMPLETIONS)
    if prompts and not completions:
        return f"no answer column beside '{prompts[0]}' (columns: {shown}); name it with --completion-column"
    if completions and not prompts:
        return (
            f"no question column beside '{completions[0]}' (columns: {shown}); name it with --prompt-column"
        )
    if set(PREFERRED) <= set(columns):
        return f"preference pairs ({shown}); --messages-column or --completion-column chosen trains one side"
    if "input_ids" in columns:
        return f"tokenised already ({shown}); give the text itself, so that its tokens can be checked"
    return (
        f"columns of no known shape ({shown}); name them with --prompt-column and --completion-column, "
        f"--messages-column or --text-column"
    )


def _text(values: dict[str, Any], column: str) -> str:
    """Return a cell that must be text."""
    if not isinstance(values[column], str):
        raise RowError(f"'{column}' is {describe(values[column])}, expected text")
    return values[column]


def _filled(values: dict[str, Any], column: str) -> str:
    """Return a cell that must be text and not blank."""
    text = _text(values, column)
    if is_blank(text):
        raise RowError(f"'{column}' is {'blank' if text else 'empty'}")
    return text


def _read_answer(values: dict[str, Any], column: str) -> tuple[str, str]:
    """Return the answer and a remark; of a list of answers (also SQuAD's {"text": [...]}) the first."""
    answer = values[column]
    if isinstance(answer, str):
        return _filled(values, column), ""
    if isinstance(answer, dict) and "text" in answer:
        answer = answer["text"]
    if not isinstance(answer, list):
        return _filled({column: answer}, column), ""
    if not answer:
        raise RowError(f"'{column}' holds no answer")
    return _filled({column: answer[0]}, column), FIRST_ANSWER if len(answer) > 1 else ""


def _read_conversation(values: dict[str, Any], layout: Layout, source: str) -> Record:
    """Turn a row with a conversation into a record; turns after the last answer are left out."""
    assert layout.messages
    messages = read_turns(values[layout.messages], layout.messages)
    system = values.get(layout.system) if layout.system else None
    if isinstance(system, str) and system.strip() and messages[0].role != "system":
        messages.insert(0, Message("system", system))
    check_conversation(messages, layout.messages)
    remark = ""
    while messages[-1].role != "assistant":
        remark = AFTER_ANSWER
        messages.pop()
    return Record(source=source, messages=messages, remark=remark)


def _read_conversational_pair(values: dict[str, Any], layout: Layout, source: str) -> Record:
    """Turn prompt and completion that are turns themselves into one conversation."""
    assert layout.prompt and layout.completion
    prompt = read_turns(values[layout.prompt], layout.prompt)
    completion = read_turns(values[layout.completion], layout.completion)
    if completion[-1].role != "assistant":
        raise RowError(f"'{layout.completion}' does not end with an assistant turn")
    check_conversation([*prompt, *completion], layout.prompt)
    return Record(source=source, messages=[*prompt, *completion], num_prompt_messages=len(prompt))
