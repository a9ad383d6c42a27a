"""The form of a new race and the command line that it equals."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from laptime.errors import UserError
from laptime.live.form import Form, make_words, plan_words, preview_words, read_words, show_command

FULL = Form(
    model="m y", data=" a.jsonl ", held_out="0.1", methods=["full", "lora"], epochs="3",
    more="--rounds 2 --lora-rank=4 --ask '왜?'",
)  # fmt: skip


def test_an_empty_form_is_the_demo() -> None:
    assert show_command(make_words(Form(), Path("race"), "en")) == "laptime compare --out race"


def test_what_is_shown_is_what_is_started() -> None:
    words = make_words(FULL, Path("a b"), "ko")
    shown = show_command(words)
    assert shown == (
        "laptime compare --model 'm y' --data a.jsonl --held-out 0.1 --methods full,lora --epochs 3 "
        "--rounds 2 --lora-rank=4 --ask '왜?' --out 'a b' --lang ko"
    )
    assert shlex.split(shown) == ["laptime", *words]


def test_the_preview_takes_what_tells_of_the_data() -> None:
    form = Form(data="a.jsonl", epochs="3", more="--data=b.jsonl --skip-bad --max-length 64 --rounds 2")
    words = preview_words(read_words(make_words(form, Path("race"), "en")))
    assert words[0] == "data" and words[-3:] == ["--examples", "3", "--json"]
    assert sorted(words[1:-3]) == ["--data=a.jsonl", "--data=b.jsonl", "--max-length=64", "--skip-bad"]


def test_the_plan_leaves_out_what_says_where_a_race_goes() -> None:
    form = Form(methods=["lora"], more="--wait --lang=ko --track wandb --ablate --rounds 2")
    assert plan_words(make_words(form, Path("race"), "ko")) == [
        "plan", "--methods", "lora", "--rounds", "2", "--json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "line"),
    [
        (Form(epochs="many"), "--epochs: expected a whole number (got 'many')"),
        (Form(epochs="0"), "--epochs: "),
        (Form(more="--nothing 3"), "No such option '--nothing'"),
        (Form(more="'"), "more options: No closing quotation; close the quotes"),
        (Form(more="--help"), "No such option '--help'"),
        (Form(more="word"), "Got unexpected extra argument (word)"),
        (Form(epochs="2", more="--epochs 3"), "--epochs: given 2 times; give it once"),
        (Form(model="a\nb"), "--model: a path with"),
    ],
)
def test_what_cannot_be_read_is_one_line(form: Form, line: str) -> None:
    with pytest.raises(UserError) as error:
        read_words(make_words(form, Path("race"), "en"))
    assert str(error.value).startswith(line) and "\n" not in str(error.value)
