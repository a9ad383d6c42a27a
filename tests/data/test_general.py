"""General texts: those that come with us, a user's own, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from laptime.data.general import FILE_NAME, MOST_TEXTS, find_general, read_general, write_general
from laptime.errors import UserError
from laptime.spec import BUILTIN
from laptime.util.sealed_file import DamagedFileError


def test_ours_are_there_in_two_languages() -> None:
    texts = read_general(BUILTIN)
    assert texts and texts.name == BUILTIN and len(texts.texts) == 24
    assert sum(any("가" <= letter <= "힣" for letter in text) for text in texts.texts) == 12


def test_questions_of_ours_come_with_any_texts(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("One text.\n", encoding="utf-8")
    ours, mine = read_general(BUILTIN), read_general(str(file))
    assert ours and mine and ours.questions == mine.questions and len(ours.questions) == 6
    assert sum(any("가" <= letter <= "힣" for letter in question) for question in ours.questions) == 3


def test_a_file_holds_a_text_a_line_or_json(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text('One text.\n\n{"text": "Two\\nlines."}\n' + "more\n" * 300, encoding="utf-8")
    texts = read_general(str(file))
    assert texts and texts.name == "mine.txt" and len(texts.texts) == MOST_TEXTS
    assert texts.texts[:3] == ["One text.", "Two\nlines.", "more"]
    assert read_general("none") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory; give a file of texts, or none"),
        (b"", "holds no text; give a text a line, or none"),
        (b"\xff\xfe", "no UTF-8 text; give a text file, or JSONL as for --data"),
        (b'fine\n{"text": 3}', ":2: has no 'text'"),
        (b"{nope", ":1: no JSON, though it begins like it"),
    ],
)
def test_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "mine.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_general(str(file))
    assert str(error.value).startswith("--general ") and str(error.value).endswith(said)


def test_what_is_no_file_or_huge_is_refused_without_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(UserError, match="no file; give a file of texts, or none"):
            read_general(str(path))
    monkeypatch.setattr("laptime.data.general.MOST_BYTES", 1 << 20)
    large = tmp_path / "large"
    large.write_bytes(b"a" * ((1 << 20) + 1))
    with pytest.raises(UserError, match="larger than 1 MiB; a few texts will do"):
        read_general(str(large))


def test_what_all_runs_read_is_kept_and_guarded(tmp_path: Path) -> None:
    write_general(tmp_path, "none")
    assert find_general(tmp_path) is None
    write_general(tmp_path, BUILTIN)
    assert find_general(tmp_path) == read_general(BUILTIN)
    file = tmp_path / FILE_NAME
    file.write_bytes(file.read_bytes().replace(b"Water", b"water"))
    with pytest.raises(DamagedFileError):
        find_general(tmp_path)
