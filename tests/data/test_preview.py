"""What `laptime data` prints, at 80 columns, with colours and without."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from laptime.data.encoding import EncodedData, encode
from laptime.data.examples import Example, ExampleNote, ExampleSet
from laptime.data.formats import read_examples
from laptime.data.preview import describe, make_pieces, print_example_notes, print_preview, visible
from laptime.spec import AnswerSpec, DataSpec
from laptime.training.preprocess import tell_ignored
from tests.data.tokenizers_made import make_tokenizer

TOKENIZER = make_tokenizer()


def made(completion: str = "서울입니다.", number: int = 1) -> EncodedData:
    examples = [
        Example(source=f"train.jsonl:{i + 1}", prompt="수도는?", completion=completion) for i in range(number)
    ]
    examples_read = ExampleSet(name="train.jsonl", shape="questions and answers", examples=examples)
    return encode(examples_read, TOKENIZER, DataSpec(), AnswerSpec(), None)


def printed(data: EncodedData, colours: bool = False, **options: object) -> str:
    console = Console(
        file=io.StringIO(), width=80, force_terminal=colours, color_system="standard" if colours else None
    )
    print_preview(data, TOKENIZER, console, **options)  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_syllables_split_over_tokens_are_put_together() -> None:
    pieces = list(make_pieces(made().examples[0], TOKENIZER))
    assert [piece.text for piece in pieces if piece.trained] == ["서", "울", "입", "니", "다", ".", "</s>"]
    assert [piece.num_tokens for piece in pieces if piece.trained] == [3, 3, 3, 3, 3, 1, 1]
    assert "\ufffd" not in "".join(piece.text for piece in pieces)


def test_what_is_printed_is_there_as_plain_values() -> None:
    told = describe(made(number=3), TOKENIZER, limit=2)
    assert told["counts"] == {
        "examples": 3, "held_out": 0, "tokens": 162, "trained_tokens": 51, "cut": 0,
    }  # fmt: skip
    assert [one["source"] for one in told["examples"]] == ["train.jsonl:1", "train.jsonl:2"]
    pieces = told["examples"][0]["pieces"]
    assert "".join(one["text"] for one in pieces if one["trained"]) == "서울입니다.</s>"
    assert "".join(one["text"] for one in pieces if not one["trained"]).startswith("<s>### 질문:\n수도는?")
    assert [one["text"] for one in pieces if one["special"]] == ["<s>", "</s>"]
    long = describe(made(completion="a" * 1500), TOKENIZER)["examples"][0]["pieces"]
    assert any("tokens ..." in one["text"] for one in long), "the middle of a long one is left out"


def test_plain_output_marks_what_is_trained() -> None:
    expected = """\
data      train.jsonl: 2 examples, questions and answers
held out  none, so nothing is claimed about quality; --held-out FILE or 0.1 sets
          some apart
template  qa-ko (no chat template in the tokenizer, and the prompts are Korean)
trained   34 of 108 tokens (31%): answers with their end
lengths   54/54/54 tokens an example, 17/17/17 trained (min/median/max); limit
          2048, none cut
questions 2 also trained on (memorisation)

⟦trained⟧, the rest is context; ↵ line break

train.jsonl:1  54 tokens, 17 trained
<s>### 질문:↵
수도는?↵
↵
### 답변:↵
⟦서울입니다.</s>⟧

... and 1 more example
"""
    assert [row.rstrip() for row in printed(made(number=2), limit=1).splitlines()] == expected.splitlines()


def test_colours_mark_it_on_a_terminal() -> None:
    shown = printed(made(), colours=True)
    assert "⟦" not in shown
    assert "\x1b[1;32m서" in shown and "\x1b[1;35m</s>" in shown


def test_tokens_can_be_set_apart() -> None:
    assert "⟦서·울·입·니·다·.·</s>⟧" in printed(made(), tokens=True)


@pytest.mark.parametrize("length", [10, 100, 1000])
def test_nothing_is_wider_than_the_terminal(length: int) -> None:
    shown = printed(made("긴 답변입니다. " * length))
    assert max(cell_len(row) for row in shown.splitlines()) <= 80
    assert ("tokens ...]" in shown) == (length > 70)


def test_data_cannot_steer_the_terminal() -> None:
    shown = printed(made("a\x1b[31mred\u202ebackwards\x07[bold]markup[/bold]"), colours=True)
    assert "\x1b[31m" not in shown and "\u202e" not in shown and "\x07" not in shown
    assert "[bold]markup[/bold]" in "".join(shown.split("\x1b[0m\x1b[1;32m"))
    assert visible("\x1b\u202e가\n") == "\\u001b\\u202e가\n"


def test_cut_examples_say_so() -> None:
    examples = ExampleSet(
        name="d", shape="s", examples=[Example(source="d:1", prompt="a", completion="b" * 90)]
    )
    data = encode(examples, TOKENIZER, DataSpec(max_length=60), AnswerSpec(), None)
    shown = printed(data)
    assert f"{data.examples[0].cut} tokens cut off its end" in shown
    assert "note      1 of 1 examples cut to --max-length 60" in shown


def test_examples_that_were_cut_or_counted_are_listed_up_to_a_bound() -> None:
    examples = [Example(source=f"d:{i}", prompt="a", completion="b" * 90) for i in range(1, 31)]
    data = encode(
        ExampleSet(name="d", shape="s", examples=examples),
        TOKENIZER,
        DataSpec(max_length=60),
        AnswerSpec(),
        None,
    )
    shown = printed(data, limit=0).splitlines()
    first = shown.index("notes on  30 examples:")
    assert shown[first + 1] == f"d:1: {data.examples[0].cut} tokens cut off its end, 60 left"
    assert shown[first + 20].startswith("d:20: ")
    assert shown[first + 21 :] == ["... and 10 more; --all lists them"]
    assert "d:30: " in printed(data, limit=0, all_notes=True)


def test_what_was_left_out_is_counted_above_the_examples(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("train.jsonl", "test.jsonl")]
    for path in paths:
        path.write_text(f'{{"prompt": "{path.name}", "completion": "b"}}\n{{\n')
    spec = DataSpec(data=str(paths[0]), held_out=str(paths[1]), skip_bad=True)
    shown = printed(encode(read_examples(spec), TOKENIZER, spec, AnswerSpec(), None))
    told = "left out 2 bad examples, 1 of them held out (--skip-bad); what is wrong with them stands in the"
    assert told in " ".join(shown.split())
    assert "\nnotes on  2 examples:\n" in shown
    assert all(f"\n{path.name}:2: left out: a lone '{{'" in shown for path in paths)
    assert "left out" not in printed(made())


def test_refused_examples_are_listed() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_example_notes([ExampleNote("a.jsonl:2", "'answer' is \x1bblank")], "refused", console, False)
    assert console.file.getvalue() == "refused   1 example:\na.jsonl:2: 'answer' is \\u001bblank\n"  # type: ignore[attr-defined]


def encoded(path: Path) -> EncodedData:
    examples = read_examples(DataSpec(data=str(path)))
    return encode(examples, TOKENIZER, DataSpec(), AnswerSpec(), None)


def test_a_column_without_a_name_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt,,completion\na,b,c\n")
    data = encoded(tmp_path / "a.csv")
    assert "ignored   a column without a name\n" in printed(data)
    assert tell_ignored(data.ignored_columns) == ["left out of the training: a column without a name"]
    told = "left out of the training: columns id, rank and a column without a name"
    assert tell_ignored(["id", "", "rank"]) == [told]


def test_plain_text_is_described_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    shown = " ".join(printed(encoded(tmp_path / "a.txt")).split())  # lines break where the path ends
    assert "2 examples, plain text held out" in shown
    assert "%): the text with its end lengths" in shown
    assert "answers" not in shown
