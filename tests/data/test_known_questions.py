"""A question is found among the encoded examples by its tokens, and by nothing that only looks like it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from laptime.data.encoding import EncodedData, encode, encode_question
from laptime.data.formats import read_examples
from laptime.data.known_questions import find_question
from laptime.data.templates import make_template
from laptime.spec import AnswerSpec, DataSpec
from tests.tiny import make_byte_tokenizer

CHAT = (
    "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant: {% endif %}"
)
ROWS = [{"prompt": "one two", "completion": "3"}, {"prompt": "one", "completion": "two 4"}]


def encode_rows(tmp_path: Path, tokenizer: Any, rows: list[dict[str, Any]], **options: Any) -> EncodedData:
    (file := tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = DataSpec(data=str(file), **options)
    return encode(read_examples(spec, seed=0), tokenizer, spec, AnswerSpec(ask=("x",)), 256)


def find(encoded: EncodedData, tokenizer: Any, text: str) -> tuple[str, str | None] | None:
    """Return the set of a question and its answer there."""
    template = make_template(encoded.template, True)
    found = find_question(text, encode_question(text, tokenizer, template), encoded, tokenizer)
    return (found.source, found.reference) if found else None


@pytest.mark.parametrize("template", ["qa-en", "plain", "chat", "Q {prompt} A {completion}"])
@pytest.mark.parametrize("train_on", ["answers", "all"])
def test_a_question_is_found_with_its_answer(tmp_path: Path, template: str, train_on: str) -> None:
    tokenizer = make_byte_tokenizer()
    tokenizer.chat_template = CHAT
    encoded = encode_rows(tmp_path, tokenizer, ROWS, template=template, train_on=train_on)
    nothing_tells = template == "plain" and train_on == "all"
    assert find(encoded, tokenizer, "one two") == (None if nothing_tells else ("trained", "3"))
    assert find(encoded, tokenizer, "one") == (None if nothing_tells else ("trained", "two 4"))
    assert find(encoded, tokenizer, "on") is None
    assert find(encoded, tokenizer, "one two 3") is None


def test_an_answer_that_was_cut_is_no_reference(tmp_path: Path) -> None:
    tokenizer = make_byte_tokenizer()
    rows = [{"prompt": "one", "completion": "x" * 50}]
    encoded = encode_rows(tmp_path, tokenizer, rows, template="plain", max_length=20)
    assert find(encoded, tokenizer, "one") == ("trained", None)


def test_a_conversation_is_known_by_its_first_question(tmp_path: Path) -> None:
    """The model is asked without a history, and what it was taught then is the first answer."""
    tokenizer = make_byte_tokenizer()
    tokenizer.chat_template = CHAT
    words = ("user", "hi"), ("assistant", "hello"), ("user", "how"), ("assistant", "well")
    turns = [{"role": role, "content": content} for role, content in words]
    encoded = encode_rows(tmp_path, tokenizer, [{"messages": turns}])
    assert find(encoded, tokenizer, "hi") == ("trained", "hello")
    assert find(encoded, tokenizer, "how") is None
