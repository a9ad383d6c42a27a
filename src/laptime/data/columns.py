"""What the columns of a row mean: which hold the question, the answer, a conversation or plain text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from laptime.data.cells import RowError, describe, is_nothing
from laptime.data.conversations import check_conversation, is_turns, read_turns
from laptime.data.examples import Example, Message
from laptime.data.invisible import is_blank
from laptime.data.side_columns import (
    HISTORIES,
    NOTED,
    PREFERRED,
    REFUSED,
    SYSTEMS,
    TOOLS,
    begin_with_system,
    check_beside,
    read_history,
    read_system,
)
from laptime.data.tools import read_tools
from laptime.errors import UserError, readable, suggest
from laptime.spec import DataSpec, flag
from laptime.util.strict_json import parse_json

PROMPTS = ("prompt", "instruction", "question", "query")
ANSWERS = "answers"  # several, of which the first is trained
COMPLETIONS = ("completion", "response", "output", "answer", ANSWERS)
CONTEXTS = ("context", "input")
LETTERS = (("q",), ("a",))  # question and answer, where nothing else in a row is called like them
MESSAGES = ("messages", "conversations", "conversation")
FIRST_ANSWER = "the first of several answers is trained, the others are left out"
ONLY_ANSWER = "a list of one answer is trained as that answer"
AFTER_ANSWER = "what stands behind the last answer is left out"
AFTER_TRAINED = "what stands behind the last trained answer is left out"
MISSING = {"nan", "null", "none", "n/a", "<na>", "#n/a"}  # what tables write for a value that is not there
FLAGS = ("prompt_column", "completion_column", "context_column", "messages_column", "text_column")


class UnknownShapeError(UserError):
    """Columns of which nobody can tell what they hold."""


class Layout(Struct, frozen=True, kw_only=True):
    """The columns that are read; either `messages`, or `text`, or `prompt` and `completion`.

    `chosen`: flags name all of them. `refused`: columns that may hold what would be lost; `noted`: columns
    that are left out, and would change what is learnt. A file of text has no columns.
    """

    prompt: str | None = None
    completion: str | None = None
    context: str | None = None
    messages: str | None = None
    text: str | None = None
    systems: tuple[str, ...] = ()
    history: str | None = None
    tools: str | None = None
    refused: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    chosen: bool = False
    has_columns: bool = True
    unread: dict[str, None] = {}  # what turns hold that nothing is made of, as it is found

    @property
    def needed(self) -> list[str]:
        """Return the columns that every row must have."""
        return [name for name in (self.messages, self.prompt, self.completion, self.text) if name]

    @property
    def used(self) -> set[str]:
        """Return all columns that are read."""
        others = (self.context, self.history, self.tools)
        return {*self.needed, *self.systems, *(name for name in others if name)}

    @property
    def flags(self) -> str:
        """Return the flags that name such columns."""
        if self.messages or self.text:
            return "--messages-column" if self.messages else "--text-column"
        return "--prompt-column and --completion-column"

    @property
    def sentence(self) -> str:
        """Say how the columns are understood."""
        if self.text:
            return f"plain text (column {self.text})" if self.has_columns else "plain text"
        system = f", system text from {' and '.join(self.systems)}" if self.systems else ""
        tools = f", tools from {self.tools}" if self.tools else ""
        if self.messages:
            return f"conversations (column {self.messages}{system}{tools})"
        context = f", further input from {self.context}" if self.context else ""
        history = f", earlier turns from {self.history}" if self.history else ""
        return (
            f"questions and answers (question from {self.prompt}, answer from {self.completion}"
            f"{context}{system}{history}{tools})"
        )


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
        return Layout(messages=spec.messages_column, text=spec.text_column, chosen=True)
    if not given and (messages := _find(columns, MESSAGES)):
        return Layout(messages=messages[0])
    if layout := _recognise_pair(columns, spec, file):
        return layout
    if not given and (text := _find(columns, ("text",))) and not _find(columns, PROMPTS):
        return Layout(text=text[0])
    raise UnknownShapeError(f"{file}: {_tell_unknown(columns)}")


def read_example(values: dict[str, Any], layout: Layout, source: str) -> Example:
    """Turn a row into an example; raises RowError for a value that cannot be trained on."""
    for column in layout.needed:
        if column not in values:
            raise RowError(
                f"no '{column}' in this row (it has {', '.join(map(readable, list(values)[:12]))})"
            )
    if layout.refused:
        check_beside(values, layout.refused, layout.text is not None, layout.flags)
    if layout.text:
        return _read_text(values, layout, source)
    if layout.messages:
        return _read_conversation(values, layout, source)
    assert layout.prompt and layout.completion
    if is_turns(values[layout.prompt]):
        return _read_conversational_pair(values, layout, source)
    return _read_pair(values, layout, source)


def with_context(layout: Layout, values: dict[str, Any]) -> Layout:
    """Add the side columns that the rows before did not have (Alpaca files may leave `input` out)."""
    columns = [name for name in values if name not in layout.used]
    if layout.prompt and not layout.context:
        found = _find(columns, CONTEXTS)
        layout = msgspec.structs.replace(layout, context=found[0] if found else None)
    systems = [] if layout.text and layout.chosen else _find(columns, SYSTEMS)
    histories = [] if layout.text else _find(columns, HISTORIES)
    tools = _find(columns, TOOLS)
    refused = [] if layout.chosen else [*_find(columns, REFUSED)]
    noted = [] if layout.chosen else _find(columns, NOTED)
    if layout.completion in PREFERRED:  # one side of the pairs is named
        refused = [name for name in refused if name not in PREFERRED]
    return msgspec.structs.replace(
        layout,
        systems=tuple(dict.fromkeys([*layout.systems, *systems])),
        history=layout.history or next(iter(histories), None),
        tools=layout.tools or next(iter(tools), None),
        refused=tuple(dict.fromkeys([*layout.refused, *refused])),
        noted=tuple(dict.fromkeys([*layout.noted, *noted])),
    )


def _refuse_contradiction(given: dict[str, str]) -> None:
    """Refuse flags that name two shapes at once."""
    shapes = [option for option in given if option in ("messages_column", "text_column", "prompt_column")]
    if len(shapes) > 1:
        raise UserError(
            f"{flag(shapes[0])} and {flag(shapes[1])} exclude each other: an example has one shape"
        )


def _find(columns: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """Return the columns with one of `names`, in the order of `names`, whatever their case."""
    by_name = {column.strip(" ").lower(): column for column in columns if isinstance(column, str)}
    return [by_name[name] for name in names if name in by_name]


def _recognise_pair(columns: list[str], spec: DataSpec, file: str) -> Layout | None:
    """Find question and answer, or None; two candidates for one of them raise UserError."""
    given = {spec.prompt_column, spec.completion_column, spec.context_column} - {None}
    free = [column for column in columns if column not in given]
    prompts = [spec.prompt_column] if spec.prompt_column else _find(free, PROMPTS) or _find(free, ("input",))
    completions = [spec.completion_column] if spec.completion_column else _find(free, COMPLETIONS)
    if not given and not prompts and not completions:
        prompts, completions = (_find(free, names) for names in LETTERS)
    if not prompts or not completions:
        return None
    for found, option in ((prompts, "prompt_column"), (completions, "completion_column")):
        if len(found) > 1:
            raise UserError(
                f"{file}: columns {' and '.join(found)} could both be meant; choose with {flag(option)}"
            )
    contexts = [spec.context_column] if spec.context_column else _find(free, CONTEXTS)
    contexts = [name for name in contexts if name not in (prompts[0], completions[0])]
    return Layout(
        prompt=prompts[0],
        completion=completions[0],
        context=contexts[0] if contexts else None,
        chosen=bool(spec.prompt_column and spec.completion_column),
    )


def _tell_unknown(columns: list[str]) -> str:
    """Say which columns there are and which flags name them."""
    shown = ", ".join(map(readable, columns[:12])) + (", ..." if len(columns) > 12 else "")
    prompts = _find(columns, PROMPTS) or _find(columns, ("input",))
    completions = _find(columns, COMPLETIONS)
    if set(PREFERRED) <= set(columns):
        messages = "" if prompts else "--messages-column or "
        return f"preference pairs ({shown}); {messages}--completion-column chosen trains one side"
    if prompts and not completions:
        return f"no answer column beside '{prompts[0]}' (columns: {shown}); name it with --completion-column"
    if completions and not prompts:
        return (
            f"no question column beside '{completions[0]}' (columns: {shown}); name it with --prompt-column"
        )
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
    """Return the answer and a note; of a list of answers (also SQuAD's {"text": [...]}) the first."""
    answer = values[column]
    if isinstance(answer, str) and column.strip().lower() == ANSWERS:  # CSV has no lists, only their JSON
        answer = _parse_answers(answer)
    if isinstance(answer, str):
        return _filled(values, column), _tell_missing(answer)
    note = ONLY_ANSWER if isinstance(answer, list) else ""
    if isinstance(answer, dict) and "text" in answer:
        answer = answer["text"]
    if not isinstance(answer, list):
        return _filled({column: answer}, column), ""
    if not answer:
        raise RowError(f"'{column}' holds no answer")
    return _filled({column: answer[0]}, column), FIRST_ANSWER if len(answer) > 1 else note


def _tell_missing(answer: str) -> str:
    """Return the note on an answer that is no more than what a table writes for a missing value."""
    word = answer.strip()
    if word.lower() not in MISSING:
        return ""
    return f"the answer is the word {word}; where it stands for a missing value, take the example out"


def _parse_answers(text: str) -> Any:
    """Return the list of answers, or SQuAD's object, that a text writes as JSON; else the text itself."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        value = parse_json(text)
    except ValueError:
        return text
    held = value.get("text") if isinstance(value, dict) else value
    is_list = isinstance(held, list) and all(isinstance(item, str) for item in held)
    return value if is_list else text


def _read_text(values: dict[str, Any], layout: Layout, source: str) -> Example:
    """Turn a row of plain text into an example; it has no place for a system text, nor for tools."""
    assert layout.text
    if layout.tools and not layout.chosen and read_tools(values, layout.tools):
        raise RowError(
            f"'{layout.tools}' stands beside plain text, which has no place for it; write it into "
            f"'{layout.text}', or choose that alone with --text-column"
        )
    if layout.systems and read_system(values, layout.systems):
        raise RowError(
            f"'{layout.systems[0]}' stands beside plain text, which has no place for it; write it into "
            f"'{layout.text}', or choose that alone with --text-column"
        )
    return Example(source=source, text=_filled(values, layout.text))


def _read_pair(values: dict[str, Any], layout: Layout, source: str) -> Example:
    """Turn a question and its answer into an example, with what stands before them."""
    assert layout.prompt and layout.completion
    context = (
        _text(values, layout.context) if layout.context and values.get(layout.context) is not None else ""
    )
    completion, note = _read_answer(values, layout.completion)
    system = read_system(values, layout.systems) if layout.systems else ""
    history = read_history(values, layout.history, layout.unread) if layout.history else []
    return Example(
        source=source,
        prompt=_filled(values, layout.prompt),
        completion=completion,
        context=context if context.strip() else "",
        before=[Message("system", system), *history] if system else history,
        note=note,
        tools=read_tools(values, layout.tools) if layout.tools else "",
    )


def _read_conversation(values: dict[str, Any], layout: Layout, source: str) -> Example:
    """Turn a row with a conversation into an example; turns after the last answer are left out."""
    assert layout.messages
    _refuse_beside_turns(values, layout, layout.messages)
    messages = read_turns(values[layout.messages], layout.messages, layout.unread)
    begin_with_system(messages, read_system(values, layout.systems), layout.messages)
    check_conversation(messages, layout.messages)
    note = ""
    while messages[-1].role != "assistant":
        note = AFTER_ANSWER
        messages.pop()
    while messages[-1].role != "assistant" or not messages[-1].trained:
        note = AFTER_TRAINED
        messages.pop()
    tools = read_tools(values, layout.tools) if layout.tools else ""
    return Example(source=source, messages=messages, note=note, tools=tools)


def _read_conversational_pair(values: dict[str, Any], layout: Layout, source: str) -> Example:
    """Turn prompt and completion that are turns themselves into one conversation."""
    assert layout.prompt and layout.completion
    _refuse_beside_turns(values, layout, layout.prompt)
    prompt = read_turns(values[layout.prompt], layout.prompt, layout.unread)
    completion = read_turns(values[layout.completion], layout.completion, layout.unread)
    if completion[-1].role != "assistant":
        raise RowError(f"'{layout.completion}' does not end with an assistant turn")
    if not completion[-1].trained:
        raise RowError(f"'{layout.completion}' keeps its last turn out of training; leave the row out")
    begin_with_system(prompt, read_system(values, layout.systems), layout.prompt)
    check_conversation([*prompt, *completion], layout.prompt)
    return Example(
        source=source,
        messages=[*prompt, *completion],
        num_prompt_messages=len(prompt),
        tools=read_tools(values, layout.tools) if layout.tools else "",
    )


def _refuse_beside_turns(values: dict[str, Any], layout: Layout, column: str) -> None:
    """Refuse what belongs into the turns and stands beside them."""
    for name in (layout.history, layout.context):
        if name and not is_nothing(values.get(name)):
            raise RowError(f"'{name}' stands beside turns; put it into those of '{column}', or take it out")
