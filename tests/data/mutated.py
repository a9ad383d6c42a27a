"""Mutated data files, and a plain reader (the json and csv modules alone) that says what they hold.

`check_file` is the property: whatever is done to a file, it is refused in one line, or every one of its rows
is trained on as it stands.
"""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from laptime.data.cells import is_nothing
from laptime.data.conversations import ROLES, TRAIN_KEYS
from laptime.data.encoding import encode
from laptime.data.examples import Example, ExampleSet
from laptime.data.formats import read_examples
from laptime.errors import UserError
from laptime.spec import AnswerSpec, DataSpec
from tests.data.tokenizers_made import CHATML, make_tokenizer

SUFFIXES = ("jsonl", "json", "csv", "parquet", "jsonl.gz")
INSERTED = [
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r", b"\r\n", b"\x00", b"\xff", rb"\ud800", b"NaN",
    b"null", b"1e999", b"9" * 5000, b"true", b"\xef\xbb\xbf", b"\\", b"\xed\xa0\x80", b"'", b";", b"\t",
    b"[" * 2000, b'"prompt": ', b'{"prompt": "a", "completion": "b"}', b"</s>", b"\xef\xb7\x90",
    "\u2028\u200b답".encode(), b"PAR1", b"-Infinity", b'"role": "user", ', b"\xff\xfe",
]  # fmt: skip
PAIRS = "questions and answers (question from {0}, answer from {1}"
TOLD = (
    f"{PAIRS})",
    f"{PAIRS}, further input from {{2}})",
    f"{PAIRS}, system text from {{2}})",
    "conversations (column {0})",
    "plain text (column {0})",
)

LETTERS = "abZ09 .,:;'\"{}[]()<>|/\\\n\r\t\u00e9가힣漢\u200b\u2028\ufeff\ufdd0\U0001f600"
texts = st.text(LETTERS, min_size=1, max_size=8) | st.sampled_from(
    [
        "질문",
        "답입니다.",
        "",
        " ",
        "a\r\nb",
        'say "hi", twice',
        "</s>",
        "<|im_end|>\ufdd0",
        "{completion}",
        "\u200b",
    ]
)
turn_lists = st.lists(
    st.builds(
        lambda keys, role, text, mark: {keys[0]: role, keys[1]: text, **mark},
        st.sampled_from([("role", "content"), ("from", "value")]),
        st.sampled_from(["user", "assistant", "human", "gpt", "system", "User "]),
        texts,
        st.sampled_from([{}, {}, {"weight": 0}, {"loss": False}, {"train": True}, {"tool_calls": None}]),
    ),
    min_size=1,
    max_size=4,
)
SHAPES: list[st.SearchStrategy[dict[str, Any]]] = [
    st.fixed_dictionaries({"prompt": texts, "completion": texts}),
    st.fixed_dictionaries({"instruction": texts, "input": texts | st.none(), "output": texts}),
    st.fixed_dictionaries({"prompt": texts, "completion": texts, "system": texts | st.none()}),
    st.fixed_dictionaries({"question": texts, "answers": st.lists(texts, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"question": texts, "answers": st.builds(lambda text: {"text": [text]}, texts)}),
    st.fixed_dictionaries({"messages": turn_lists, "id": st.integers(-9, 9)}),
    st.fixed_dictionaries({"text": texts}),
    st.builds(
        lambda text: {
            "prompt": [{"role": "user", "content": text}],
            "completion": [{"role": "assistant", "content": text}],
        },
        texts,
    ),
]


@st.composite
def mutated_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a file of a few good rows of one shape, and up to three things done to its bytes."""
    suffix = draw(st.sampled_from(SUFFIXES))
    rows = draw(st.sampled_from(SHAPES).flatmap(lambda shape: st.lists(shape, min_size=1, max_size=3)))
    content = write_rows(suffix, rows, draw(st.sampled_from(["\n", "\r\n"])), draw(st.booleans()))
    if suffix not in ("parquet", "jsonl.gz") and draw(st.booleans()):
        content = b"\xef\xbb\xbf" + content
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 0, 1, 1, 5, 40])))
        insert = draw(st.sampled_from([b"", content[start:end] * 2, *INSERTED]) | st.binary(max_size=2))
        content = content[:start] + insert + content[end:]
    return suffix, content


def write_rows(suffix: str, rows: list[dict[str, Any]], newline: str, escaped: bool) -> bytes:
    """Return the rows as a file of a format."""
    if suffix == "parquet":
        import pyarrow
        from pyarrow import parquet

        stream = io.BytesIO()
        table = pyarrow.Table.from_pylist(rows)
        parquet.write_table(table, stream, compression="none", write_page_checksum=True)
        return stream.getvalue()
    if suffix == "csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator=newline)
        writer.writerow(rows[0])
        for row in rows:
            writer.writerow([json.dumps(v) if isinstance(v, list) else v for v in row.values()])
        return text.getvalue().encode("utf-8", "surrogatepass")
    if suffix == "json":
        return json.dumps(rows, ensure_ascii=escaped, indent=1).replace("\n", newline).encode()
    lines = "".join(json.dumps(row, ensure_ascii=escaped) + newline for row in rows).encode()
    return gzip.compress(lines, mtime=0) if suffix == "jsonl.gz" else lines


def check_file(suffix: str, content: bytes, folder: Path) -> str:
    """Assert the property for one file; returns "refused" or "accepted"."""
    path = folder / f"a.{suffix}"
    path.write_bytes(content)
    try:
        found = read_examples(DataSpec(data=str(path)))
    except UserError as error:
        check_line(error)
        return "refused"
    rows = read_plainly(path)
    assert len(found.examples) == len(rows), "a row is trained on or refused, never left out"
    columns = columns_told(found, rows)
    for example, row in zip(found.examples, rows, strict=True):
        assert what_trains(example) == what_should_train(row, columns, found.kind), example
    check_tokens(found)
    return "accepted"


def check_line(error: UserError) -> None:
    """Assert that a message is one short line that a terminal can show."""
    message = str(error)
    assert message.isprintable() and len(message) < 1000, message


def read_plainly(path: Path) -> list[dict[str, Any]]:
    """Read rows with the standard library alone; raises for what JSON does not allow."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return rows
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    if path.suffix == ".csv":
        return read_csv_plainly(text.replace("\r\n", "\n"))
    if path.suffix == ".json":
        try:
            value = load(text)
        except ValueError:
            pass  # lines in a .json file
        else:
            return value if isinstance(value, list) else [value]
    lines = text.split("\n") if "\n" in text else text.split("\r")
    return [load(line.strip("\ufeff \t\r")) for line in lines if line.strip("\ufeff \t\r")]


def read_csv_plainly(text: str) -> list[dict[str, Any]]:
    """Read CSV; cells that hold lists hold them as JSON."""
    bare = "".join(text.lstrip().partition("\n")[0].split('"')[::2])
    mark = next((mark for mark in ",;\t" if mark in bare), ",")
    header, *rows = [cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=mark) if cells]
    assert all(len(cells) == len(header) for cells in rows)
    return [dict(zip([name.strip() for name in header], cells, strict=True)) for cells in rows]


def load(text: str) -> Any:
    """Parse JSON; a key that stands twice and what is no JSON value must not have been accepted."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), "a key twice"
        return dict(pairs)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(text, object_pairs_hook=once, parse_constant=refuse)


def columns_told(found: ExampleSet, rows: list[dict[str, Any]]) -> list[str]:
    """Return the columns that the user is told the examples are read from."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    told = [
        [first, second, third]
        for first in names
        for second in names
        for third in names
        for sentence in TOLD
        if sentence.format(first, second, third) == found.shape
    ]
    assert told, found.shape
    sentence = next(s for s in TOLD if s.format(*told[0]) == found.shape)
    return told[0][: 1 + sentence.count("{1}") + sentence.count("{2}")]


def what_trains(example: Example) -> tuple[Any, ...]:
    """Return what of an example reaches the model, and whether it says that something was left out."""
    messages = [(m.role, m.content, m.trained) for m in (*example.before, *example.messages)]
    return example.prompt, example.completion, example.context, example.text, messages, bool(example.note)


def what_should_train(row: dict[str, Any], columns: list[str], kind: str) -> tuple[Any, ...]:
    """Return the same for a row that was read plainly."""
    if kind == "text":
        return None, None, "", row[columns[0]], [], False
    if kind == "conversations":
        turns = [turn for column in columns for turn in as_turns(row[column])]
        said = [(ROLES[role(turn).strip().lower()], content(turn), is_trained(turn)) for turn in turns]
        last = max(index for index, (who, _, kept) in enumerate(said) if who == "assistant" and kept)
        return None, None, "", None, said[: last + 1], last + 1 < len(said)
    prompt, answer = row[columns[0]], row[columns[1]]
    if columns[1].strip().lower() == "answers" and isinstance(answer, str):
        answer = as_answers(answer)
    is_told = isinstance(answer, list)  # a list of one answer too
    is_system = len(columns) > 2 and columns[2].strip().lower().startswith("system")
    context = row.get(columns[2]) if len(columns) > 2 and not is_system else None
    system = row.get(columns[2]) if is_system else None
    before = [] if is_nothing(system) else [("system", system, True)]
    if isinstance(answer, dict):
        answer = answer["text"]
    several = isinstance(answer, list)
    shown = context if context and context.strip() else ""
    is_told = is_told or (several and len(answer) > 1)
    return prompt, answer[0] if several else answer, shown, None, before, is_told


def as_answers(text: str) -> Any:
    """Return what a text writes that is the JSON of several answers, else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    held = value.get("text") if isinstance(value, dict) else value
    return value if isinstance(held, list) and all(isinstance(one, str) for one in held) else text


def as_turns(cell: Any) -> list[dict[str, Any]]:
    """Return the turns of a cell."""
    return json.loads(cell) if isinstance(cell, str) else cell


def role(turn: dict[str, Any]) -> str:
    """Return who speaks."""
    return next(turn[key] for key in ("role", "from", "speaker") if turn.get(key) is not None)


def is_trained(turn: dict[str, Any]) -> bool:
    """Tell whether nothing in a turn keeps it out of training."""
    return all(turn.get(key) is None or turn[key] for key in TRAIN_KEYS)


def content(turn: dict[str, Any]) -> str:
    """Return what is said."""
    said = next(turn[key] for key in ("content", "value", "text") if turn.get(key) is not None)
    if isinstance(said, list):
        return "".join(part["text"] if isinstance(part, dict) else part for part in said)
    return str(said)


@functools.cache
def byte_tokenizer() -> Any:
    """Return the tokenizer of single bytes, with a chat template."""
    return make_tokenizer(CHATML)


def check_tokens(found: ExampleSet) -> None:
    """Assert that the trained tokens are the answers with their ends, and that text stays text."""
    tokenizer = byte_tokenizer()
    template = "chat" if found.kind == "conversations" else "auto" if found.kind == "text" else "plain"
    try:
        encoded = encode(
            found, tokenizer, DataSpec(template=template, max_length=100_000), AnswerSpec(), None
        )
    except UserError as error:
        check_line(error)
        return
    for example, tokens in zip(found.examples, encoded.examples, strict=True):
        assert decode(tokenizer, kept(tokens.token_ids, tokens.trained)) == expected_answers(example)
        if not example.messages:
            parts = [example.prompt or "", *([example.context] if example.context else [])]
            whole = "\n\n".join(parts) + (example.completion or example.text or "")
            assert decode(tokenizer, tokens.token_ids) == f"<s>{whole}</s>"


def expected_answers(example: Example) -> str:
    """Return the text that is trained."""
    if example.messages:
        answers = example.messages[example.num_prompt_messages :]
        return "".join(
            m.content.strip() + "<|im_end|>" for m in answers if m.role == "assistant" and m.trained
        )
    return f"{example.completion or example.text}</s>"


def kept(ids: list[int], trained: list[bool]) -> Iterable[int]:
    """Return the ids that carry loss."""
    return [token for token, carries in zip(ids, trained, strict=True) if carries]


def decode(tokenizer: Any, ids: Iterable[int]) -> str:
    """Return the text of token ids, as it stands."""
    return str(tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))
