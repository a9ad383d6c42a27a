"""Whatever is done to a data file, the answer is records or one line."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.inputs.formats import read_records
from laptime.spec import DataSpec

TURNS = [{"role": "user", "content": "질문"}, {"role": "assistant", "content": "답"}]
ROWS = [
    {"prompt": "질문 \U0001f600", "completion": "답", "n": 1.5},
    {"instruction": "a", "input": None, "output": "b"},
    {"messages": TURNS},
    {"question": "a", "answers": {"text": ["b"]}},
    {"prompt": TURNS[:1], "completion": TURNS[1:]},
]
INSERTED = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r",
    b"\x00",
    b"\xff",
    rb"\ud800",
    b"NaN",
    b"null",
    b"1e999",
    b"9" * 5000,
    b"true",
    b"\xef\xbb\xbf",
    b"\\",
    b"\xed\xa0\x80",
    b"'",
    b";",
]


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Delete, insert, repeat or exchange up to three stretches."""
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(content) + 1)
        end = min(len(content), start + chance.choice((0, 1, 1, 5, 40)))
        content = (
            content[:start]
            + chance.choice((b"", content[start:end] * 2, chance.choice(INSERTED)))
            + content[end:]
        )
    return content


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv"])
def test_mutated_files_end_in_records_or_in_one_line(tmp_path: Path, suffix: str) -> None:
    chance = random.Random(suffix)
    for number in range(600):
        row = chance.choice(ROWS)
        if suffix == "csv":
            content = 'prompt,completion\r\n질문,답\r\n"a""b\nc",d\r\n'.encode()
        else:
            text = json.dumps([row, row], ensure_ascii=False) if suffix == "json" else ""
            content = (text or (json.dumps(row, ensure_ascii=False) + "\n") * 2).encode()
        path = tmp_path / f"{number}.{suffix}"
        path.write_bytes(mutate(content, chance))
        try:
            assert read_records(DataSpec(data=str(path))).records
        except UserError as error:
            assert "\n" not in str(error) and len(str(error)) < 2000, path.read_bytes()
