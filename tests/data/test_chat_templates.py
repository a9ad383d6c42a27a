"""--chat-template: which is taken, what it needs of the tokenizer, what it writes, and what it is part of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from laptime.data.encoding import EncodedData, encode, read_encoded, write_encoded
from laptime.data.examples import ExamplesError
from laptime.data.formats import check_examples, read_examples
from laptime.data.preview import visible
from laptime.errors import UserError
from laptime.spec import AnswerSpec, DataSpec
from tests.data.malformed import line, turns
from tests.data.tokenizers_made import CHATML, make_tokenizer

TURNS = turns(("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
OWN = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}" + (
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
WITH_TOOLS = "{% if tools %}<|im_start|>tools {{ tools | tojson }}<|im_end|>{% endif %}" + CHATML


def run(folder: Path, tokenizer: Any, *rows: dict[str, Any], **options: Any) -> EncodedData:
    path = folder / "a.jsonl"
    path.write_bytes(b"".join(line(**row) for row in rows or ({"messages": TURNS},)))
    spec = DataSpec(data=str(path), **options)
    return encode(read_examples(spec), tokenizer, spec, AnswerSpec(), None)


def text_of(data: EncodedData, tokenizer: Any) -> str:
    return str(tokenizer.decode(data.examples[0].token_ids))


def test_chatml_is_written_and_told(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    data = run(tmp_path, tokenizer, chat_template="chatml")
    assert text_of(data, tokenizer) == (
        "<s><|im_start|>system\ns<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
        "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\nd<|im_end|>\n"
    )
    pairs = zip(data.examples[0].token_ids, data.examples[0].trained, strict=True)
    assert tokenizer.decode([token for token, kept in pairs if kept]) == "b<|im_end|>d<|im_end|>"
    assert (data.template, data.template_reason) == (
        "chat", "the chat template given with --chat-template chatml",
    )  # fmt: skip
    assert data.chat_template_name == "chatml" and data.turn_end == "<|im_end|>"
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") in data.stop_ids
    bare = make_tokenizer(bos=False)
    assert text_of(run(tmp_path, bare, chat_template="chatml"), bare).startswith("<|im_start|>system")


def test_it_takes_the_place_of_the_tokenizers_own(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(CHATML)
    (tmp_path / "own.jinja").write_text(OWN)
    data = run(tmp_path, tokenizer, chat_template=str(tmp_path / "own.jinja"))
    assert (
        text_of(data, tokenizer) == "<s>[system]s</s>[user]a</s>[assistant]b</s>[user]c</s>[assistant]d</s>"
    )
    assert data.chat_template == OWN and data.chat_template_name == "own.jinja"
    assert not data.notes
    write_encoded(tmp_path / "encoded.bin", data)
    assert read_encoded(tmp_path / "encoded.bin").chat_template == OWN
    pair = run(tmp_path, tokenizer, {"prompt": "a", "completion": "b"}, chat_template="chatml")
    assert "<|im_start|>user\na<|im_end|>" in text_of(pair, tokenizer)


def test_special_tokens_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        run(tmp_path, make_tokenizer(), chat_template="llama3")
    assert str(caught.value) == (
        "--chat-template llama3: this tokenizer has no special token <|start_header_id|>, <|end_header_id|>, "
        "<|eot_id|>; --chat-template chatml fits it; or give a file with a template of tokens that it has"
    )
    own = OWN.replace("[assistant]", "<|assistant|>").replace("[{{ m.role }}]", "<|{{ m.role }}|>")
    (tmp_path / "own.jinja").write_text(own)
    data = run(tmp_path, make_tokenizer(), chat_template=str(tmp_path / "own.jinja"))
    assert data.notes == [
        "<|assistant|> of the chat template: no special token of this tokenizer, but ordinary text"
    ]


def test_llama3_fits_its_tokenizer(tmp_path: Path, shared_data: Path) -> None:
    from transformers import AutoTokenizer

    base = AutoTokenizer.from_pretrained(shared_data / "models" / "llama-3.2-1b")
    with pytest.raises(UserError, match="--chat-template llama3 fits it"):
        run(tmp_path, base, chat_template="chatml")
    given = run(tmp_path, base, chat_template="llama3")
    assert text_of(given, base) == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\ns<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\na<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nb<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nc<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nd<|eot_id|>"
    )
    assert given.turn_end == "<|eot_id|>"


def test_it_is_part_of_the_identity_of_the_inputs(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(line(messages=TURNS))
    own = tmp_path / "own.jinja"
    own.write_text(OWN)

    def identity(given: str | None) -> str:
        spec = DataSpec(data=str(tmp_path / "a.jsonl"), chat_template=given)
        assert check_examples(spec) == read_examples(spec).digest
        return check_examples(spec)

    digests = [identity(None), identity("chatml"), identity("llama3"), identity(str(own))]
    own.write_text(OWN + " ")
    assert len({*digests, identity(str(own))}) == 5


def test_plain_text_takes_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--chat-template chatml: the data is plain text, which takes no"):
        run(tmp_path, make_tokenizer(), {"text": "a"}, chat_template="chatml")


def test_a_template_that_fails_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own.jinja"
    own.write_text(OWN.replace("m.role", "m.role | nothing"))
    with pytest.raises(UserError, match=r"own\.jinja: the chat template fails.*No filter named 'nothing'"):
        run(tmp_path, make_tokenizer(), chat_template=str(own))


TOOL = {"name": "weather", "description": "</s> of the <|im_end|> day"}


@pytest.mark.parametrize("template", [WITH_TOOLS, None], ids=["written", "none"])
def test_tools_reach_the_template(tmp_path: Path, template: str | None) -> None:
    row = {"tools": [TOOL], "messages": TURNS}
    if template is None:
        with pytest.raises(
            UserError, match=r"^a\.jsonl:1: tools beside the question; --template qa-en has no"
        ):
            run(tmp_path, make_tokenizer(), {"tools": [TOOL], "prompt": "a", "completion": "b"})
        return
    tokenizer = make_tokenizer(template)
    data = run(tmp_path, tokenizer, row)
    text = text_of(data, tokenizer)
    written = text.partition("tools ")[2].partition("<|im_start|>system")[0].removesuffix("<|im_end|>")
    assert json.loads(written) == [TOOL]
    special = [token for token in data.examples[0].token_ids if token > 255]
    assert len(special) == 2 * (1 + len(TURNS)), "special-token text in a tool is text"
    assert data.questions[0].prompt_ids == data.examples[0].token_ids[: len(data.questions[0].prompt_ids)]
    pair = run(tmp_path, tokenizer, {"tools": [TOOL], "prompt": "a", "completion": "b"})
    assert "tools " in text_of(pair, tokenizer)


CALLING = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}" + (
    "{% for c in m.tool_calls or [] %}<call>{{ c.function | tojson }}</call>{% endfor %}"
    "{% if m.tool_call_id %}({{ m.tool_call_id }}){% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CALLS = [{"id": "7", "function": {"name": "weather", "arguments": '{"city": "</s> \\"서울\\""}'}}]
TALK = [
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": "", "tool_calls": CALLS},
    {"role": "tool", "content": "rain", "tool_call_id": "7"},
    {"role": "assistant", "content": "b"},
]


def test_calls_of_tools_are_learnt_as_the_template_writes_them(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(CALLING)
    data = run(tmp_path, tokenizer, {"messages": TALK})
    pairs = zip(data.examples[0].token_ids, data.examples[0].trained, strict=True)
    learnt = tokenizer.decode([token for token, kept in pairs if kept])
    call = learnt.partition("<call>")[2].partition("</call>")[0]
    assert json.loads(call) == {"name": "weather", "arguments": {"city": '</s> "서울"'}}
    assert learnt.endswith("</call><|im_end|>b<|im_end|>")
    assert "rain(7)<|im_end|>" in text_of(data, tokenizer)
    assert [token for token in data.examples[0].token_ids if token > 255].count(257) == 0, "</s> is text"


def test_calls_that_a_template_does_not_write_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ExamplesError, match=r"^a\.jsonl:1: the chat template does not write the calls of tools"
    ):
        run(tmp_path, make_tokenizer(CHATML), {"messages": TALK})
    single = [TALK[0], TALK[1] | {"content": "b"}]
    with pytest.raises(
        ExamplesError, match=r"^a\.jsonl:1: tools beside the question; --template qa-en has no"
    ):
        run(tmp_path, make_tokenizer(), {"messages": single}, template="qa-en")


def test_a_real_template_writes_tools_and_calls(tmp_path: Path, shared_data: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(shared_data / "models" / "llama-3-instruct-tokenizer")
    tool = {"type": "function", "function": {"name": "weather", "description": "<|eot_id|>"}}
    data = run(tmp_path, tokenizer, {"tools": [tool], "messages": TALK})
    text = text_of(data, tokenizer)
    assert '"name": "weather",' in text.partition("<|start_header_id|>user<|end_header_id|>")[2]
    pairs = zip(data.examples[0].token_ids, data.examples[0].trained, strict=True)
    assert tokenizer.decode([token for token, kept in pairs if kept]) == (
        '{"name": "weather", "parameters": {"city": "</s> \\"서울\\""}}<|eot_id|>b<|eot_id|>'
    )
    assert data.num_special_text == 1


def test_a_template_that_leaves_out_the_tools_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExamplesError) as caught:
        run(tmp_path, make_tokenizer(CHATML), {"tools": [TOOL], "messages": TURNS})
    assert str(caught.value) == (
        "a.jsonl:1: the chat template leaves out the tools; take them out, or give a --chat-template that "
        "writes them"
    )
    assert visible(str(caught.value)) == str(caught.value)
