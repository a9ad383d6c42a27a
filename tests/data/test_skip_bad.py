"""--skip-bad: the good examples are trained on, the others counted by what is wrong with them."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from laptime.data import collected, encoder, formats, skipped
from laptime.data.encoding import EncodedData, encode
from laptime.data.examples import Example, ExampleNote, ExamplesError, Message
from laptime.data.formats import ExampleSet, check_examples, read_examples
from laptime.data.longest import count_before_answer, find_longest
from laptime.errors import UserError
from laptime.spec import AnswerSpec, DataSpec
from tests.data.malformed import PAIR, line, talk
from tests.data.tokenizers_made import CHATML, make_tokenizer


def read(path: Path, **options: Any) -> ExampleSet:
    return read_examples(DataSpec(data=str(path), **{"skip_bad": True} | options))


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def run(path: Path, tokenizer: Any, **options: Any) -> EncodedData:
    spec = DataSpec(data=str(path), **{"skip_bad": True} | options)
    return encode(read_examples(spec), tokenizer, spec, AnswerSpec(), None)


BAD = (
    b"{nonsense\n",
    line(prompt="a", completion=""),
    b'{"prompt": "\xc7\xd1", "completion": "b"}\n',
    b'{"prompt": "a", "completion": NaN}\n',
    b'   {"prompt": "a"\n',
    line(prompt="a", completion=""),
    line(prompt="a", completion="b", label=False),
    line(meta="of another kind"),
    b"\xff\n",
)


def test_the_good_ones_are_read_and_the_others_counted_by_reason(tmp_path: Path) -> None:
    other = line(prompt="c", completion="d")
    mixed = write(tmp_path / "a.jsonl", BAD[7], PAIR, *BAD, other)
    found = read(mixed)
    assert [example.source for example in found.examples] == ["a.jsonl:2", "a.jsonl:12"]
    assert found.num_skipped == 10 and len(found.example_notes) == 10
    assert found.notes[0] == (
        "left out (--skip-bad): 'completion' is empty: 2 examples (a.jsonl:4, a.jsonl:8)"
    )
    assert ExampleNote("a.jsonl:5", "left out: invalid UTF-8 at byte 13 of the line (0xc7)") in list(
        found.example_notes
    )
    assert sum(note.startswith("left out (--skip-bad): ") for note in found.notes) == 9
    clean = write(tmp_path / "b.jsonl", PAIR, other)
    assert found.digest == read(clean).digest == read(clean, skip_bad=False).digest
    assert check_examples(DataSpec(data=str(mixed), skip_bad=True)) == found.digest
    with pytest.raises(UserError, match=r"^a\.jsonl: columns of no known shape \(meta\)"):
        read(mixed, skip_bad=False)


def test_what_keeps_a_row_out_is_said_once_and_without_advice(tmp_path: Path) -> None:
    rows = [line(prompt="a", completion="b", label=n > 1) for n in range(4)]
    found = read(write(tmp_path / "a.jsonl", *rows))
    why = "'label' is false: an answer that is not wanted (KTO), which is not to be learnt"
    assert found.notes == [f"left out (--skip-bad): {why}: 2 examples (a.jsonl:1, a.jsonl:2)"]
    assert found.example_notes[0] == ExampleNote("a.jsonl:1", f"left out: {why}")
    assert found.ignored_columns == [], "the label was looked at"


@pytest.mark.parametrize(
    ("name", "content", "sources"),
    [
        (
            "a.json",
            b'[{"prompt": 1, "prompt": 2},\n{"prompt": "a", "completion": "b"}, NaN, 3]',
            ["a.json:2"],
        ),
        ("a.json", b'[1e999,\n{"prompt": "a", "completion": "b"},\n"\\ud800"]', ["a.json:2"]),
        ("a.csv", b"prompt,completion\na\n,b\na,b\n", ["a.csv:4"]),
    ],
)
def test_every_format_can_be_read_past_a_bad_row(
    tmp_path: Path, name: str, content: bytes, sources: list[str]
) -> None:
    found = read(write(tmp_path / name, content))
    assert [example.source for example in found.examples] == sources
    assert found.num_skipped >= 2


def test_a_file_with_nothing_good_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExamplesError) as caught:
        read(write(tmp_path / "a.jsonl", *BAD))
    assert str(caught.value) == (
        "a.jsonl: nothing left to train on: all 9 examples are bad; a.jsonl:1: malformed JSON at column 2: "
        "expecting property name enclosed in double quotes"
    )
    assert len(caught.value.example_notes) == 9
    good = write(tmp_path / "b.jsonl", PAIR)
    with pytest.raises(ExamplesError, match=r"^a\.jsonl: nothing left to train on: all 9"):
        read_examples(DataSpec(data=(str(good), str(tmp_path / "a.jsonl")), skip_bad=True))
    with pytest.raises(UserError, match=r"^c\.jsonl:1: 'completion' is empty$"):
        read(write(tmp_path / "c.jsonl", BAD[1], PAIR), skip_bad=False)


def test_the_beginning_of_large_data_may_be_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "LARGE_BYTES", 10)
    monkeypatch.setattr(formats, "CHECKED_ROWS", 2)
    path = write(tmp_path / "a.jsonl", *BAD[:3], PAIR)
    spec = DataSpec(data=str(path), skip_bad=True)
    assert check_examples(spec, everything=False) == ""
    assert check_examples(spec) == read_examples(spec).digest
    with pytest.raises(ExamplesError, match=r"^a\.jsonl:1: malformed JSON"):
        check_examples(DataSpec(data=str(path)), everything=False)


def test_the_held_out_set_has_a_count_of_its_own(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", line(prompt="c", completion="d"), BAD[1])
    held_out = write(tmp_path / "test.jsonl", PAIR, BAD[0], BAD[1])
    found = read(train, held_out=str(held_out))
    assert (found.num_skipped, found.num_held_out_skipped) == (1, 2)
    assert found.notes[1:] == [
        "held out: left out (--skip-bad): malformed JSON at column N: expecting property name enclosed in "
        "double quotes: 1 example (test.jsonl:2)",
        "held out: left out (--skip-bad): 'completion' is empty: 1 example (test.jsonl:3)",
    ]
    data = run(train, make_tokenizer(), held_out=str(held_out))
    assert (data.counts.num_skipped, data.counts.num_held_out_skipped) == (1, 2)


def test_what_only_the_encoding_finds_is_left_out_too(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        PAIR,
        line(prompt="a" * 30, completion="b"),
        BAD[1],
        line(prompt="c", completion="d"),
    )
    data = run(path, make_tokenizer(), template="plain", max_length=20)
    assert [example.source for example in data.examples] == ["a.jsonl:1", "a.jsonl:4"]
    assert (data.counts.num_records, data.counts.num_skipped) == (2, 2)
    assert data.notes == [
        "left out (--skip-bad): 'completion' is empty: 1 example (a.jsonl:3)",
        "left out (--skip-bad): nothing left to train: the prompt alone has N tokens, an example holds N: "
        "1 example (a.jsonl:2)",
    ]
    assert [question.question for question in data.questions] == ["a", "c"]
    clean = write(tmp_path / "b.jsonl", PAIR, line(prompt="c", completion="d"))
    assert data.digest == run(clean, make_tokenizer(), template="plain", max_length=20).digest
    with pytest.raises(ExamplesError, match=r"^a\.jsonl:1: nothing left to train on: all 3 examples are bad"):
        run(path, make_tokenizer(), template="plain", max_length=2)


ALTERNATING = CHATML.replace(
    "{% for m in messages %}",
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}",
)


def test_a_conversation_that_the_template_refuses_is_one_example(tmp_path: Path) -> None:
    good, bad = (
        talk(("user", "a"), ("assistant", "b")),
        talk(("user", "a"), ("user", "b"), ("assistant", "c")),
    )
    path = write(tmp_path / "a.jsonl", good, bad, good, bad)
    data = run(path, make_tokenizer(ALTERNATING))
    assert [example.source for example in data.examples] == ["a.jsonl:1", "a.jsonl:3"]
    with pytest.raises(ExamplesError) as caught:
        run(path, make_tokenizer(ALTERNATING), skip_bad=False)
    assert str(caught.value) == (
        "a.jsonl:2: the chat template refuses this conversation (roles must alternate) (and 1 more such "
        "example; laptime data lists them)"
    )
    assert [note.source for note in caught.value.example_notes] == ["a.jsonl:2", "a.jsonl:4"]


def test_a_refusal_does_not_wait_for_the_end_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collected, "ROWS_LOOKED_ON", 10)
    read_lines = count()
    read_example = collected.read_example
    monkeypatch.setattr(collected, "read_example", lambda *row: (next(read_lines), read_example(*row))[1])
    path = write(tmp_path / "a.jsonl", PAIR * 5, BAD[1], PAIR, BAD[1], PAIR * 1000, BAD[1])
    with pytest.raises(ExamplesError) as caught:
        read(path, skip_bad=False)
    assert next(read_lines) == 5 + 1 + 10
    assert str(caught.value) == (
        "a.jsonl:6: 'completion' is empty (and at least 1 more bad row; laptime data lists them)"
    )
    monkeypatch.setattr(collected, "MOST_BAD", 3)
    with pytest.raises(ExamplesError, match="and at least 2 more bad rows"):
        read(write(tmp_path / "b.jsonl", *BAD[1:2] * 50), skip_bad=False)


def test_a_refusal_does_not_wait_for_the_end_of_the_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "LETTERS_AT_ONCE", 10)
    long = line(prompt="a" * 30, completion="b")
    path = write(tmp_path / "a.jsonl", PAIR * 500, long, PAIR, long, PAIR * 500, long)
    seen = count()
    split = encoder.Encoder._split_text
    monkeypatch.setattr(encoder.Encoder, "_split_text", lambda *some: (next(seen), split(*some))[1])
    with pytest.raises(ExamplesError) as caught:
        run(path, make_tokenizer(), template="plain", max_length=20, skip_bad=False)
    assert next(seen) == 3, "the longest are looked at first"
    assert str(caught.value) == (
        "a.jsonl:501: nothing left to train: the prompt alone has 31 tokens, an example holds 20; shorten "
        "it, or raise --max-length as far as the model goes (and at least 2 more such examples; laptime data "
        "lists them)"
    )
    assert not caught.value.has_all
    spec = DataSpec(data=str(path), template="plain", max_length=20)
    with pytest.raises(ExamplesError) as caught:
        encode(read_examples(spec), make_tokenizer(), spec, AnswerSpec(), None, lists_bad=True)
    assert [note.source for note in caught.value.example_notes] == [
        "a.jsonl:501",
        "a.jsonl:503",
        "a.jsonl:1004",
    ]
    assert caught.value.has_all
    monkeypatch.setattr(encoder, "MOST_BAD", 1)
    with pytest.raises(ExamplesError) as caught:
        encode(read_examples(spec), make_tokenizer(), spec, AnswerSpec(), None, lists_bad=True)
    assert len(caught.value.example_notes) == 2 and not caught.value.has_all


def test_what_only_the_template_refuses_stops_where_it_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "LETTERS_AT_ONCE", 2)
    good = talk(("user", "a"), ("assistant", "b"))
    bad = talk(("user", "a"), ("user", "b"), ("assistant", "c"))
    path = write(tmp_path / "a.jsonl", good, bad, good * 100, bad)
    with pytest.raises(ExamplesError) as caught:
        run(path, make_tokenizer(ALTERNATING), skip_bad=False)
    assert [note.source for note in caught.value.example_notes] == ["a.jsonl:2"] and not caught.value.has_all


def test_the_longest_prompts_are_chosen_whatever_the_answers(tmp_path: Path) -> None:
    pairs = [Example(source=str(n), prompt="가" * n, completion="b" * (50 - n)) for n in range(40)]
    assert [example.source for example in find_longest(pairs, 30)] == [str(n) for n in range(24, 40)]
    assert [example.source for example in find_longest(pairs, 150)] == ["38", "39"]
    assert find_longest(pairs, 1000) == []
    turns = [
        Message("user", "a" * 9),
        Message("assistant", "b" * 99, trained=False),
        Message("assistant", "c"),
    ]
    talks = [Example(source=str(n), messages=turns[n:] if n < 2 else turns[::2]) for n in range(3)]
    assert [count_before_answer(example) for example in talks] == [108, 99, 9]
    talks[2].num_prompt_messages = 2
    assert count_before_answer(talks[2]) == 0, "no answer behind what is given"
    assert count_before_answer(Example(source="t", text="a" * 99)) == 0


def test_reasons_without_end_are_told_apart_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skipped, "MOST_REASONS", 2)
    rows = [line(messages=[{"role": f"wizard {chr(97 + n)}", "content": "a"}]) for n in range(5)]
    found = read(write(tmp_path / "a.jsonl", talk(("user", "a"), ("assistant", "b")), *rows))
    assert [note.split(" (a.jsonl")[0] for note in found.notes] == [
        "left out (--skip-bad): other reasons: 3 examples",
        *(
            f"left out (--skip-bad): turn N of 'messages': unknown role 'wizard {letter}': 1 example"
            for letter in "ab"
        ),
    ]
