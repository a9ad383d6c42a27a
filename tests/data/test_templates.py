"""Templates: which is taken, what it writes, which mistakes are answered."""

from __future__ import annotations

import pytest

from laptime.data.examples import Example, ExampleSet, Message
from laptime.data.templates import as_pair, check_fits, check_template, choose_template, make_template
from laptime.errors import UserError


def examples(*made: Example) -> ExampleSet:
    return ExampleSet(name="d", shape="", examples=list(made))


def pair(prompt: str, context: str = "") -> Example:
    return Example(source="d:1", prompt=prompt, completion="답", context=context)


def conversation(*roles: str) -> Example:
    return Example(source="d:7", messages=[Message(role, "x") for role in roles])


def test_other_braces_are_text() -> None:
    name = '{"q": "{prompt}", {}, { x }, "a": "{completion}'
    check_template(name)
    with pytest.raises(UserError, match="ends with"):
        check_template(name + '"}')
    assert make_template(name, False).fill("p{completion}") == '{"q": "p{completion}", {}, { x }, "a": "'


@pytest.mark.parametrize(
    ("example", "has_chat", "expected"),
    [
        (pair("수도는 어디인가요? (Seoul)"), False, "qa-ko"),
        (pair("What is the capital of 대한민국?"), False, "qa-en"),
        (pair("수도는?"), True, "chat"),
        (pair("### 질문: 수도는?\n### 답변: "), False, "plain"),
        (pair("Question: why?\nAnswer:"), False, "plain"),
        (conversation("user", "assistant"), True, "chat"),
        (Example(source="d:1", text="x"), True, "plain"),
    ],
)
def test_auto_takes_what_fits(example: Example, has_chat: bool, expected: str) -> None:
    assert choose_template("auto", examples(example), has_chat).name == expected


def test_fill_puts_texts_in_as_they_are() -> None:
    template = make_template("Q: {prompt}\\n{context}\\nA: {completion}", False)
    assert (
        template.fill("{context}{completion} \\n", "{prompt}")
        == "Q: {context}{completion} \\n\n{prompt}\nA: "
    )


def test_context_goes_where_the_template_has_room() -> None:
    assert make_template("qa-en", False).fill("q", "c") == "### Question:\nq\n\nc\n\n### Answer:\n"
    assert "### Input:\nc\n\n### Response:\n" in make_template("alpaca", False).fill("q", "c")
    assert "### Input" not in make_template("alpaca", False).fill("q")
    assert make_template("plain", False).fill("q") == "q"


def test_conversations_without_a_chat_template() -> None:
    single, many = conversation("user", "assistant"), conversation("user", "assistant", "user", "assistant")
    with pytest.raises(
        UserError, match=r"^--template: the data holds conversations and this tokenizer has no"
    ):
        choose_template("auto", examples(single), False)
    with pytest.raises(UserError, match=r"^--template chat: this tokenizer has no chat template"):
        choose_template("chat", examples(single), False)
    assert choose_template("qa-en", examples(single), False).name == "qa-en"
    with pytest.raises(
        UserError, match=r"^d:7: a conversation of 4 turns; --template qa-en holds one question"
    ):
        check_fits(many, make_template("qa-en", False))


def test_plain_text_takes_no_template() -> None:
    with pytest.raises(UserError, match="the data is plain text, which takes no template"):
        choose_template("qa-en", examples(Example(source="d:1", text="x")), False)


def test_a_system_text_goes_where_the_template_has_a_place() -> None:
    own = "{system}\\n\\nQ: {prompt}\\nA: {completion}"
    template = make_template(own, False)
    assert template.fill("q", "", "s{prompt}") == "s{prompt}\n\nQ: q\nA: "
    assert template.fill("q") == "Q: q\nA: ", "no blank lines for an example without one"
    told = Example(source="d:3", prompt="q", completion="a", before=[Message("system", "s")])
    assert choose_template(own, examples(told), False).fill("q", "", "s") == "s\n\nQ: q\nA: "
    assert as_pair(told, template) == ("q", "", "s", "a")
    talk = Example(
        source="d:1", messages=[Message("system", "s"), *conversation("user", "assistant").messages]
    )
    assert as_pair(talk, template) == ("x", "", "s", "x")
    assert as_pair(talk, make_template("qa-en", False)) == ("s\n\nx", "", "", "x")
    assert choose_template("auto", examples(told), True).name == "chat"
    for name in ("qa-en", "alpaca", "plain"):
        with pytest.raises(UserError) as caught:
            check_fits(told, make_template(name, False))
        assert str(caught.value) == (
            f"d:3: a system text beside the question, which --template {name} has no place for; give a "
            f"string with {{system}}, {{prompt}} and {{completion}}, or a chat template "
            f"(--chat-template gives one)"
        )


def test_earlier_turns_need_a_chat_template() -> None:
    before = [Message("user", "x"), Message("assistant", "y")]
    example = Example(source="d:3", prompt="q", completion="a", before=before)
    assert choose_template("auto", examples(example), True).name == "chat"
    with pytest.raises(
        UserError, match=r"^d:3: earlier turns beside the question; --template qa-en holds one"
    ):
        check_fits(example, make_template("qa-en", False))
