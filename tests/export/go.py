"""The part of Go's text/template and of Ollama's Modelfile that exports use."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

ACTION = re.compile(r"\{\{\s*(\"(?:[^\"\\]|\\.)*\"|[^\"{}]*(?:\"[^\"]*\"[^\"{}]*)*?)\s*\}\}", re.DOTALL)
OPENING = ("if ", "range ")


def render(template: str, system: str, messages: Sequence[dict[str, str]]) -> str:
    """Execute a template as Ollama does, with System and Messages."""
    nodes, rest = parse(tokens(template))
    assert rest == []
    return execute(nodes, {"System": system, "Messages": list(messages)}, {})


def tokens(template: str) -> list[tuple[str, str]]:
    """Cut a template into texts and actions."""
    found, position = [], 0
    for match in ACTION.finditer(template):
        found += [("text", template[position : match.start()]), ("action", match[1].strip())]
        position = match.end()
    return [*found, ("text", template[position:])]


def parse(rest: list[tuple[str, str]]) -> tuple[list[Any], list[tuple[str, str]]]:
    """Return the nodes up to an `else` or `end`, and what follows from there on."""
    nodes: list[Any] = []
    while rest:
        kind, text = rest[0]
        if kind == "action" and (text == "end" or text.startswith("else")):
            return nodes, rest
        rest = rest[1:]
        if kind == "action" and text.startswith(OPENING):
            node, rest = parse_branch(text, rest)
            nodes.append(node)
        else:
            nodes.append((kind, text))
    return nodes, rest


def parse_branch(head: str, rest: list[tuple[str, str]]) -> tuple[Any, list[tuple[str, str]]]:
    """Return an `if` or a `range` with both of its bodies."""
    body, rest = parse(rest)
    other: list[Any] = []
    text, rest = rest[0][1], rest[1:]
    if text.startswith("else if "):
        node, rest = parse_branch(text.removeprefix("else "), rest)
        other = [node]
    elif text == "else":
        other, rest = parse(rest)
        rest = rest[1:]
    word, _, pipe = head.partition(" ")
    return (word, pipe, body, other), rest


def execute(nodes: Sequence[Any], data: Any, names: dict[str, Any]) -> str:
    """Return what nodes write."""
    written = ""
    for node in nodes:
        if node[0] == "text":
            written += node[1]
        elif node[0] == "if":
            written += execute(node[2] if value(node[1], data, names) else node[3], data, names)
        elif node[0] == "range":
            variables, _, pipe = node[1].partition(" := ")
            index, item = variables.split(", ")
            for number, one in enumerate(value(pipe, data, names)):
                written += execute(
                    node[2], one, names | {"$": names.get("$", data), index: number, item: one}
                )
        elif " := " in node[1]:
            name, _, pipe = node[1].partition(" := ")
            names[name] = value(pipe, data, names)
        else:
            written += value(node[1], data, names)
    return written


def value(pipe: str, data: Any, names: dict[str, Any]) -> Any:
    """Return the value of a pipeline: a field, a variable, a quoted text, or a call with arguments."""
    words = split_words(pipe)
    if len(words) > 1:
        function, arguments = words[0], [value(word, data, names) for word in words[1:]]
        return {
            "eq": lambda a, b: a == b, "len": len, "slice": lambda a, b: a[b:], "and": lambda a, b: a and b,
            "not": lambda a: not a,
        }[function](*arguments)  # fmt: skip
    (word,) = words
    if word.startswith("("):
        return value(word[1:-1], data, names)
    if word.startswith('"'):
        escaped = re.sub(r"\\U000(\w{5})", lambda m: "\\u" + m[1][1:], word).replace("\\x22", "\\u0022")
        return json.loads(escaped)
    if word.isdigit():
        return int(word)
    name, _, field = word.rpartition(".") if "." in word else (word, "", "")
    owner = data if name == "" else names[name]
    field = {"Role": "role", "Content": "content"}.get(field, field)
    return owner[field] if field else owner


def split_words(pipe: str) -> list[str]:
    """Cut a pipeline at blanks outside of brackets and quotes."""
    return re.findall(r'"(?:[^"\\]|\\.)*"|\((?:[^()]|\([^()]*\))*\)|[^\s()]+', pipe)


def read_modelfile(text: str) -> list[tuple[str, str]]:
    """Return the commands of a Modelfile as Ollama reads them: what is not printable is lost."""
    lines = "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
    command = re.compile(r'^([A-Z]+)[ \t]+("""(.*?)"""|.*?)[ \t]*$', re.DOTALL | re.MULTILINE)
    lines = re.sub(r"\A(#[^\n]*\n)*", "", lines)
    found = []
    for match in command.finditer(lines):
        found.append((match[1], match[3] if match[2].startswith('"""') else match[2].strip()))
    return found
