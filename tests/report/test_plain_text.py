"""Hostile text stays text."""

from __future__ import annotations

import io

import pytest
from markdown_it import MarkdownIt

from laptime.report.plain_text import (
    clean,
    close_gaps,
    code_markdown,
    escape_markdown,
    fence_markdown,
    keep_unbroken,
    quote_markdown,
)
from tests.report.invented import HOSTILE

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TEXTS = [
    HOSTILE,
    "# heading",
    "- item\n- item",
    "1. one",
    "a\n===",
    "---",
    "> quote",
    "    code",
    "```\nfence\n```",
    "[a]: http://evil.example",
    "![x](http://evil.example/x.png)",
    "a | b | c\n--|--|--",
    "&lt;b&gt; &#60;",
    "\\",
    "`",
    "<!-- -->",
    "__a__ ~~b~~ *c*",
]


@pytest.mark.parametrize("text", TEXTS)
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    kinds = {token.type for token in MARKDOWN.parse(escape_markdown(text))}
    assert kinds <= {"paragraph_open", "inline", "paragraph_close"}
    inline = [child for token in MARKDOWN.parse(escape_markdown(text)) for child in token.children or []]
    assert {child.type for child in inline} <= {"text", "text_special"}
    assert "".join(child.content for child in inline) == " ".join(clean(text).split())


@pytest.mark.parametrize("text", TEXTS)
def test_quotes_hold_paragraphs_only(text: str) -> None:
    kinds = {token.type for token in MARKDOWN.parse(quote_markdown(text))}
    assert kinds <= {"blockquote_open", "blockquote_close", "paragraph_open", "inline", "paragraph_close"}


@pytest.mark.parametrize("text", TEXTS)
def test_code_is_closed_by_its_own_fence_alone(text: str) -> None:
    assert [token.type for token in MARKDOWN.parse(fence_markdown(text, "sh"))] == ["fence"]
    children = MARKDOWN.parse("x " + code_markdown(text))[1].children or []
    assert [child.type for child in children] == ["text", "code_inline"]


def test_control_characters_and_direction_overrides_are_replaced() -> None:
    assert clean("a\x00b\x1b[31m\u202ec\r\nd\te\ud800\x9b") == "a\ufffdb\ufffd[31m\ufffdc\nd\te\ufffd\ufffd"
    assert clean("한국어, العربية, 👩‍🔬") == "한국어, العربية, 👩‍🔬"
    io.BytesIO().write(clean("\ud800").encode())


def test_units_and_particles_stay_with_what_they_belong_to() -> None:
    assert (
        keep_unbroken("took 9.3 s, 17 min 20 s of 5 steps")
        == "took 9.3\xa0s, 17\xa0min\xa020\xa0s of 5 steps"
    )
    assert keep_unbroken("held 4.9 GB (5.0 %).") == "held 4.9\xa0GB (5.0\xa0%)."
    assert keep_unbroken("348 k개(13%)를 (초) 기준") == "348\xa0k개(13%)\u2060를 (초) 기준"


def test_gaps_are_closed_where_text_is_shown() -> None:
    """A model that wrote newlines alone makes no empty page of them; paragraphs and indents stay."""
    assert close_gaps("\n\na\n" + 300 * "\n" + "  b\n\nc\nd" + " \n" * 200) == "a\n\n  b\n\nc\nd "
    assert close_gaps("a\r\n\r\n \t\r\n\u3000\r\nb") == "a\n\nb"
    assert close_gaps("  a  ") == "  a  "
    assert close_gaps(200 * "\n").strip() == ""
