"""The Modelfile's template writes what the training's template wrote, or is refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from laptime.data.chat import ChatTemplate
from laptime.data.chat_templates import BEGIN, BUILT_IN
from laptime.data.examples import Message
from laptime.data.templates import Template, make_template
from laptime.data.tokens import Tokens
from laptime.errors import UserError
from laptime.export.go_template import write_go_template, write_modelfile
from laptime.export.turn_format import find_format
from tests.data.tokenizers_made import CHATML, make_tokenizer
from tests.export.go import read_modelfile, render

ODD = ["a", 'say "hi" {{ .Prompt }}', "둘째\n\n줄", "tab\tand \\n", "{", "}}"]
# As those of well-known models: a system text of its own, and another cue than the turns have (Qwen3).
QWEN = (
    "{%- if messages[0].role == 'system' -%}"
    "{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}"
    "{%- else -%}{{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}{%- endif -%}"
    "{%- for m in messages -%}{%- if m.role != 'system' -%}"
    "{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "{{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}{%- endif -%}"
)
NUMBERED = (
    "{%- for m in messages -%}{%- if m.role == 'assistant' -%}{{- 'A: ' + m.content + '</s>' }}"
    "{%- else -%}{{- loop.index ~ '. ' + m.content + '\\n' }}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- 'A: ' }}{%- endif -%}"
)


def turns_of(texts: list[str]) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]


def write(tokenizer: Any, template: Template) -> tuple[str, bool, bool]:
    """Return the template as Ollama reads it from the Modelfile, and what it takes."""
    found = find_format(tokenizer, template)
    modelfile = write_modelfile("./", found, ["</s>", 'a"b'], 256, ["note"])
    commands = dict(read_modelfile(modelfile)[:2])
    assert commands["FROM"] == "./" and commands["TEMPLATE"] == write_go_template(found)
    assert ("PARAMETER", 'stop "</s>"') in read_modelfile(modelfile)
    return commands["TEMPLATE"], found.takes_system, found.has_turns


@pytest.mark.parametrize("text", [CHATML, QWEN, BUILT_IN["chatml"], BEGIN + BUILT_IN["llama3"]])
def test_a_chat_template_writes_the_same_in_go(text: str) -> None:
    tokenizer = make_tokenizer(text)
    go, takes_system, has_turns = write(tokenizer, make_template("chat", True))
    assert takes_system and has_turns
    chat = ChatTemplate(Tokens(tokenizer))
    for system in ("", *ODD):
        for number in range(3):
            texts = [ODD[(number + place) % len(ODD)] for place in range(2 * number + 1)]
            messages = [Message(turn["role"], turn["content"]) for turn in turns_of(texts)]
            before = [Message("system", system)] if system else []
            expected = chat.cue([*before, *messages], "here").removeprefix("<s>")
            collated = [{"role": "system", "content": system}] if system else []
            assert render(go, system, [*collated, *turns_of(texts)]) == expected


@pytest.mark.parametrize(
    "name",
    [
        "qa-ko",
        "qa-en",
        "alpaca",
        "plain",
        "{system}\n\n[{prompt}]\u200b\u3000=> {completion}",
        "{prompt}{{: {completion}",
    ],
)
def test_a_pattern_writes_the_same_in_go(name: str) -> None:
    template = make_template(name, False)
    go, takes_system, has_turns = write(make_tokenizer(), template)
    assert takes_system and not has_turns
    for question in ODD:
        assert render(go, "", turns_of([question])) == template.fill(question)
        assert render(go, "", turns_of(["before", "answered", question])) == template.fill(question)
        if template.holds_system:
            assert render(go, "be brief", turns_of([question])) == template.fill(question, system="be brief")


def test_a_template_that_is_more_than_pieces_is_refused() -> None:
    with pytest.raises(UserError, match="no template of Ollama could repeat exactly; use --to merged"):
        find_format(make_tokenizer(NUMBERED), make_template("chat", True))


def test_the_evaluator_tells_templates_apart() -> None:
    body = '{{ if eq $m.Role "user" }}<{{ $m.Content }}>{{ else }}-{{ end }}'
    go = f"{{{{ range $i, $m := .Messages }}}}{body}{{{{ end }}}}"
    assert render(go, "", turns_of(["a", "b", "c"])) == "<a>-<c>"
    assert render('{{ if .System }}S{{ else }}{{ "a\\n\\U0000200b" }}{{ end }}', "", []) == "a\n\u200b"
