"""Examples from files: every shape that is recognised, every mistake with its one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from laptime.data.examples import ExampleNote, ExamplesError
from laptime.data.formats import Example, ExampleSet, Message, read_examples
from laptime.errors import UserError
from laptime.spec import DataSpec
from tests.data.malformed import PAIR, far_date, line


def read(path: Path, **options: str) -> ExampleSet:
    return read_examples(DataSpec(data=str(path), **options))


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def turns(
    *pairs: tuple[str, object], role: str = "role", content: str = "content"
) -> list[dict[str, object]]:
    return [{role: name, content: text} for name, text in pairs]


SHAPES = [
    ({"prompt": "a", "completion": "b"}, ("a", "", "b")),
    ({"prompt": "a", "response": "b"}, ("a", "", "b")),
    ({"Query": "a", "Response": "b"}, ("a", "", "b")),
    ({"input": "a", "output": "b", "source": "x"}, ("a", "", "b")),
    ({"instruction": "a", "input": "c", "output": "b"}, ("a", "c", "b")),
    ({"instruction": "a", "input": "", "output": "b", "text": "x"}, ("a", "", "b")),
    ({"instruction": "a", "context": "c", "response": "b", "category": "x"}, ("a", "c", "b")),
    ({"question": "a", "answer": "b"}, ("a", "", "b")),
    ({"question": "a", "answers": ["b", "z"]}, ("a", "", "b")),
    ({"Q": "a", "A": "b"}, ("a", "", "b")),
    ({"question": "a", "answer": "b", "a": "x", "q": "y"}, ("a", "", "b")),
    ({"q": "a", "a": "b", "context": "c"}, ("a", "c", "b")),
    ({"question": "a", "context": "c", "answers": {"text": ["b"], "answer_start": [0]}}, ("a", "c", "b")),
]


@pytest.mark.parametrize(("row", "expected"), SHAPES)
def test_question_and_answer_shapes(tmp_path: Path, row: dict, expected: tuple[str, str, str]) -> None:
    example = read(write(tmp_path, "a.jsonl", line(**row))).examples[0]
    assert (example.prompt, example.context, example.completion) == expected


@pytest.mark.parametrize(
    "row",
    [
        {"messages": turns(("user", "a"), ("assistant", "b"))},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, *turns(("model", "b"))]},
        {"conversations": turns(("human", "a"), ("gpt", "b"), role="from", content="value")},
        {"conversation": turns(("User", "a"), ("bot", "b"), ("user", "trailing"))},
        {"conversation": [{"human": "a", "assistant": "b"}]},
        {"conversation": [{"system": "", "input": "a", "output": "b", "images": None}]},
    ],
)
def test_conversation_shapes(tmp_path: Path, row: dict) -> None:
    found = read(write(tmp_path, "a.jsonl", line(**row)))
    assert found.examples[0].messages == [Message("user", "a"), Message("assistant", "b")]


def test_pairs_of_turns_are_a_conversation(tmp_path: Path) -> None:
    first = {"system": "s", "human": "a", "assistant": "b", "train": False}
    found = read(write(tmp_path, "a.jsonl", line(conversation=[first, {"human": "c", "assistant": "d"}])))
    assert found.examples[0].messages == [
        Message("system", "s"),
        Message("user", "a"),
        Message("assistant", "b", trained=False),
        Message("user", "c"),
        Message("assistant", "d"),
    ]


def test_earlier_turns_may_have_roles(tmp_path: Path) -> None:
    history = turns(("user", "c"), ("assistant", "d"))
    (example,) = read(write(tmp_path, "a.jsonl", line(prompt="a", completion="b", history=history))).examples
    assert example.before == [Message("user", "c"), Message("assistant", "d")]


TOOLS = [
    {"type": "function", "function": {"name": "f", "description": None, "parameters": {"type": "object"}}}
]


def test_tools_are_kept_as_json(tmp_path: Path) -> None:
    plain = json.dumps(TOOLS)
    talk = {"messages": turns(("user", "a"), ("assistant", "b"))}
    rows = [talk | {"tools": TOOLS}, talk | {"tools": plain}, talk | {"tools": []}, talk]
    found = read(write(tmp_path, "a.jsonl", b"".join(line(**row) for row in rows)))
    told = '[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]'
    assert [example.tools for example in found.examples] == [told, told, "", ""]
    assert found.shape == "conversations (column messages, tools from tools)" and not found.ignored_columns
    other = read(write(tmp_path, "b.jsonl", line(**talk) * 4))
    assert found.digest != other.digest
    pair = read(write(tmp_path, "c.jsonl", line(prompt="a", completion="b", functions=TOOLS))).examples[0]
    assert pair.tools == told


def test_calls_of_tools_are_kept_as_json(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"city": "서울"}'}}
    bare = {"name": "f", "arguments": None}
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "rain", "tool_call_id": "1", "name": "f"},
        {"role": "assistant", "content": "b", "tool_calls": [bare]},
    ]
    found = read(write(tmp_path, "a.jsonl", line(messages=messages)))
    turns_read = found.examples[0].messages
    assert [message.content for message in turns_read] == ["a", "", "rain", "b"]
    told = {"name": "f", "arguments": {"city": "서울"}}
    assert [json.loads(message.beside or "{}") for message in turns_read] == [
        {},
        {"tool_calls": [{"id": "1", "type": "function", "function": told}]},
        {"name": "f", "tool_call_id": "1"},
        {"tool_calls": [{"name": "f", "arguments": {}}]},
    ]
    del messages[3]["tool_calls"]
    assert found.digest != read(write(tmp_path, "b.jsonl", line(messages=messages))).digest


NOTED = {
    "reasoning": (
        "because",
        "is left out, so the answers are learnt without it; to train on it, write it into them",
    ),
    "score": (0.5, "is left out: every example counts alike; leave out those that should not be learnt"),
    "label": ("polite", "is left out: what it says of an example changes nothing of what is learnt"),
}


@pytest.mark.parametrize("column", NOTED)
def test_a_column_that_would_change_what_is_learnt_has_a_note_of_its_own(tmp_path: Path, column: str) -> None:
    value, told = NOTED[column]
    rows = line(prompt="a", completion="b", id=1) + line(**{"prompt": "a", "completion": "b", column: value})
    found = read(write(tmp_path, "a.jsonl", rows * 4))
    assert found.ignored_columns == ["id"]
    assert found.notes == [f"'{column}' {told}: 4 examples (a.jsonl:2, a.jsonl:4, a.jsonl:6, a.jsonl:8)"]
    nothing = line(**{"prompt": "a", "completion": "b", column: None})
    empty = read(write(tmp_path, "b.jsonl", nothing))
    assert (empty.notes, empty.ignored_columns) == ([], [column])


def test_a_weight_that_is_no_number_is_told(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    rows = [{"prompt": "a", "completion": "b", "weight": weight} for weight in (1.0, float("nan"))]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").notes == [
        "'weight' is NaN, no number: the example counts like every other: 1 example (a.parquet row 2)"
    ]


def test_a_wanted_answer_needs_no_note(tmp_path: Path) -> None:
    found = read(write(tmp_path, "a.jsonl", line(prompt="a", completion="b", label=True, kto_tag="true")))
    assert found.notes == []


def test_system_column_begins_the_conversation(tmp_path: Path) -> None:
    row = {"system": "s", "conversations": turns(("human", "a"), ("gpt", "b"), role="from", content="value")}
    found = read(write(tmp_path, "a.jsonl", line(**row)))
    assert found.examples[0].messages[0] == Message("system", "s")
    assert found.ignored_columns == []


def test_a_system_text_that_stands_twice_is_used_once(tmp_path: Path) -> None:
    row = {"system": "s ", "messages": turns(("system", "s"), ("user", "a"), ("assistant", "b"))}
    (example,) = read(write(tmp_path, "a.jsonl", line(**row))).examples
    assert [message.content for message in example.messages] == ["s", "a", "b"]
    prompt, completion = turns(("user", "a")), turns(("assistant", "b"))
    pair = read(write(tmp_path, "b.jsonl", line(system="s", prompt=prompt, completion=completion))).examples[
        0
    ]
    assert [message.content for message in pair.messages] == ["s", "a", "b"] and pair.num_prompt_messages == 2


def test_what_stands_before_a_question_is_kept(tmp_path: Path) -> None:
    row = {"instruction": "a", "output": "b"}
    before = {"system": "s", "history": [["c", "d"], ["e", "f"]]}
    found = read(write(tmp_path, "a.jsonl", line(**row) + line(**row, **before)))
    assert found.examples[0].before == []
    assert found.examples[1].before == [
        Message("system", "s"),
        *(Message("assistant" if i % 2 else "user", text) for i, text in enumerate("cdef")),
    ]
    assert found.shape == (
        "questions and answers (question from instruction, answer from output, system text from system, "
        "earlier turns from history)"
    )
    assert found.ignored_columns == []
    named = read(tmp_path / "a.jsonl", prompt_column="instruction", completion_column="output")
    assert named.examples == found.examples, "to name the question leaves out no system text"
    assert found.digest != read(write(tmp_path, "b.jsonl", line(**row) * 2)).digest
    cell = json.dumps(before["history"]).replace('"', '""')
    csv = read(write(tmp_path, "a.csv", f'question,answer,history\na,b,"{cell}"\nc,d,\n'))
    assert [len(example.before) for example in csv.examples] == [4, 0]


@pytest.mark.parametrize("nothing", [None, "", " ", [], {}, [None], {"url": None}])
def test_a_column_that_says_nothing_is_harmless(tmp_path: Path, nothing: object) -> None:
    names = ("system", "history", "tools", "images", "audio", "rejected", "weight")
    row = {"prompt": "a", "completion": "b", **dict.fromkeys(names, nothing), "label": True, "loss": None}
    found = read(write(tmp_path, "a.jsonl", line(**row)))
    assert found.examples == [Example(source="a.jsonl:1", prompt="a", completion="b")]
    extra = dict.fromkeys(("reasoning_content", "tool_calls", "audio", "value", "from"), nothing)
    talk = line(
        messages=[*turns(("user", "a")), {"role": "assistant", "content": "b", **extra, "weight": None}],
        tools=nothing,
    )
    messages = read(write(tmp_path, "b.jsonl", talk)).examples[0].messages
    assert messages == [Message("user", "a"), Message("assistant", "b")]


# By hand: what other tools call it must not go with the list in the code.
MARK_KEYS = ("weight", "loss", "train", "training", "train_on_turn", "trainable", "loss_mask")
MARKS = [
    *({key: value} for key in MARK_KEYS for value in (False, 0)),
    {"weight": 0.0, "loss": False, "trainable": None},
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_turn_that_is_not_trained_is_context(tmp_path: Path, mark: dict) -> None:
    untrained = {"role": "assistant", "content": "b", **mark}
    talk = [*turns(("user", "a")), untrained, *turns(("user", "c"), ("assistant", "d"))]
    found = read(write(tmp_path, "a.jsonl", line(messages=talk)))
    assert [message.trained for message in found.examples[0].messages] == [True, False, True, True]
    assert found.digest != read(write(tmp_path, "b.jsonl", line(messages=[
        {key: value for key, value in turn.items() if key not in mark} for turn in talk
    ]))).digest  # fmt: skip
    last = read(write(tmp_path, "c.jsonl", line(messages=[*talk, *turns(("user", "e")), untrained])))
    assert last.examples[0].messages == found.examples[0].messages
    assert last.examples[0].note == "what stands behind the last trained answer is left out"


@pytest.mark.parametrize("key", MARK_KEYS)
def test_a_turn_that_is_marked_as_trained_is_as_one_without_a_mark(tmp_path: Path, key: str) -> None:
    question, answer = turns(("user", "a"), ("assistant", "b"))
    bare = read(write(tmp_path, "a.jsonl", line(messages=[question, answer])))
    for yes in (True, 1, None):
        marked = line(messages=[question, {**answer, key: yes}])
        assert read(write(tmp_path, "a.jsonl", marked)).examples == bare.examples
    with pytest.raises(UserError) as error:
        read(write(tmp_path, "a.jsonl", line(messages=[question, {**answer, key: "yes"}])))
    assert f"turn 2 of 'messages': '{key}' is text; expected 1 (trained) or 0" in str(error.value)


@pytest.mark.parametrize(
    "parts",
    [
        [{"type": "text", "text": "a"}, {"type": "text", "value": "b"}],
        ["a", {"text": "b"}],
        [{"type": "input_text", "text": "a"}, {"type": "text", "text": "b", "image_url": None}],
        [{"type": "text", "text": "ab", "value": "ab"}],
    ],
)
def test_text_in_parts(tmp_path: Path, parts: list) -> None:
    row = line(messages=turns(("user", parts), ("assistant", "c")))
    assert read(write(tmp_path, "a.jsonl", row)).examples[0].messages[0].content == "ab"


def test_columns_named_by_flag_are_a_choice(tmp_path: Path) -> None:
    row = line(prompt="a", completion="b", rejected="c", images=["x"], label=False, weight=2)
    found = read(write(tmp_path, "a.jsonl", row), prompt_column="prompt", completion_column="completion")
    assert found.examples[0].completion == "b"
    assert found.ignored_columns == ["rejected", "images", "label", "weight"]
    text = write(tmp_path, "b.jsonl", line(system="s", text="a", label=0))
    assert read(text, text_column="text").ignored_columns == ["system", "label"]


def test_a_label_of_plain_text_is_a_label(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a.jsonl", line(text="a", label=0))).examples[0].text == "a"


@pytest.mark.parametrize(
    "text",
    [
        "네", "ㄱ", "\u1100\u1161\u11a8", "\u115f\u1161", "نعم", "हाँ", "ที่", "❤\ufe0f", "1\ufe0f\u20e3",
        "👨\u200d👩\u200d👧", "🏴\U000e0067\U000e0062\U000e007f", "e\u0301", "\u200f\u05d0", "\u2801", ".",
        "\ufeffa", "葛\U000e0100", "\u3164네",
    ],
)  # fmt: skip
def test_what_can_be_seen_is_an_answer(tmp_path: Path, text: str) -> None:
    assert read(write(tmp_path, "a.jsonl", line(prompt="a", completion=text))).examples[0].completion == text


def test_conversational_prompt_and_completion(tmp_path: Path) -> None:
    prompt = turns(("user", "a"), ("assistant", "old"), ("user", "b"))
    example = read(
        write(tmp_path, "a.jsonl", line(prompt=prompt, completion=turns(("assistant", "c"))))
    ).examples[0]
    assert [message.content for message in example.messages] == ["a", "old", "b", "c"]
    assert example.num_prompt_messages == 3


def test_plain_text(tmp_path: Path) -> None:
    found = read(write(tmp_path, "a.jsonl", line(text="once", id=3)))
    assert (found.kind, found.examples[0].text, found.ignored_columns) == ("text", "once", ["id"])


def test_columns_can_be_mapped(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", line(q="a", a="b", extra="c", text="d"))
    mapped = read(path, prompt_column="q", completion_column="a", context_column="extra")
    assert mapped.examples == [Example(source="a.jsonl:1", prompt="a", completion="b", context="c")]
    assert mapped.shape == "questions and answers (question from q, answer from a, further input from extra)"
    assert read(path, text_column="a").examples[0].text == "b"
    with pytest.raises(
        UserError, match=r"^--prompt-column Q: a\.jsonl has no such column; known: a, extra, q, text$"
    ):
        read(path, prompt_column="Q")
    with pytest.raises(UserError, match=r"^--completion-column extr: .*did you mean 'extra'\?$"):
        read(path, completion_column="extr")
    with pytest.raises(UserError, match=r"--messages-column and --text-column exclude each other"):
        read(path, messages_column="q", text_column="a")


def test_byte_order_mark_carriage_returns_and_blank_lines_change_nothing(tmp_path: Path) -> None:
    plain = read(write(tmp_path, "a.jsonl", PAIR * 2))
    odd = read(write(tmp_path, "b.jsonl", b"\xef\xbb\xbf" + PAIR.replace(b"\n", b"\r\n\r\n") * 2))
    assert odd.digest == plain.digest
    assert [example.source for example in odd.examples] == ["b.jsonl:1", "b.jsonl:3"]
    csv = b'prompt,completion\n"a\nb",c\n'
    assert (
        read(write(tmp_path, "a.csv", csv)).digest
        == read(write(tmp_path, "b.csv", b"\xef\xbb\xbf" + csv.replace(b"\n", b"\r\n"))).digest
    )


def test_a_line_separator_inside_a_string_ends_no_line(tmp_path: Path) -> None:
    row = '{"prompt": "a\u2028b\x85c", "completion": "d"}\n'
    assert read(write(tmp_path, "a.jsonl", row)).examples[0].prompt == "a\u2028b\x85c"


def test_all_formats_hold_the_same_examples(tmp_path: Path) -> None:
    rows = [{"prompt": f"질문 {i}", "completion": f'답, "{i}"'} for i in range(3)]
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    write(tmp_path, "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write(tmp_path, "lines.json", "".join(json.dumps(row) + "\n" for row in rows))
    write(tmp_path, "a.json", json.dumps(rows, indent=1))
    write(tmp_path, "flat.json", json.dumps(rows))
    cells = "".join(f'{row["prompt"]},"{row["completion"]}"\n'.replace('"0"', '""0""') for row in rows[:1])
    found = {
        name: read(tmp_path / name) for name in ("a.parquet", "a.jsonl", "lines.json", "a.json", "flat.json")
    }
    assert len({one.digest for one in found.values()}) == 1
    assert [one.examples[2].source for one in found.values()] == [
        "a.parquet row 3",
        "a.jsonl:3",
        "lines.json:3",
        "a.json:10",
        "flat.json example 3",
    ]
    csv = read(write(tmp_path, "a.csv", "prompt,completion\n" + cells)).examples[0]
    assert (csv.prompt, csv.completion, csv.source) == ("질문 0", '답, "0"', "a.csv:2")


def test_old_line_ends_and_marks_in_the_middle_change_nothing(tmp_path: Path) -> None:
    plain = read(write(tmp_path, "a.jsonl", PAIR * 2))
    assert read(write(tmp_path, "b.jsonl", (PAIR * 2).replace(b"\n", b"\r"))).digest == plain.digest
    assert read(write(tmp_path, "c.jsonl", PAIR + b"\xef\xbb\xbf" + PAIR)).digest == plain.digest


def test_a_quoted_header_names_its_separator(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", '"prompt";"completion, short"\na;b\n')
    found = read(path, completion_column="completion, short")
    assert (found.examples[0].prompt, found.examples[0].completion) == ("a", "b")


def test_a_line_of_megabytes_is_a_line(tmp_path: Path) -> None:
    example = read(write(tmp_path, "a.jsonl", line(prompt="가" * 1_000_000, completion="b"))).examples[0]
    assert len(example.prompt or "") == 1_000_000


@pytest.mark.parametrize("answers", ['["b", "c"]', '{"text": ["b", "c"], "answer_start": [1, 2]}'])
def test_answers_in_a_cell_of_text_are_the_list_that_they_write(tmp_path: Path, answers: str) -> None:
    cell = answers.replace('"', '""')
    found = read(write(tmp_path, "a.csv", f'question,answers\na,"{cell}"\n'))
    assert found.examples[0].completion == "b"
    assert found.notes[0].startswith("the first of several answers is trained, the others are left out")
    for text in ('["b", "c"]', "[b", "[1]", '{"b": 1}'):  # an answer may be JSON itself
        assert (
            read(write(tmp_path, "b.jsonl", line(question="a", answer=text))).examples[0].completion == text
        )
    assert read(write(tmp_path, "c.jsonl", line(question="a", answers="[1]"))).examples[0].completion == "[1]"


def test_what_a_turn_holds_beside_its_text_is_named(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "a", "lang": "x"}, {"role": "assistant", "content": "b", "id": None}]
    other = [
        {"role": "user", "content": "a", "name": "c"},
        {"role": "assistant", "content": "b", "safe": True},
    ]
    data = line(topic="t", messages=said) + line(topic="t", messages=other)
    found = read(write(tmp_path, "a.jsonl", data))
    assert found.ignored_columns == ["topic", "messages[].lang", "messages[].safe"]
    cell = json.dumps(said).replace('"', '""')
    assert read(write(tmp_path, "a.csv", f'messages\n"{cell}"\n')).ignored_columns == ["messages[].lang"]
    pair = line(prompt=said[:1], completion=said[1:])
    assert read(write(tmp_path, "b.jsonl", pair)).ignored_columns == ["prompt[].lang"]


@pytest.mark.parametrize("column", ["desirable", "accepted", "preferred", "is_correct", "thumbs_up"])
def test_an_answer_that_is_judged_bad_is_not_learnt(tmp_path: Path, column: str) -> None:
    good, bad = (line(prompt="a", completion="b", **{column: verdict}) for verdict in (True, False))
    assert read(write(tmp_path, "a.jsonl", good)).ignored_columns == [column]
    with pytest.raises(UserError, match=f"a.jsonl:2: '{column}' is false: an answer that is not wanted"):
        read(write(tmp_path, "a.jsonl", good + bad))
    text = line(text="a", **{column: False})
    assert read(write(tmp_path, "b.jsonl", text)).ignored_columns == [column]


def test_what_is_left_out_of_a_row_is_said(tmp_path: Path) -> None:
    talk = line(messages=turns(("user", "a"), ("assistant", "b"), ("user", "c")))
    found = read(write(tmp_path, "a.jsonl", talk * 7))
    assert found.example_notes[0] == ExampleNote(
        "a.jsonl:1", "what stands behind the last answer is left out"
    )
    assert found.notes == [
        "what stands behind the last answer is left out: 7 examples (a.jsonl:1, a.jsonl:2, a.jsonl:3, "
        "a.jsonl:4, a.jsonl:5 and 2 more)"
    ]
    several = read(write(tmp_path, "b.jsonl", line(question="a", answers=["b", "c"])))
    assert several.examples[0].completion == "b"
    assert several.notes == [
        "the first of several answers is trained, the others are left out: 1 example (b.jsonl:1)"
    ]
    only = read(write(tmp_path, "c.jsonl", line(prompt="a", completion=["b"]) + PAIR))
    assert only.examples[0].completion == "b"
    assert only.notes == ["a list of one answer is trained as that answer: 1 example (c.jsonl:1)"]
    squad = read(write(tmp_path, "d.jsonl", line(question="a", answers={"text": ["b"], "answer_start": [1]})))
    assert squad.examples[0].completion == "b" and squad.notes == [], "its way to write one answer"


def test_every_bad_row_is_kept_with_its_reason(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b"x\n" + PAIR + line(prompt="a", completion="") * 2)
    with pytest.raises(ExamplesError) as caught:
        read(path)
    assert str(caught.value).endswith("expecting value (and 2 more bad rows; laptime data lists them)")
    assert caught.value.example_notes == [
        ExampleNote("a.jsonl:1", "malformed JSON at column 1: expecting value"),
        ExampleNote("a.jsonl:3", "'completion' is empty"),
        ExampleNote("a.jsonl:4", "'completion' is empty"),
    ]


def test_csv_may_hold_semicolons_and_conversations(tmp_path: Path) -> None:
    found = read(write(tmp_path, "a.csv", "question;answer\na,b;c\n"))
    assert (found.examples[0].prompt, found.examples[0].completion) == ("a,b", "c")
    cell = json.dumps(turns(("user", "a"), ("assistant", "b"))).replace('"', '""')
    assert len(read(write(tmp_path, "b.csv", f'messages\n"{cell}"\n')).examples[0].messages) == 2


def test_a_folder_gives_the_files_of_its_split(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in (
        "data/train-00000.jsonl",
        "data/train-00001.jsonl",
        "data/test-00000.jsonl",
        "dataset_info.json",
    ):
        write(tmp_path, name, line(prompt=name, completion="b"))
    assert [r.prompt for r in read(tmp_path).examples] == ["data/train-00000.jsonl", "data/train-00001.jsonl"]
    assert read(tmp_path, held_out="0.5").notes == ["read from 2 files: train-00000.jsonl, train-00001.jsonl"]
    assert [r.prompt for r in read(tmp_path, split="test").examples] == ["data/test-00000.jsonl"]
    with pytest.raises(UserError, match=r"no data file for --split dev in this folder; its data files: "):
        read(tmp_path, split="dev")


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, "train.jsonl", PAIR)
    missing = tmp_path / "trian.jsonl"
    with pytest.raises(UserError) as caught:
        read(missing)
    assert str(caught.value) == f"--data {missing}: no such file or folder; did you mean 'train.jsonl'?"
    with pytest.raises(UserError, match=r"no such file or folder \(nor a folder nowhere\)$"):
        read(Path("nowhere/train.jsonl"))
    with pytest.raises(UserError, match=r"^--held-out .*did you mean 'train.jsonl'"):
        read(path, held_out=str(missing))


def test_held_out_file(tmp_path: Path) -> None:
    path = write(tmp_path, "train.jsonl", PAIR + line(prompt="c", completion="d"))
    other = write(tmp_path, "test.jsonl", PAIR)
    found = read(path, held_out=str(other))
    assert [example.source for example in found.held_out] == ["test.jsonl:1"]
    assert found.notes == ["1 of 1 held-out examples have a question that is also trained on"]
    chat = write(tmp_path, "chat.jsonl", line(messages=turns(("user", "a"), ("assistant", "b"))))
    with pytest.raises(UserError, match=r"holds conversations, the data to train on pairs$"):
        read(path, held_out=str(chat))


def test_held_out_fraction_is_a_seeded_split(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b"".join(line(prompt=str(i), completion="b") for i in range(20)))
    spec = DataSpec(data=str(path), held_out="0.2")
    found, again, other = (
        read_examples(spec, seed=1),
        read_examples(spec, seed=1),
        read_examples(spec, seed=2),
    )
    assert (len(found.examples), len(found.held_out)) == (16, 4)
    assert found == again
    assert found.held_out != other.held_out
    for side in (found.examples, found.held_out):
        assert [int(example.prompt or "") for example in side] == sorted(
            int(example.prompt or "") for example in side
        )
    most, fewest = read(path, held_out="0.99"), read(path, held_out="0.001")
    assert len(most.examples) == len(fewest.held_out) == 1
    assert most.notes == ["--held-out 0.99 of 20 examples would be 20: 19 held out instead (95 %)"]
    assert fewest.notes == ["--held-out 0.001 of 20 examples would be 0: 1 held out instead (5 %)"]
    assert not found.notes


@pytest.mark.parametrize(
    ("fraction", "message"),
    [
        ("1.5", "--held-out 1.5: a fraction lies between 0 and 1 (0.1)"),
        ("0", "--held-out 0: a fraction lies between 0 and 1 (0.1)"),
        ("nan", "--held-out nan: a fraction lies between 0 and 1 (0.1)"),
        ("10%", "--held-out 10%: give a fraction between 0 and 1 (0.1), or a file"),
        ("0.5", "--held-out 0.5: one example cannot be split; give a file"),
    ],
)
def test_held_out_fraction_errors(tmp_path: Path, fraction: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(write(tmp_path, "a.jsonl", PAIR), held_out=fraction)
    assert str(caught.value) == message


def test_builtin_examples_come_with_their_held_out_questions() -> None:
    found = read_examples(DataSpec())
    assert (len(found.examples), found.examples[0].source) == (10, "ten_records.jsonl:1")
    assert found.held_out and found.held_out_name == "held_out.jsonl"


def test_digest_follows_the_examples_and_not_their_place(tmp_path: Path) -> None:
    first = read(write(tmp_path, "a.jsonl", PAIR))
    assert first.digest == read(write(tmp_path, "b.jsonl", b"\n" + PAIR)).digest
    assert first.digest != read(write(tmp_path, "c.jsonl", line(prompt="ab", completion=" b"))).digest


def test_reading_imports_nothing_heavy(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", PAIR)
    code = (
        "import sys; from laptime.data.formats import read_examples; from laptime.spec import DataSpec\n"
        f"read_examples(DataSpec(data={str(path)!r}))\n"
        "heavy = {'torch', 'transformers', 'pyarrow', 'huggingface_hub'}\n"
        "print({m.split('.')[0] for m in sys.modules} & heavy)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
    )


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "a.jsonl", PAIR)
    assert [example.source for example in read(tmp_path).examples] == ["x/a.jsonl:1", "y/a.jsonl:1"]
    write(tmp_path / "y", "a.jsonl", b"{")
    with pytest.raises(UserError, match=r"^y/a\.jsonl:1: "):
        read(tmp_path)


def test_nothing_called_data_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", PAIR)
    write(tmp_path, "notes.txt.gz", b"no data")
    write(tmp_path, "test.jsonl.zst", b"of another split")
    assert len(read(tmp_path).examples) == 1
    write(tmp_path, "b.jsonl.zst", b"packed")
    with pytest.raises(UserError, match=r"b\.jsonl\.zst is packed; unpack it, or take it out of the folder$"):
        read(tmp_path)
    (tmp_path / "b.jsonl.zst").unlink()
    os.mkfifo(tmp_path / "b.jsonl")
    with pytest.raises(UserError, match=r"^b\.jsonl: a pipe"):
        read(tmp_path)


def test_a_date_that_python_does_not_know_harms_no_other_column(tmp_path: Path) -> None:
    far_date("seen")(tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert [(example.prompt, example.completion) for example in found.examples] == [("a", "b"), ("c", "d")]
    assert found.ignored_columns == ["seen"]


def test_an_empty_cell_of_a_table_says_nothing(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    nothing = {"weight": float("nan"), "images": None, "label": None, "history": None}
    full = {"weight": 1.0, "images": [], "label": True, "history": [["c", "d"]]}
    rows = [{"prompt": "a", "completion": "b", **more} for more in (nothing, full)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert [len(example.before) for example in read(tmp_path / "a.parquet").examples] == [0, 2]
    turns_of_parquet = [
        {"role": "user", "content": "a", "from": None, "value": None, "weight": None, "tool_calls": None},
        {"role": None, "content": None, "from": "gpt", "value": "b", "weight": 1.0, "tool_calls": []},
    ]
    parquet.write_table(pyarrow.Table.from_pylist([{"messages": turns_of_parquet}]), tmp_path / "b.parquet")
    (example,) = read(tmp_path / "b.parquet").examples
    assert example.messages == [Message("user", "a"), Message("assistant", "b")]


def test_one_side_of_preferences_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", line(prompt="a", chosen="b", rejected="c"))
    found = read(path, completion_column="chosen")
    assert found.examples[0].completion == "b" and found.ignored_columns == ["rejected"]


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "\ufeffSEP=;;;\n"])
def test_the_separator_that_excel_writes_above_a_table_is_read(tmp_path: Path, first: str) -> None:
    found = read(write(tmp_path, "a.csv", f"{first}prompt;completion\na,b;c\nd;e\n"))
    assert [(one.source, one.prompt, one.completion) for one in found.examples] == [
        ("a.csv:3", "a,b", "c"),
        ("a.csv:4", "d", "e"),
    ]
    with pytest.raises(UserError, match=r"^a\.csv:3: 1 cell"):
        read(write(tmp_path, "a.csv", f"{first}prompt;completion\na\n"))


def test_answers_that_are_the_word_for_a_missing_value_are_counted(tmp_path: Path) -> None:
    found = read(write(tmp_path, "a.csv", "prompt,completion\na,NaN\nb,NaN\nc,null\nd,Nan bread\n"))
    assert [one.completion for one in found.examples] == ["NaN", "NaN", "null", "Nan bread"]
    word = "the answer is the word {}; where it stands for a missing value, take the example out"
    assert found.notes[:2] == [
        f"{word.format('NaN')}: 2 examples (a.csv:2, a.csv:3)",
        f"{word.format('null')}: 1 example (a.csv:4)",
    ]


def test_a_file_of_text_has_no_columns(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a.txt", "one\ntwo\n")).shape == "plain text"
    assert read(write(tmp_path, "a.jsonl", line(text="one"))).shape == "plain text (column text)"
