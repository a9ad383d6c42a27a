"""Encoded data are read as they were written, or refused: no flipped bit is trained on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from laptime.data import spool
from laptime.data.encoded import (
    EncodedData,
    EncodedExample,
    Question,
    digest_key,
    digest_tokens,
    find_damage,
    lengths_of,
    read_encoded,
    write_encoded,
)
from laptime.data.encoding import encode
from laptime.data.examples import Example, ExampleNote, ExampleSet
from laptime.data.input_manifest import ENCODED_FILE
from laptime.errors import UserError
from laptime.spec import AnswerSpec, DataSpec
from tests.data.tokenizers_made import make_tokenizer


def pair(number: int) -> Example:
    return Example(source=f"d.jsonl:{number}", prompt=f"q{number}", completion="가" * (number % 7 + 1))


def encoded(number: int = 3, **options: int) -> EncodedData:
    """Encode so many examples and one that is held out."""
    examples = ExampleSet(name="d", shape="s", examples=[pair(n) for n in range(number)], held_out=[pair(99)])
    spec = DataSpec(template="plain", **options)  # type: ignore[arg-type]
    return encode(examples, make_tokenizer(), spec, AnswerSpec(), None)


def test_a_flipped_bit_is_told_wherever_it_lies(tmp_path: Path) -> None:
    path = tmp_path / ENCODED_FILE
    write_encoded(path, encoded())
    whole = path.read_bytes()
    assert find_damage(tmp_path) == "" and len(whole) > 500
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        reason = find_damage(tmp_path)
        assert reason.startswith(("damaged", "not the encoded data")), place
        with pytest.raises(UserError) as error:
            read_encoded(path)
        assert str(error.value) == f"{path}: {reason}"
    path.write_bytes(whole)
    assert find_damage(tmp_path) == ""


def test_what_is_missing_cut_or_another_thing_is_told(tmp_path: Path) -> None:
    path = tmp_path / ENCODED_FILE
    assert find_damage(tmp_path) == "cannot be read (No such file or directory)"
    write_encoded(path, encoded())
    whole = path.read_bytes()
    for content in (b"", b"\xc1", whole[:-1], whole[:-40], whole + b"\0", b"\0" * len(whole)):
        path.write_bytes(content)
        assert find_damage(tmp_path).startswith(("damaged", "not the encoded data")), content[:20]
    path.unlink()
    os.mkfifo(path)
    assert find_damage(tmp_path) == "cannot be read (not a file)"


def test_damage_is_found_without_torch(tmp_path: Path) -> None:
    write_encoded(tmp_path / ENCODED_FILE, encoded())
    look = (
        "import sys; from pathlib import Path; from laptime.data.encoded import find_damage\n"
        f"assert find_damage(Path({str(tmp_path)!r})) == ''\n"
        "assert not {'torch', 'numpy', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", look], check=True)


def test_examples_are_made_when_they_are_asked_for(tmp_path: Path) -> None:
    data = encoded(50)
    write_encoded(tmp_path / "e", data)
    for found in (data, read_encoded(tmp_path / "e")):
        examples = list(found.examples)
        assert [example.source for example in examples] == [f"d.jsonl:{n}" for n in range(50)]
        assert found.examples[-1] == examples[49] and found.examples[3:5] == examples[3:5]
        assert [one.source for one in found.held_out] == ["d.jsonl:99"]
        lengths = [len(example.token_ids) for example in examples]
        assert found.examples.lengths.tolist() == lengths_of(examples).tolist() == lengths
        assert found.examples.trained_lengths.tolist() == [sum(example.trained) for example in examples]
        assert found.examples.largest_token == max(max(example.token_ids) for example in examples)
        assert digest_key(examples[7]) == digest_tokens(examples[7].token_ids)
        assert found.examples is not found.examples[:] and found.examples[0] is not found.examples[0]


def test_an_example_is_its_words() -> None:
    example = EncodedExample([5, 6, 7], [False, True, False], "x", 2)
    assert (example.token_ids, example.trained, len(example)) == ([5, 6, 7], [False, True, False], 3)
    assert example == EncodedExample([5, 6, 7], [False, True, False], "x", 2)
    assert example != EncodedExample([5, 6, 7], [False, True, True], "x", 2)


def test_where_the_buffers_lie_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small data stay in memory, large ones go to a file: here all do."""
    before = encoded(40, max_length=9)
    assert before.counts.num_cut and before.example_notes
    monkeypatch.setattr(spool, "IN_MEMORY", 10)
    monkeypatch.setattr(spool, "AT_ONCE", 30)
    after = encoded(40, max_length=9)
    after.encode_seconds = before.encode_seconds
    assert after == before
    write_encoded(tmp_path / "e", after)
    read = read_encoded(tmp_path / "e")
    assert (read.examples, read.held_out, read.digest) == (before.examples, before.held_out, before.digest)
    assert isinstance(read.questions[0], Question) and read.example_notes == []


def test_a_spool_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [ExampleNote(f"d:{n}", "말" * (n % 5)) for n in range(200)]
    for limit in (10, 1 << 20):
        monkeypatch.setattr(spool, "IN_MEMORY", limit)
        monkeypatch.setattr(spool, "AT_ONCE", limit)
        kept = spool.join_spools(ExampleNote, items[:150], items[150:])
        assert kept == items and items == kept and len(kept) == 200
        assert (kept[0], kept[-1], kept[5:8], kept[190:]) == (items[0], items[-1], items[5:8], items[190:])
        chosen = spool.Chosen(kept, range(1, 200, 3))
        assert chosen == items[1::3] and chosen[2] == items[7] and chosen[1:3] == items[4:10:3]
        with pytest.raises(IndexError):
            kept[200]


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "IN_MEMORY", 10)
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", full)
    with pytest.raises(
        UserError,
        match=r"the disk is full \(No space left on device\): the examples need more than the 0\.0 MB "
        r"that they have there; .* are free; make room, or set TMPDIR to another folder$",
    ):
        encoded(40)
