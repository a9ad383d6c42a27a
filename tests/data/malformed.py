"""Files that cannot be trained on, and the one line that each must be answered with."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

PAIR = b'{"prompt": "a", "completion": "b"}\n'
EXPECTED = "expected .jsonl, .ndjson, .json, .csv, .tsv, .parquet or .txt, or all but Parquet packed as .gz"
SHAPE_FLAGS = "--prompt-column and --completion-column, --messages-column or --text-column"


class Case(NamedTuple):
    """One file: what is wrong with it, its name, what makes it, and the message; `options` of the command."""

    name: str
    file: str
    content: bytes | Callable[[Path], object]
    message: str
    options: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """Make the file in `folder`."""
        path = folder / self.file
        if isinstance(self.content, bytes):
            path.write_bytes(self.content)
        else:
            self.content(path)
        return path


def line(**row: object) -> bytes:
    """Return a row as a line of JSON."""
    return (json.dumps(row) + "\n").encode()


def turns(*pairs: tuple[str, object]) -> list[dict[str, object]]:
    """Return a conversation."""
    return [{"role": name, "content": text} for name, text in pairs]


def talk(*pairs: tuple[str, object]) -> bytes:
    """Return a conversation as a line of JSON."""
    return line(messages=turns(*pairs))


def answer_with(**keys: object) -> bytes:
    """Return a conversation of two turns, whose second has further keys."""
    return line(messages=[*turns(("user", "a")), {"role": "assistant", "content": "b", **keys}])


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """Return a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), stream)
    return stream.getvalue()


def parquet_of_twins(path: Path) -> None:
    """Write a Parquet file with two columns of one name."""
    import pyarrow
    from pyarrow import parquet

    column = pyarrow.array(["a"])
    parquet.write_table(pyarrow.Table.from_arrays([column, column], names=["prompt", "prompt"]), path)


def far_date(column: str) -> Callable[[Path], None]:
    """Return what makes a Parquet file of two pairs with a date of the year 20000 in `column`."""

    def make(path: Path) -> None:
        import pyarrow
        from pyarrow import parquet

        days = pyarrow.array([0, 6_585_000], pyarrow.int32()).cast(pyarrow.date32())
        texts = {"prompt": pyarrow.array(["a", "c"]), "completion": pyarrow.array(["b", "d"])}
        parquet.write_table(pyarrow.table(texts | {column: days}), path)

    return make


def folder_of(**files: bytes) -> Callable[[Path], None]:
    """Return what makes a folder with these files (their dots written as two underscores)."""

    def make(path: Path) -> None:
        path.mkdir()
        for name, content in files.items():
            (path / name.replace("__", ".")).write_bytes(content)

    return make


def unreadable(path: Path) -> None:
    """Make a file that may not be read."""
    path.write_bytes(PAIR)
    path.chmod(0)


ENCODINGS = [
    Case("nothing in it", "a.jsonl", b"", "a.jsonl: the file is empty"),
    Case("only a byte order mark", "a.jsonl", b"\xef\xbb\xbf \n", "a.jsonl: the file is empty"),
    Case(
        "Korean in CP949",
        "a.jsonl",
        PAIR + b'{"prompt": "\xc7\xd1\xb1\xdb"}',
        "a.jsonl:2: invalid UTF-8 at byte 13 of the line (0xc7); it reads as CP949: iconv -f CP949 -t UTF-8",
    ),
    Case(
        "bytes of no encoding",
        "a.jsonl",
        b'{"prompt": "\xff\xff"}',
        "a.jsonl:1: invalid UTF-8 at byte 13 of the line (0xff); save the file as UTF-8",
    ),
    Case(
        "an encoded surrogate",
        "a.csv",
        b"prompt,completion\na,\xed\xa0\x80\n",
        "a.csv:2: invalid UTF-8 at byte 3 of the line (0xed); save the file as UTF-8",
    ),
    Case(
        "cut in the middle of a letter",
        "a.csv",
        "prompt,completion\na,답".encode()[:-1],
        "a.csv:2: invalid UTF-8 at byte 3 of the line (0xeb); the file ends in the middle of a letter",
    ),
    Case(
        "UTF-16",
        "a.jsonl",
        '{"prompt": 1}'.encode("utf-16"),
        "a.jsonl: UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)",
    ),
    Case(
        "UTF-16 without a mark",
        "a.csv",
        "prompt,completion\n".encode("utf-16-le"),
        "a.csv: UTF-16LE text; save it as UTF-8 (iconv -f UTF-16LE -t UTF-8)",
    ),
    Case(
        "UTF-32",
        "a.json",
        "[]".encode("utf-32"),
        "a.json: UTF-32 text; save it as UTF-8 (iconv -f UTF-32 -t UTF-8)",
    ),
    Case(
        "a NUL byte",
        "a.csv",
        b"prompt,completion\na,b\0c\n",
        "a.csv:2: a NUL byte at byte 4 of the line; the file is damaged, or no text",
    ),
    Case(
        "gzip",
        "a.jsonl",
        gzip.compress(PAIR, mtime=0),
        "a.jsonl: packed with gzip; name it .gz behind its own suffix (.jsonl.gz), or unpack it (gunzip)",
    ),
    Case(
        "an Excel workbook",
        "a.csv",
        b"PK\x03\x04\x14\x00",
        "a.csv: a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV",
    ),
    Case("Parquet named otherwise", "a.json", b"PAR1", "a.json: a Parquet file; name it .parquet"),
    Case(
        "a pointer of Git LFS",
        "a.jsonl",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "a.jsonl: a Git LFS pointer, not the data; fetch them with git lfs pull",
    ),
    Case(
        "a web page",
        "a.csv",
        b"\n<!DOCTYPE html>\n<html></html>",
        "a.csv: an HTML page, not data; download the file itself",
    ),
]

JSON = [
    Case(
        "a last line cut off",
        "a.jsonl",
        PAIR + b'\n{"prompt": "a", "completion": "b"',
        "a.jsonl:3: truncated JSON: expecting ',' delimiter at column 34",
    ),
    Case(
        "a string cut off",
        "a.jsonl",
        PAIR + b'{"prompt": "a", "compl',
        "a.jsonl:2: truncated JSON: unterminated string starting at column 17",
    ),
    Case(
        "single quotes",
        "a.jsonl",
        b"{'prompt': 'a'}",
        "a.jsonl:1: malformed JSON at column 2: expecting property name enclosed in double quotes",
    ),
    Case(
        "two bad rows",
        "a.jsonl",
        PAIR + b"nonsense\n" + b"more\n",
        "a.jsonl:2: malformed JSON at column 1: expecting value "
        "(and 1 more bad row; laptime data lists them)",
    ),
    Case(
        "two objects on a line",
        "a.jsonl",
        PAIR.strip() + PAIR,
        "a.jsonl:1: malformed JSON at column 35: extra data",
    ),
    Case(
        "a line break inside a string",
        "a.jsonl",
        b'{"prompt": "a\nb", "completion": "c"}',
        "a.jsonl:1: truncated JSON: unterminated string starting at column 12 "
        "(and 1 more bad row; laptime data lists them)",
    ),
    Case(
        "an array in lines",
        "a.jsonl",
        b'[\n{"prompt": "a", "completion": "b"}\n]',
        "a.jsonl:1: a lone '[': expected one JSON object a line (name an array .json) "
        "(and 1 more bad row; laptime data lists them)",
    ),
    Case("NaN", "a.jsonl", b'{"prompt": NaN, "completion": "b"}', "a.jsonl:1: NaN is not a JSON value"),
    Case(
        "NaN in a column that is not read",
        "a.jsonl",
        PAIR + b'{"prompt": "a", "completion": "b", "score": NaN}',
        "a.jsonl:2: NaN is not a JSON value",
    ),
    Case("Infinity", "a.json", b'[\n{"prompt": -Infinity}]', "a.json:2: -Infinity is not a JSON value"),
    Case(
        "a lone surrogate",
        "a.jsonl",
        rb'{"prompt": "\ud83d", "completion": "b"}',
        r"a.jsonl:1: lone surrogate \ud83d (half a character)",
    ),
    Case(
        "a lone surrogate in an array",
        "a.json",
        b'[\n{"prompt": "a",\n "completion": "\\uDE00"}]',
        r"a.json:2: lone surrogate \ude00 (half a character)",
    ),
    Case(
        "a key twice",
        "a.jsonl",
        b'{"prompt": "a", "prompt": "b"}',
        "a.jsonl:1: duplicate key 'prompt'",
    ),
    Case(
        "a key called digits twice",
        "a.jsonl",
        PAIR + b'{"digits": 1, "digits": 2}',
        "a.jsonl:2: duplicate key 'digits'",
    ),
    Case(
        "a key twice in a turn",
        "a.json",
        b'[{"messages": [{"role": "user", "role": "assistant", "content": "b"}]}]',
        "a.json:1: duplicate key 'role'",
    ),
    Case(
        "an array as a row", "a.jsonl", PAIR + b"[1, 2]", "a.jsonl:2: expected a JSON object, found an array"
    ),
    Case("null as a row", "a.jsonl", PAIR + b"null", "a.jsonl:2: expected a JSON object, found null"),
    Case(
        "text as a row",
        "a.json",
        b'["a", "b"]',
        "a.json:1: expected a JSON object, found a string (and 1 more bad row; laptime data lists them)",
    ),
    Case("an object without keys", "a.jsonl", PAIR + b"{}", "a.jsonl:2: an empty object"),
    Case(
        "a hundred thousand brackets",
        "a.jsonl",
        b"[" * 100_000,
        "a.jsonl:1: malformed JSON: nested too deeply",
    ),
    Case("brackets in an array", "a.json", b"[" * 100_000, "a.json: malformed JSON: nested too deeply"),
    Case(
        "nested just deeply enough to be parsed",
        "a.jsonl",
        b'{"prompt": "\\ud83d\\ude00", "completion": ' + b"[" * 900 + b'"b"' + b"]" * 900 + b"}",
        "a.jsonl:1: 'completion' is a list, expected text",
    ),
    Case(
        "a number of 5,000 digits",
        "a.jsonl",
        PAIR + b'{"prompt": ' + b"9" * 5000 + b"}",
        "a.jsonl:2: a number of too many digits",
    ),
    Case("an empty array", "a.json", b"[]", "a.json: no example in it"),
    Case("a number", "a.json", b"3", "a.json:1: expected a JSON object, found a number"),
    Case(
        "an array without a colon",
        "a.json",
        b'[\n{"prompt": "a",\n "completion": "b"},\n{"prompt" "c"}]',
        "a.json:4: malformed JSON at column 11: expecting ':' delimiter",
    ),
    Case(
        "an array that does not end",
        "a.json",
        b'[{"prompt": "a", "completion": "b"}',
        "a.json:1: truncated JSON: expecting ',' or ']' at column 36",
    ),
    Case(
        "an array with a comma at its end",
        "a.json",
        b'[{"prompt": "a", "completion": "b"},]',
        "a.json:1: malformed JSON at column 37: a comma before ']'",
    ),
    Case(
        "objects over several lines, one after another",
        "a.json",
        b'{"prompt": "a",\n "completion": "b"}\n' * 2,
        "a.json:3: malformed JSON at column 1: extra data",
    ),
    Case(
        "something behind an array",
        "a.json",
        b'[{"prompt": "a", "completion": "b"}] x',
        "a.json:1: malformed JSON at column 38: extra data",
    ),
]

ROWS = [
    Case("a number as prompt", "a.jsonl", line(prompt=1, completion="b"),
         "a.jsonl:1: 'prompt' is a number, expected text"),
    Case("null as completion", "a.jsonl", line(prompt="a", completion=None),
         "a.jsonl:1: 'completion' is null, expected text"),
    Case("a boolean as completion", "a.jsonl", line(prompt="a", completion=True),
         "a.jsonl:1: 'completion' is a boolean, expected text"),
    Case("an object as completion", "a.jsonl", line(prompt="a", completion={"b": 1}),
         "a.jsonl:1: 'completion' is an object, expected text"),
    Case("a number as context", "a.jsonl", line(prompt="a", context=3, completion="b"),
         "a.jsonl:1: 'context' is a number, expected text"),
    Case("an empty prompt", "a.jsonl", line(prompt="", completion="b"), "a.jsonl:1: 'prompt' is empty"),
    Case("an empty completion", "a.jsonl", line(prompt="a", completion=""),
         "a.jsonl:1: 'completion' is empty"),
    Case("a blank answer", "a.jsonl", line(question="a", answer=" \n"), "a.jsonl:1: 'answer' is blank"),
    Case("an answer that cannot be seen", "a.jsonl", line(question="a", answer="\u200b\ufeff "),
         "a.jsonl:1: 'answer' is blank"),
    Case("no answer in a list", "a.jsonl", line(question="a", answers=[]),
         "a.jsonl:1: 'answers' holds no answer"),
    Case("blank text", "a.jsonl", line(text=" "), "a.jsonl:1: 'text' is blank"),
    Case("another schema in the second row", "a.jsonl", PAIR + line(question="a", answer="b"),
         "a.jsonl:2: no 'prompt' in this row (it has question, answer)"),
    Case("a conversation among pairs", "a.jsonl",
         PAIR + line(prompt=turns(("user", "a")), completion=turns(("assistant", "b"))),
         "a.jsonl:2: holds conversations, the rows before it pairs"),
    Case("a prompt without a completion", "a.jsonl", PAIR + line(prompt="a"),
         "a.jsonl:2: no 'completion' in this row (it has prompt)"),
    Case("no answer column", "a.jsonl", line(prompt="a", chosen="b"),
         "a.jsonl: no answer column beside 'prompt' (columns: prompt, chosen); "
         "name it with --completion-column"),
    Case("no question column", "a.jsonl", line(answer="a", topic="b"),
         "a.jsonl: no question column beside 'answer' (columns: answer, topic); "
         "name it with --prompt-column"),
    Case("columns of no known shape", "a.jsonl", line(frage="a", antwort="b"),
         f"a.jsonl: columns of no known shape (frage, antwort); name them with {SHAPE_FLAGS}"),
    Case("token ids", "a.jsonl", line(input_ids=[1]),
         "a.jsonl: tokenised already (input_ids); give the text itself, so that its tokens can be checked"),
    Case("preferences", "a.jsonl", line(chosen="a", rejected="b"),
         "a.jsonl: preference pairs (chosen, rejected); --messages-column or --completion-column chosen "
         "trains one side"),
    Case("preferences beside a question", "a.jsonl", line(prompt="q", chosen="a", rejected="b"),
         "a.jsonl: preference pairs (prompt, chosen, rejected); --completion-column chosen trains one side"),
    Case("two columns that could be the answer", "a.jsonl", line(question="a", answer="b", response="c"),
         "a.jsonl: columns response and answer could both be meant; choose with --completion-column"),
    Case("a column that is not there", "a.jsonl", PAIR,
         "--prompt-column promt: a.jsonl has no such column; did you mean 'prompt'?",
         ("--prompt-column", "promt")),
]  # fmt: skip

UNSEEN = {
    "a Braille blank": "\u2800",
    "a filler of Hangul": "\u115f\u1160\uffa0",
    "a selector alone": "\ufe0f\U000e0100",
    "tags": "\U000e0041\U000e007f",
    "marks with no letter": "\u0301\u0e31",
    "a line separator": "\u2028\u3000\u180e",
    "controls": "\x07\x00",
}
INVISIBLE = [
    *(
        Case(f"{name} as an answer", "a.jsonl", line(question="a", answer=text),
             "a.jsonl:1: 'answer' is blank")
        for name, text in UNSEEN.items()
    ),
    *(
        Case(f"{name} as a turn", "a.jsonl", talk(("user", "a"), ("assistant", f" {text}")),
             "a.jsonl:1: turn 2 of 'messages' (assistant) is empty")
        for name, text in UNSEEN.items()
    ),
]  # fmt: skip
CHOOSE = "or choose what to train on with --prompt-column and --completion-column"
BESIDE = [
    *(
        Case(f"{name} beside a question", "a.jsonl", line(prompt="a", completion="b", **{name: ["x.png"]}),
             f"a.jsonl:1: '{name}' holds more than text, which is not trained on; take the column out, "
             f"{CHOOSE}")
        for name in ("image", "images", "audio", "videos")
    ),
    Case("tools that are none", "a.csv", b'prompt,completion,tools\na,b,[]\nc,d,"[{""name"": 1}]"\n',
         "a.csv:3: 'tools' is a list with something else, expected a list of tools, each an object with a "
         "name"),
    Case("tools that are no JSON", "a.jsonl", line(prompt="a", completion="b", tools="search"),
         "a.jsonl:1: 'tools': malformed JSON at column 1: expecting value"),
    Case("settings of a template", "a.jsonl",
         line(prompt="a", completion="b", chat_template_kwargs={"thinking": True}),
         "a.jsonl:1: 'chat_template_kwargs' is not supported (no template is given calls or settings); take "
         f"the column out, {CHOOSE}"),
    Case("tools beside plain text", "a.jsonl", line(text="a", tools=[{"name": "f"}]),
         "a.jsonl:1: 'tools' stands beside plain text, which has no place for it; write it into 'text', or "
         "choose that alone with --text-column"),
    Case("an answer that is not wanted", "a.jsonl",
         line(prompt="a", completion="b", label=True) + line(prompt="a", completion="c", label=False),
         f"a.jsonl:2: 'label' is false: an answer that is not wanted (KTO), which is not to be learnt; leave "
         f"the row out, {CHOOSE}"),
    Case("an answer that is not wanted in CSV", "a.csv", b"prompt,completion,label\na,b,False\n",
         f"a.csv:2: 'label' is False: an answer that is not wanted (KTO), which is not to be learnt; leave "
         f"the row out, {CHOOSE}"),
    *(
        Case(f"the label {label!r}", "a.jsonl", line(prompt="a", completion="b", label=label),
             f"a.jsonl:1: 'label' is {label}: an answer that is not wanted (KTO), which is not to be learnt; "
             f"leave the row out, {CHOOSE}")
        for label in ("0", "bad", "Undesirable", -1, 0.0)
    ),
    Case("a row of weight 0 in CSV", "a.csv", b"prompt,completion,train\na,b,0\n",
         f"a.csv:2: 'train' is 0, which keeps the row out of training; leave the row out, {CHOOSE}"),
    Case("an answer beside a worse one", "a.jsonl", line(prompt="a", completion="b", rejected="c"),
         f"a.jsonl:1: 'rejected' makes this preference data, which is not supported; take the column out, "
         f"{CHOOSE}"),
    Case("a weight of a row", "a.jsonl",
         line(prompt="a", completion="b", weight=1) + line(prompt="a", completion="b", weight=0.5),
         f"a.jsonl:2: 'weight' is 0.5: examples cannot be weighted; take the column out, {CHOOSE}"),
    Case("a row without loss", "a.jsonl", PAIR + line(prompt="a", completion="b", loss=False),
         f"a.jsonl:2: 'loss' is false, which keeps the row out of training; leave the row out, {CHOOSE}"),
    Case("a system text beside plain text", "a.jsonl", line(system="s", text="a"),
         "a.jsonl:1: 'system' stands beside plain text, which has no place for it; write it into 'text', or "
         "choose that alone with --text-column"),
    Case("two system texts", "a.jsonl", line(system="s", system_prompt="t", prompt="a", completion="b"),
         "a.jsonl:1: 'system' and 'system_prompt' differ; keep one of them"),
    Case("a number as a system text", "a.jsonl", line(system=1, prompt="a", completion="b"),
         "a.jsonl:1: 'system' is a number, expected text"),
    Case("earlier turns that are none", "a.jsonl", line(history="once", prompt="a", completion="b"),
         "a.jsonl:1: 'history' is text, expected a list of [question, answer]"),
    Case("half an earlier turn", "a.jsonl", line(history=[["a", "b"], ["a"]], prompt="a", completion="b"),
         "a.jsonl:1: item 2 of 'history' is not [question, answer]"),
    Case("an earlier turn that is blank", "a.jsonl", line(history=[["a", ""]], prompt="a", completion="b"),
         "a.jsonl:1: item 1 of 'history' is empty"),
]  # fmt: skip

CONVERSATIONS = [
    Case("text for a conversation", "a.jsonl", line(messages="hello"),
         "a.jsonl:1: 'messages' is text, expected a list of turns"),
    Case("no turn", "a.jsonl", line(messages=[]), "a.jsonl:1: 'messages' holds no turn"),
    Case("text for a turn", "a.jsonl", line(messages=["hi"]),
         "a.jsonl:1: turn 1 of 'messages' is text, expected an object with role and content"),
    Case("a turn without content", "a.jsonl", line(messages=[{"role": "user"}]),
         "a.jsonl:1: turn 1 of 'messages' has the keys role; expected role and content"),
    Case("an unknown role", "a.jsonl", talk(("user", "a"), ("asistant", "b")),
         "a.jsonl:1: turn 2 of 'messages': unknown role 'asistant'; did you mean 'assistant'?"),
    Case("a number as role", "a.jsonl", line(messages=[{"role": 1, "content": "a"}]),
         "a.jsonl:1: turn 1 of 'messages': its role is a number, expected text"),
    Case("no assistant turn", "a.jsonl", talk(("user", "a")),
         "a.jsonl:1: 'messages' has no assistant turn: nothing to train on"),
    Case("an empty assistant turn", "a.jsonl", talk(("user", "a"), ("assistant", "")),
         "a.jsonl:1: turn 2 of 'messages' (assistant) is empty"),
    Case("a blank user turn", "a.jsonl", talk(("user", " \u3164"), ("assistant", "b")),
         "a.jsonl:1: turn 1 of 'messages' (user) is empty"),
    Case("null for a turn's text", "a.jsonl", talk(("user", None), ("assistant", "b")),
         "a.jsonl:1: turn 1 of 'messages': its content is null, expected text"),
    Case("a number for a turn's text", "a.jsonl", talk(("user", 3), ("assistant", "b")),
         "a.jsonl:1: turn 1 of 'messages': its content is a number, expected text"),
    Case("an assistant that begins", "a.jsonl", talk(("assistant", "b")),
         "a.jsonl:1: turn 1 of 'messages' is the assistant's; expected a user or system turn"),
    Case("a call of tools that is none", "a.jsonl",
         line(messages=[{"role": "assistant", "content": None, "tool_calls": [1]}]),
         "a.jsonl:1: turn 1 of 'messages': 'tool_calls' is no list of calls, each an object with a name"),
    Case("a call of tools by a user", "a.jsonl",
         line(messages=[{"role": "user", "content": "a", "tool_calls": [{"name": "f"}]}]),
         "a.jsonl:1: turn 1 of 'messages' (user) calls tools, as only an assistant does"),
    *(
        Case(f"the arguments {arguments!r} of a call", "a.jsonl",
             answer_with(tool_calls=[{"function": {"name": "f", "arguments": arguments}}]),
             f"a.jsonl:1: turn 2 of 'messages': the arguments of 'f'{why}")
        for arguments, why in (
            ("{", ": truncated JSON: expecting property name enclosed in double quotes at column 2"),
            ("[1]", " are a list, expected an object"),
            (3, " are a number, expected an object"),
        )
    ),
    Case("an image", "a.jsonl", line(messages=[{"role": "user", "content": [{"type": "image"}]}]),
         "a.jsonl:1: turn 1 of 'messages' holds parts that are not text (images, audio): not supported"),
    Case("a turn of weight 0", "a.jsonl",
         line(messages=[*turns(("user", "a")), {"role": "assistant", "content": "b", "weight": 0}]),
         "a.jsonl:1: 'messages' keeps every assistant turn out of training; leave the row out"),
    Case("a turn of half a weight", "a.jsonl", answer_with(weight=0.5),
         "a.jsonl:1: turn 2 of 'messages': 'weight' is 0.5; expected 1 (trained) or 0 (context alone)"),
    Case("a turn that is trained and is not", "a.jsonl", answer_with(weight=1, loss=False),
         "a.jsonl:1: turn 2 of 'messages': 'weight' and 'loss' differ on whether it is trained"),
    *(
        Case(f"{key} beside a turn's text", "a.jsonl", answer_with(**{key: "because"}),
             f"a.jsonl:1: turn 2 of 'messages' has '{key}' beside its text, which would be left out; write "
             f"it into the text, or take it out")
        for key in ("reasoning_content", "reasoning", "thinking", "refusal")
    ),
    *(
        Case(f"{key} beside a turn's text", "a.jsonl", answer_with(**{key: {"name": "f"}}),
             f"a.jsonl:1: turn 2 of 'messages' has '{key}', which is not supported; write it as tool_calls, "
             f"or out as text")
        for key in ("function_call", "tool_call")
    ),
    Case("sound beside a turn's text", "a.jsonl", answer_with(audio={"id": "x"}),
         "a.jsonl:1: turn 2 of 'messages' holds parts that are not text (images, audio): not supported"),
    Case("an image with a text", "a.jsonl",
         talk(("user", [{"type": "image_url", "text": "http://host/a.png"}]), ("assistant", "b")),
         "a.jsonl:1: turn 1 of 'messages' holds parts that are not text (images, audio): not supported"),
    Case("a text part with an image in it", "a.jsonl",
         talk(("user", [{"type": "text", "text": "a", "image_url": {"url": "x"}}]), ("assistant", "b")),
         "a.jsonl:1: turn 1 of 'messages' holds parts that are not text (images, audio): not supported"),
    Case("a part of thoughts", "a.jsonl",
         talk(("user", "a"), ("assistant", [{"type": "thinking", "text": "hm"}, {"text": "b"}])),
         "a.jsonl:1: turn 2 of 'messages' holds parts that are not text (images, audio): not supported"),
    Case("a part with two texts", "a.jsonl",
         talk(("user", [{"type": "text", "text": "a", "value": "b"}]), ("assistant", "b")),
         "a.jsonl:1: turn 1 of 'messages' holds a part with two texts that differ; keep one"),
    Case("two texts in a turn", "a.jsonl", answer_with(value="c"),
         "a.jsonl:1: turn 2 of 'messages': 'content' and 'value' differ; keep one of them"),
    Case("two roles in a turn", "a.jsonl", answer_with(**{"from": "human"}),
         "a.jsonl:1: turn 2 of 'messages': 'role' and 'from' differ; keep one of them"),
    Case("a system text beside another", "a.jsonl",
         line(system="s", messages=turns(("system", "t"), ("user", "a"), ("assistant", "b"))),
         "a.jsonl:1: turn 1 of 'messages' is another system text than the row's; keep one of them"),
    Case("earlier turns beside turns", "a.jsonl",
         line(history=[["a", "b"]], messages=turns(("user", "a"), ("assistant", "b"))),
         "a.jsonl:1: 'history' stands beside turns; put it into those of 'messages', or take it out"),
    Case("a context beside turns", "a.jsonl",
         line(context="c", prompt=turns(("user", "a")), completion=turns(("assistant", "b"))),
         "a.jsonl:1: 'context' stands beside turns; put it into those of 'prompt', or take it out"),
    Case("a completion of turns that is not trained", "a.jsonl",
         line(prompt=turns(("user", "a")),
              completion=[{"role": "assistant", "content": "b", "train_on_turn": False}]),
         "a.jsonl:1: 'completion' keeps its last turn out of training; leave the row out"),
    Case("tools beside a conversation that are none", "a.jsonl",
         line(tools={"name": "f"}, messages=turns(("user", "a"), ("assistant", "b"))),
         "a.jsonl:1: 'tools' is an object, expected a list of tools, each an object with a name"),
    Case("an answer that is empty in a pair of turns", "a.jsonl",
         line(conversation=[{"human": "a", "assistant": "b"}, {"human": "c", "assistant": ""}]),
         "a.jsonl:1: turn 2 of 'conversation' (assistant) is empty"),
    Case("something beside a pair of turns", "a.jsonl",
         line(conversation=[{"human": "a", "assistant": "b", "image": "x.png"}]),
         "a.jsonl:1: turn 1 of 'conversation' has 'image' beside 'human' and 'assistant'; take it out"),
    Case("a conversation that was not preferred", "a.jsonl",
         line(rejected_response="c", messages=turns(("user", "a"), ("assistant", "b"))),
         "a.jsonl:1: 'rejected_response' makes this preference data, which is not supported; take the column "
         "out, or choose what to train on with --messages-column"),
    Case("a broken conversation in a cell", "a.csv", b'messages\n"[{""role"": 1,"\n',
         "a.csv:2: 'messages': truncated JSON: expecting property name enclosed in double quotes "
         "at column 13"),
]  # fmt: skip

TABLES = [
    Case("a short row", "a.csv", b"prompt,completion\na,b\nc\n", "a.csv:3: 1 cell, but the header names 2"),
    Case("a long row", "a.csv", b"prompt,completion\na,b,c\n", "a.csv:2: 3 cells, but the header names 2"),
    Case("a line of spaces", "a.csv", b"prompt,completion\na,b\n  \n",
         "a.csv:3: 1 cell, but the header names 2"),
    Case("a quote that is never closed", "a.csv", b'prompt,completion\na,"b\nc,d\n',
         "a.csv:2: malformed CSV: a quoted cell is never closed"),
    Case("a quote closed rows later", "a.csv", b'prompt,completion\na,"b\nc,"d"\n',
         'a.csv:2: malformed CSV: a quote inside a quoted cell (write it twice: "")'),
    Case("a column twice", "a.csv", b"prompt,prompt\na,b\n",
         "a.csv:1: duplicate column 'prompt' in the header"),
    Case("two columns without a name", "a.csv", b"prompt,completion,,\na,b,c,d\n",
         "a.csv:1: two columns without a name in the header"),
    Case("no header", "a.csv", "질문 하나,답 하나\n둘,셋\n".encode(),
         f"a.csv: columns of no known shape (질문 하나, 답 하나); name them with {SHAPE_FLAGS}"),
    Case("a header alone", "a.csv", b"prompt,completion\n", "a.csv: no example in it"),
    Case("an empty cell after a cell of two lines", "a.csv", b'prompt,completion\n"a\nb",c\nd,\n',
         "a.csv:4: 'completion' is empty"),
    Case("commas in a TSV", "a.tsv", b"prompt,completion\na,b\n",
         f"a.tsv: columns of no known shape (prompt,completion); name them with {SHAPE_FLAGS}"),
    Case("no Parquet", "a.parquet", PAIR, "a.parquet: not a Parquet file (Parquet begins with PAR1)"),
    Case("an empty Parquet", "a.parquet", b"", "a.parquet: the file is empty"),
    Case("a truncated Parquet", "a.parquet",
         lambda path: path.write_bytes(parquet([{"prompt": "a", "completion": "b"}])[:-9]),
         "a.parquet: a truncated Parquet file (its end is missing); copy it again"),
    Case("a Parquet with a column twice", "a.parquet", parquet_of_twins,
         "a.parquet: duplicate column 'prompt' in the header"),
    Case("a date that no calendar of Python has, as an answer", "a.parquet", far_date("completion"),
         "a.parquet row 1: 'completion' is a date, expected text (and 1 more bad row; laptime data "
         "lists them)"),
    Case("bytes in a Parquet", "a.parquet",
         lambda path: path.write_bytes(parquet([{"prompt": b"a", "completion": "b"}])),
         "a.parquet row 1: 'prompt' is binary data, expected text"),
]  # fmt: skip

PLACES = [
    Case("a Word document", "a.docx", b"x",
         f"a.docx: cannot read '.docx' files; {EXPECTED}"),
    Case("a packed file", "a.jsonl.xz", b"x",
         f"a.jsonl.xz: cannot read '.xz' files; {EXPECTED}; unpack it first"),
    Case("a packed Parquet", "a.parquet.gz", b"x",
         "a.parquet.gz: Parquet, which holds packed data itself; unpack it first"),
    Case("no gzip", "a.jsonl.gz", PAIR, "a.jsonl.gz: not packed with gzip; name it a.jsonl"),
    Case("an empty packed file", "a.jsonl.gz", b"", "a.jsonl.gz: the file is empty"),
    Case("nothing in a packed file", "a.jsonl.gz", gzip.compress(b"", mtime=0),
         "a.jsonl.gz: the file is empty"),
    Case("a packed file cut off", "a.jsonl.gz", gzip.compress(PAIR * 99, mtime=0)[:-9],
         "a.jsonl.gz: a truncated gzip file (its end is missing); copy it again"),
    Case("a packed file with something behind it", "a.jsonl.gz", gzip.compress(PAIR, mtime=0) + b"more",
         "a.jsonl.gz: a damaged gzip file (Not a gzipped file (b'mo')); copy it again"),
    Case("a packed file in another", "a.jsonl.gz", gzip.compress(gzip.compress(PAIR, mtime=0), mtime=0),
         "a.jsonl.gz: packed with gzip; name it .gz behind its own suffix (.jsonl.gz), or unpack it "
         "(gunzip)"),
    Case("a bad row of a packed file", "a.csv.gz",
         gzip.compress(b'prompt,completion\n"a\nb",c\nd,\n', mtime=0), "a.csv.gz:4: 'completion' is empty"),
    Case("bytes of no encoding in a packed file", "a.json.gz",
         gzip.compress(b'[\n{"prompt": "\xff"}]', mtime=0),
         "a.json.gz:2: invalid UTF-8 at byte 13 of the line (0xff); save the file as UTF-8"),
    Case("a pipe", "a.jsonl", os.mkfifo, "a.jsonl: a pipe; save the data in a file"),
    Case("a link to nothing", "a.jsonl", lambda path: path.symlink_to("nowhere.jsonl"),
         "--data a.jsonl: a link that leads to no file"),
    Case("an empty folder", "train", lambda path: path.mkdir(),
         f"--data train: an empty folder; {EXPECTED}"),
    Case("a folder without data", "train", folder_of(notes__md=b"x"),
         f"--data train: no data file in this folder; {EXPECTED}"),
    Case("a folder with a file twice", "train",
         folder_of(train__jsonl=PAIR, train__jsonl__gz=gzip.compress(PAIR, mtime=0)),
         "--data train: train.jsonl lies there twice, once packed; take one of them away"),
    Case("a file that is named twice", "a.jsonl", PAIR, "--data: a.jsonl is named twice; name it once",
         ("a.jsonl",)),
    Case("data that are named in two ways", "a.jsonl", PAIR,
         "--data b.jsonl: DATA is given too; name all of it in one way", ("--data", "b.jsonl")),
    Case("a chat template that is not there", "a.jsonl", PAIR,
         "--chat-template chatlm: no such template or file; did you mean 'chatml'?",
         ("--chat-template", "chatlm")),
    Case("a chat template that is not used", "a.jsonl", PAIR,
         "--chat-template chatml: --template qa-en leaves it unused; give one of the two",
         ("--chat-template", "chatml", "--template", "qa-en")),
    Case("a chat template that is none", "a.jsonl", PAIR,
         "a.jsonl: no chat template: it does not write the messages", ("--chat-template", "a.jsonl")),
    Case("a chat template of half a loop", "a.jsonl", line(prompt="{% for m in messages %}", completion="b"),
         "a.jsonl:1: no chat template (Unexpected end of template. Jinja was looking for the following tags: "
         "'endfor' or 'else'. The innermost block that needs to be closed is 'for'.)",
         ("--chat-template", "a.jsonl")),
    Case("a blank text", "a.txt", b" \n\t\n", "a.txt: the file is empty"),
    Case("a text in CP949", "a.txt", b"a\n\xc7\xd1\xb1\xdb",
         "a.txt:2: invalid UTF-8 at byte 1 of the line (0xc7); it reads as CP949: iconv -f CP949 -t UTF-8"),
    Case("a folder without the split", "train", folder_of(train__jsonl=PAIR),
         "--data train: no data file for --split dev in this folder; its data files: train.jsonl",
         ("--split", "dev")),
    Case("a folder with a bad file", "train", folder_of(a__jsonl=PAIR, b__jsonl=b"{"),
         "b.jsonl:1: a lone '{': expected one JSON object a line (name an array .json)"),
    Case("a split of a file", "a.jsonl", PAIR,
         "--split test: the file a.jsonl has no splits; leave the option out", ("--split", "test")),
    *(
        Case(f"a link to {target}", name, lambda path, target=target: path.symlink_to(target),
             f"{name}: a {what}; save the data in a file")
        for name, target, what in (
            ("null.jsonl", "/dev/null", "device"), ("zero.csv", "/dev/zero", "device"),
            ("log.jsonl", "/proc/kmsg", "file of the system"),
            ("memory.json", "/proc/self/mem", "file of the system"),
            ("core.parquet", "/proc/kcore", "file of the system"),
        )
        if Path(target).exists()
    ),
]  # fmt: skip

DATA = [*ENCODINGS, *JSON, *ROWS, *INVISIBLE, *BESIDE, *CONVERSATIONS, *TABLES, *PLACES]

TEMPLATES = [  # --template, the message
    ("qa-kr", "--template qa-kr: no such template; did you mean 'qa-ko'?"),
    ("{prompt}", "--template: a template string holds {completion} exactly once"),
    ("{completion}", "--template: a template string holds {prompt} exactly once"),
    ("{prompt} {prompt} {completion}", "--template: a template string holds {prompt} exactly once"),
    (
        "{prompt} {completion}</s>",
        "--template: a template string ends with {completion}; the end of sequence is added to it",
    ),
    ("{promt} {completion}", "--template: unknown field {promt}; did you mean 'prompt'?"),
    (
        "{{prompt}} {completion}",
        "--template: {{prompt}}: write {prompt}; braces around anything else are text",
    ),
    (
        "{prompt} {{ completion }}",
        "--template: {{ completion }}: write {completion}; braces around anything else are text",
    ),
]

CONFIGS = [
    Case("an unknown option", "a.toml", b"lora_rnk = 8",
         "a.toml: unknown option 'lora_rnk'; did you mean 'lora_rank'?"),
    Case("an option twice", "a.yaml", b"epochs: 1\nepochs: 2", "a.yaml: option 'epochs' is given twice"),
    Case("an option twice in JSON", "a.json", b'{"epochs": 1, "epochs": 2}',
         "a.json: option 'epochs' is given twice"),
    Case("an option twice in TOML", "a.toml", b"seed = 1\nepochs = 1\nepochs = 2",
         "a.toml:3: an option is given twice"),
    Case("an option in two spellings", "a.yaml", b"lora_rank: 1\nlora-rank: 2",
         "a.yaml: option 'lora_rank' is given twice"),
    Case("a method's rate twice", "a.yaml", b"learning_rate:\n  full: 1e-5\n  full: 1e-4\n",
         "a.yaml: option 'full' is given twice"),
    Case("a number as text", "a.yaml", b'learning_rate: "1e-4"',
         "a.yaml: --learning-rate: expected a number, or one for each method (got '1e-4')"),
    Case("a whole number as text", "a.toml", b'epochs = "5"',
         "a.toml: --epochs: expected a whole number (got '5')"),
    Case("an octal number", "a.yaml", b"epochs: 010",
         "a.yaml: --epochs: expected a whole number (got '010')"),
    Case("a time of day", "a.yaml", b"seed: 1:30",
         "a.yaml: --seed: expected a whole number (got '1:30')"),
    Case("a truth as a number", "a.yaml", b"epochs: true",
         "a.yaml: --epochs: expected a whole number (got true)"),
    Case("an infinite number", "a.yaml", b"weight_decay: .inf",
         "a.yaml: --weight-decay: expected a finite number (got inf)"),
    Case("a value out of bounds", "a.json", b'{"epochs": 0}',
         "a.json: --epochs: expected a whole number >= 1 (got 0)"),
    Case("half a character", "a.json", rb'{"template": "\ud83d{prompt}{completion}"}',
         "a.json: --template: no valid UTF-8 text"),
    Case("a tag that runs code", "a.yaml", b'epochs: 1\ndata: !!python/object/apply:os.system ["true"]\n',
         "a.yaml:2: the tag !!python/object/apply:os.system is not allowed; options are plain values"),
    Case("a tag that makes an object", "a.yaml", b"!!python/object:os.stat_result {}",
         "a.yaml:1: the tag !!python/object:os.stat_result is not allowed; options are plain values"),
    Case("a name without end", "a.toml", b"a" * 2000 + b" = 1",
         f"a.toml: '{'a' * 37}...' is no name of an option"),
    Case("a section", "a.toml", b"[training]\nepochs = 3",
         "a.toml: 'training' holds options; write them at the top level, without sections"),
    Case("a list of options", "a.yaml", b"- epochs: 1",
         "a.yaml: expected option: value pairs at the top level"),
    Case("an indent that is wrong", "a.yaml", b"epochs: 1\n seed: 2",
         "a.yaml:2: mapping values are not allowed here"),
    Case("an endless nest", "a.json", b'{"a":' * 100_000, "a.json: nested too deeply"),
    Case("an endless nest in YAML", "a.yaml", b"[" * 3000, "a.yaml: nested too deeply"),
    Case("JSON cut off", "a.json", b'{"epochs": ', "a.json: Expecting value: line 1 column 12 (char 11)"),
    Case("TOML without a value", "a.toml", b"epochs = 1\nseed =", "a.toml:2: Invalid value (column 7)"),
    Case("a number of 5,000 digits", "a.yaml", b"seed: " + b"1" * 5000,
         "a.yaml: a number of too many digits"),
    Case("UTF-16", "a.yaml", "epochs: 1".encode("utf-16"),
         "a.yaml: UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"),
    Case("invalid UTF-8", "a.toml", b"# \xc7\xd1\n",
         "a.toml:1: invalid UTF-8 at byte 3 of the line (0xc7); it reads as CP949: iconv -f CP949 -t UTF-8"),
    Case("a pipe", "a.yaml", os.mkfifo, "a.yaml: a pipe; save the options in a file"),
    *(
        Case(f"a link to {target}", "a.toml", lambda path, target=target: path.symlink_to(target),
             f"a.toml: a {what}; save the options in a file")
        for target, what in (("/dev/zero", "device"), ("/proc/kmsg", "file of the system"))
        if Path(target).exists()
    ),
    Case("another format", "a.ini", b"", "a.ini: a config file ends in .toml, .yaml, .yml or .json"),
]  # fmt: skip
