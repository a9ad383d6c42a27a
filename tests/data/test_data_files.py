"""Which files are read: several of them, a folder with its held-out set, packed ones, plain text."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from laptime.data import text_examples
from laptime.data.files import choose_files
from laptime.data.formats import ExampleSet, check_examples, read_examples
from laptime.errors import UserError
from laptime.spec import DataSpec
from laptime.util import packed_files, text_files
from tests.data.malformed import PAIR, line


def read(*paths: Path, **options: str) -> ExampleSet:
    return read_examples(
        DataSpec(data=tuple(map(str, paths)) if len(paths) > 1 else str(paths[0]), **options)
    )


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def asked(found: ExampleSet) -> list[str | None]:
    return [example.prompt for example in found.examples]


def test_several_data_are_read_in_order(tmp_path: Path) -> None:
    first = write(tmp_path / "b.jsonl", line(prompt="1", completion="x"))
    second = write(tmp_path / "a.csv", b"question,answer\n2,y\n3,z\n")
    found = read(first, second)
    assert asked(found) == ["1", "2", "3"]
    assert [example.source for example in found.examples] == ["b.jsonl:1", "a.csv:2", "a.csv:3"]
    assert found.name == f"{first}, {second}"
    assert found.notes == ["read from 2 files: b.jsonl, a.csv"]
    assert found.shape == (
        "questions and answers (question from prompt, answer from completion); "
        "questions and answers (question from question, answer from answer)"
    )
    assert found.digest == read(write(tmp_path / "all.jsonl", b"".join(
        line(prompt=prompt, completion=answer) for prompt, answer in zip("123", "xyz", strict=True)
    ))).digest  # fmt: skip
    assert found.digest != read(second, first).digest
    assert check_examples(DataSpec(data=(str(first), str(second)))) == found.digest


def test_what_is_wrong_with_one_of_several_names_its_file_and_line(tmp_path: Path) -> None:
    good = write(tmp_path / "a" / "train.jsonl", PAIR * 3)
    bad = write(tmp_path / "b" / "train.jsonl", PAIR + b"{")
    with pytest.raises(UserError, match=r"^b/train\.jsonl:2: "):
        read(good, bad)
    with pytest.raises(UserError, match=r"^--data: .*train\.jsonl is named twice; name it once$"):
        read(good, tmp_path / "a" / ".." / "a" / "train.jsonl")
    talk = write(tmp_path / "talk.jsonl", line(messages=[{"role": "user", "content": "a"},
                                                         {"role": "assistant", "content": "b"}]))  # fmt: skip
    with pytest.raises(UserError, match=r"^talk\.jsonl:1: holds conversations, the rows before it pairs$"):
        read(good, talk)
    with pytest.raises(UserError, match=r"^--data .*nowhere\.jsonl: no such file"):
        read(good, tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize("name", ["valid", "validation", "val", "dev", "eval", "held_out", "test"])
def test_a_held_out_set_beside_the_training_set_is_used(tmp_path: Path, name: str) -> None:
    write(tmp_path / "train.jsonl", PAIR * 3)
    write(tmp_path / f"{name}.jsonl", line(prompt="c", completion="d"))
    found = read(tmp_path)
    assert (len(found.examples), [example.prompt for example in found.held_out]) == (3, ["c"])
    assert found.held_out_name == f"{name}.jsonl"
    assert found.notes == [f"held out: {name}.jsonl, which lies beside train.jsonl"]
    assert not read(tmp_path / "train.jsonl").held_out, "a file stands for itself"
    assert len(read(tmp_path, held_out="0.34").examples) == 2


def test_a_test_set_is_left_alone_where_there_is_another(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        write(tmp_path / "data" / f"{name}-00000.jsonl", line(prompt=name, completion="d"))
    found = read(tmp_path)
    assert (asked(found), [example.prompt for example in found.held_out]) == (["train"], ["valid"])
    assert found.notes == [
        "held out: data/valid-00000.jsonl, which lies beside data/train-00000.jsonl; "
        "data/test-00000.jsonl is not read"
    ]


def test_two_sets_that_could_be_held_out_are_a_question(tmp_path: Path) -> None:
    for name in ("train", "valid", "dev"):
        write(tmp_path / f"{name}.jsonl", PAIR)
    found = read(tmp_path)
    assert not found.held_out
    assert found.notes == [
        "held out: nothing, for valid and dev could both be meant; choose one with --held-out"
    ]


def test_a_bad_set_that_nobody_named_says_how_to_choose(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", PAIR)
    write(tmp_path / "test.jsonl", line(prompt="a"))
    with pytest.raises(UserError, match=r"^test\.jsonl: no answer column .*; found beside the data: choose "):
        read(tmp_path)


def test_packed_files_hold_what_is_in_them(tmp_path: Path) -> None:
    rows = [{"prompt": f"질문 {n}", "completion": "답\n둘"} for n in range(50)]
    lines = b"".join(line(**row) for row in rows)
    array = json.dumps(rows, indent=1, ensure_ascii=False).encode()
    cells = b"prompt,completion\n" + "".join(f'{r["prompt"]},"{r["completion"]}"\n' for r in rows).encode()
    plain = read(write(tmp_path / "a.jsonl", lines))
    half = len(lines) // 2
    packed = {
        "b.jsonl.gz": gzip.compress(lines),
        "c.jsonl.gz": gzip.compress(lines[:half]) + gzip.compress(lines[half:]),  # as cat puts them together
        "d.json.gz": gzip.compress(b"\xef\xbb\xbf" + array),
        "E.CSV.GZ": gzip.compress(cells),
    }
    found = {name: read(write(tmp_path / name, content)) for name, content in packed.items()}
    assert {one.digest for one in found.values()} == {plain.digest}
    assert [one.examples[3].source for one in found.values()] == [
        "b.jsonl.gz:4", "c.jsonl.gz:4", "d.json.gz:14", "E.CSV.GZ:8",
    ]  # fmt: skip


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_files, "FREE_BYTES", 1 << 20)
    bomb = write(tmp_path / "a.jsonl.gz", gzip.compress(b" " * (64 << 20)))
    tracemalloc.start()
    with pytest.raises(UserError) as caught:
        read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(caught.value) == "a.jsonl.gz: holds more than 200 times its size, as no text does"
    assert peak < 16 << 20
    text = write(tmp_path / "b.jsonl.gz", gzip.compress(PAIR * 1000))
    assert len(read(text).examples) == 1000, "what is small may repeat itself"


def test_a_text_without_blank_lines_is_an_example_a_line(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.txt", "\n첫 줄 \n  둘째\r\n셋째\n\n".encode()))
    assert [(r.source, r.text) for r in found.examples] == [
        ("a.txt:2", "첫 줄"), ("a.txt:3", "  둘째"), ("a.txt:4", "셋째"),
    ]  # fmt: skip
    assert found.kind == "text"
    assert found.notes == ["a.txt: plain text, an example a line (no blank line stands between them)"]


def test_a_text_with_blank_lines_is_an_example_a_paragraph(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.txt.gz", gzip.compress(b"\xef\xbb\xbfone\ntwo\r\n \t\r\n\nthree\n\tfour\n\n\n")
    )
    found = read(path)
    assert [(r.source, r.text) for r in found.examples] == [
        ("a.txt.gz:1", "one\ntwo"), ("a.txt.gz:5", "three\n\tfour"),
    ]  # fmt: skip
    assert found.notes == ["a.txt.gz: plain text, an example a paragraph (blank lines stand between them)"]


def test_a_paragraph_without_end_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_examples, "MOST_BYTES", 100)
    monkeypatch.setattr(text_files, "MOST_LINE_BYTES", 60)
    monkeypatch.setattr(text_files, "PIECE_BYTES", 16)
    path = write(tmp_path / "a.txt", b"a\n\n" + b"bc\n" * 40 + b"\nd\n\n" + b"e" * 70 + b"\nf\n")
    with pytest.raises(UserError, match=r"^a\.txt:3: more than 0 MB of text in one example \(and 1 more"):
        read(path)
    kept = read_examples(DataSpec(data=str(path), skip_bad=True))
    assert [example.text for example in kept.examples] == ["a", "d"]


def test_texts_beside_examples_are_left_out_and_named(tmp_path: Path) -> None:
    for name in ("README.txt", "notes.txt"):
        write(tmp_path / name, b"no data\n")
    write(tmp_path / "a.jsonl", PAIR)
    found = read(tmp_path)
    assert asked(found) == ["a"]
    assert found.notes == ["not read: notes.txt (text files beside files of examples)"]
    (tmp_path / "a.jsonl").unlink()
    assert [example.text for example in read(tmp_path).examples] == ["no data"]
    assert choose_files(["train.txt", "other.jsonl"], "train") == ["train.txt"]


def test_data_of_a_config_file_are_one_or_several(tmp_path: Path) -> None:
    from laptime.options.flags import options_of, read_config_options

    options = {option.name: option for option in options_of([DataSpec]) if option.name}
    for text, expected in (('data = "a.jsonl"', "a.jsonl"), ('data = ["a", "b"]', ["a", "b"])):
        write(tmp_path / "a.toml", text.encode())
        assert read_config_options(str(tmp_path / "a.toml"), options) == {"data": expected}
    for text, message in (("data = []", "--data: expected"), ("data = [1]", "--data: expected text")):
        write(tmp_path / "a.toml", text.encode())
        with pytest.raises(UserError, match=message):
            read_config_options(str(tmp_path / "a.toml"), options)
