"""Token ids and masks, against the tokenizer's own encoding of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from laptime.data.encoding import (
    EncodedData,
    EncodedExample,
    encode,
    encode_question,
    read_encoded,
    write_encoded,
)
from laptime.data.examples import Example, ExampleNote, ExamplesError, ExampleSet, Message
from laptime.data.formats import read_examples
from laptime.data.templates import make_template
from laptime.errors import UserError
from laptime.spec import AnswerSpec, DataSpec
from tests.data.tokenizers_made import CHATML, make_tokenizer

BOS, EOS, IM_START, IM_END = 256, 257, 258, 259


def made(*examples: Example, held_out: tuple[Example, ...] = ()) -> ExampleSet:
    return ExampleSet(name="d", shape="", examples=list(examples), held_out=list(held_out))


def pair(prompt: str = "2+2?", completion: str = "4", source: str = "d:1") -> Example:
    return Example(source=source, prompt=prompt, completion=completion)


def chat(*turns: str, system: str = "") -> Example:
    messages = [Message("system", system)] if system else []
    messages += [Message("assistant" if i % 2 else "user", text) for i, text in enumerate(turns)]
    return Example(source="d:1", messages=messages)


def run(
    examples: ExampleSet, tokenizer: Any, ask: tuple[str, ...] = (), limit: int | None = None, **options: Any
) -> EncodedData:
    return encode(examples, tokenizer, DataSpec(**options), AnswerSpec(ask=ask), limit)


def trained_text(example: EncodedExample, tokenizer: Any) -> str:
    return tokenizer.decode([i for i, kept in zip(example.token_ids, example.trained, strict=True) if kept])


@pytest.fixture(scope="session")
def tokenizers(shared_data: Path) -> dict[str, Any]:
    from transformers import AutoTokenizer

    names = ("llama-3.2-1b", "llama-3-instruct-tokenizer", "stories260K", "babyllama-tok105")
    return {name: AutoTokenizer.from_pretrained(shared_data / "models" / name) for name in names}


def test_a_pair_is_bos_prompt_answer_eos() -> None:
    tokenizer = make_tokenizer()
    example = run(made(pair()), tokenizer, template="qa-en").examples[0]
    prompt = tokenizer("### Question:\n2+2?\n\n### Answer:\n")["input_ids"]
    answer = tokenizer("4", add_special_tokens=False)["input_ids"]
    assert example.token_ids == [*prompt, *answer, EOS]
    assert example.trained == [False] * len(prompt) + [True, True]


def test_train_on_all_trains_all_but_the_first_token() -> None:
    for bos in (True, False):
        example = run(made(pair()), make_tokenizer(bos=bos), train_on="all").examples[0]
        assert example.trained == [False] + [True] * (len(example.token_ids) - 1)


def test_plain_text_is_trained_and_ended() -> None:
    tokenizer = make_tokenizer()
    data = run(made(Example(source="d:1", text="abc")), tokenizer)
    assert data.examples[0].token_ids == [*tokenizer("abc")["input_ids"], EOS]
    assert data.examples[0].trained == [False, True, True, True, True]
    assert data.questions == []


def test_the_template_may_write_the_beginning_itself() -> None:
    example = run(made(pair()), make_tokenizer(), template="<s>{prompt} {completion}").examples[0]
    assert example.token_ids.count(BOS) == 1


def test_special_text_in_data_is_text_and_in_a_template_a_token() -> None:
    tokenizer = make_tokenizer()
    examples = made(pair("a</s>b", "c<|im_end|>d</s>"))
    data = run(examples, tokenizer, template="<|im_start|>{prompt}<|im_end|>{completion}")
    ids = data.examples[0].token_ids
    assert [i for i in ids if i > 255] == [BOS, IM_START, IM_END, EOS]
    assert tokenizer.decode(ids) == "<s><|im_start|>a</s>b<|im_end|>c<|im_end|>d</s></s>"
    assert data.num_special_text == data.counts.num_special_text == 3
    assert data.notes == ["special-token text stands in the data 3 times: encoded as ordinary text"]
    for template in ("qa-en", "chat"):
        other = run(examples, make_tokenizer(CHATML), template=template).examples[0]
        assert tokenizer.decode(other.token_ids).count("c<|im_end|>d</s>") == 1
        assert trained_text(other, tokenizer).startswith("c<|im_end|>d</s>")
        assert sum(i > 255 for i, kept in zip(other.token_ids, other.trained, strict=True) if kept) == 1


MARKING = CHATML.replace(
    "m['content'] | trim + '<|im_end|>\\n' }}",
    "'' }}{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] }}{% endgeneration %}{% else %}"
    "{{ m['content'] }}{% endif %}{{ '<|im_end|>\\n' }}",
)


@pytest.mark.parametrize("template", [CHATML, MARKING], ids=["by its prefix", "by its marks"])
def test_a_turn_that_is_not_trained_stays_as_context(template: str) -> None:
    tokenizer = make_tokenizer(template)
    example = chat("a", "first", "b", "second", "c", "third")
    whole = run(made(example), tokenizer).examples[0]
    example.messages[3].trained = False
    partly = run(made(example), tokenizer).examples[0]
    assert partly.token_ids == whole.token_ids
    assert trained_text(whole, tokenizer) == "first<|im_end|>second<|im_end|>third<|im_end|>"
    assert trained_text(partly, tokenizer) == "first<|im_end|>third<|im_end|>"
    with pytest.raises(UserError, match=r"^d:1: a turn of it is to be context alone, which --train-on all"):
        run(made(example), tokenizer, train_on="all")


def test_what_stands_before_a_question_reaches_the_model() -> None:
    before = [Message("system", "S</s>"), Message("user", "a"), Message("assistant", "b")]
    example = Example(source="d:1", prompt="c", completion="d", before=before)
    tokenizer = make_tokenizer(CHATML)
    data = run(made(example), tokenizer, ask=("c",))
    same = run(made(chat("a", "b", "c", "d", system="S</s>")), tokenizer, ask=("c",))
    assert data.examples == same.examples
    assert trained_text(data.examples[0], tokenizer) == "b<|im_end|>d<|im_end|>"
    assert data.questions == same.questions and data.questions[0].source == "asked"
    example.before = before[:1]
    own = run(made(example), make_tokenizer(), template="{system}|{prompt}|{completion}").examples[0]
    assert tokenizer.decode(own.token_ids) == "<s>S</s>|c|d</s>" and own.token_ids.count(EOS) == 1


def test_a_chat_template_that_drops_the_system_text_is_refused() -> None:
    tokenizer = make_tokenizer(CHATML.replace("for m in messages", "for m in messages if m.role != 'system'"))
    assert run(made(chat("a", "b")), tokenizer).examples
    with pytest.raises(UserError, match=r"^d:1: the chat template leaves out the system text"):
        run(made(chat("a", "b", system="Be brief.")), tokenizer)


def test_an_answer_too_long_is_cut_counted_and_named() -> None:
    data = run(
        made(pair("a", "b" * 30), pair("a", "b", "d:2")), make_tokenizer(), template="plain", max_length=10
    )
    assert [len(example.token_ids) for example in data.examples] == [10, 4]
    assert data.examples[0].cut == 23 and EOS not in data.examples[0].token_ids
    assert (data.counts.num_cut, data.counts.num_cut_tokens) == (1, 23)
    assert data.notes == [
        "1 of 2 examples cut to --max-length 10 at the end of their answer, whose end of sequence is then "
        "not trained: d:1 (-23)"
    ]


def test_what_was_cut_or_counted_is_said_of_each_example() -> None:
    data = run(
        made(pair("a</s>b", "c"), pair("a", "b" * 30, "d:2"), pair("a", "b", "d:3")),
        make_tokenizer(),
        template="plain",
        max_length=10,
    )
    assert data.example_notes == [
        ExampleNote("d:1", "special-token text once, encoded as ordinary text"),
        ExampleNote("d:2", "23 tokens cut off its end, 10 left"),
    ]


def test_every_example_that_leaves_nothing_to_train_is_named() -> None:
    with pytest.raises(ExamplesError) as caught:
        run(
            made(pair("a" * 30, "b"), pair(), pair("a" * 31, "b", "d:3")),
            make_tokenizer(),
            template="plain",
            max_length=20,
        )
    assert [note.source for note in caught.value.example_notes] == ["d:1", "d:3"]
    assert caught.value.example_notes[1].text.startswith(
        "nothing left to train: the prompt alone has 32 tokens, an example holds 20"
    )


def test_an_answer_of_which_the_tokenizer_knows_nothing_is_refused() -> None:
    tokenizer = make_tokenizer(alphabet="abcdefgh</s>")
    with pytest.raises(UserError) as caught:
        run(made(pair("abc", "한글")), tokenizer, template="plain")
    assert str(caught.value) == (
        "d:1: nothing left to train: the tokenizer has no token for any letter of the answer"
    )
    assert run(made(pair("abc", "a한b")), tokenizer, template="plain").notes == [
        "the tokenizer leaves out '한': it has no token for them"
    ]


def test_a_noncharacter_in_the_data_stays_what_it_is() -> None:
    for answer in ("a\ufdd0b", "<\ufdd0/s>", "</s>\ufdd0\ufdd0<|im_end|>\ufdd0"):
        example = run(made(pair("q", answer)), make_tokenizer(), template="plain").examples[0]
        assert trained_text(example, make_tokenizer()) == answer + "</s>"


def test_a_prompt_that_leaves_nothing_to_train_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        run(
            made(pair("a", "b"), pair("a" * 30, "b", "d:2"), pair("a" * 31, "b", "d:3")),
            make_tokenizer(),
            template="plain",
            max_length=20,
        )
    assert str(caught.value) == (
        "d:2: nothing left to train: the prompt alone has 31 tokens, an example holds 20; shorten it, or "
        "raise --max-length as far as the model goes (and at least 1 more such example; laptime data lists "
        "them)"
    )


def test_max_length_comes_from_the_model() -> None:
    examples, tokenizer = made(pair()), make_tokenizer()
    assert run(examples, tokenizer).max_length == 2048
    assert run(examples, tokenizer, limit=512).max_length == 512
    assert run(examples, tokenizer, limit=8192).max_length == 2048
    assert run(examples, tokenizer, limit=8192, max_length=4096).max_length == 4096
    with pytest.raises(UserError, match=r"^--max-length 600: the model holds at most 512 tokens$"):
        run(examples, tokenizer, limit=512, max_length=600)


def test_no_end_of_sequence_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(
        UserError, match=r"^d:1: the tokenizer has no end-of-sequence token.*set eos_token in"
    ):
        run(made(pair()), make_tokenizer(eos=False))
    assert run(made(pair()), make_tokenizer(CHATML, eos=False)).stop_ids == [IM_END]


def test_every_answer_of_a_conversation_is_trained() -> None:
    tokenizer = make_tokenizer(CHATML)
    example = chat("q1", "a1", "q2", "a2", system="s")
    data = run(made(example), tokenizer)
    whole = tokenizer.apply_chat_template(msgspec.to_builtins(example.messages), tokenize=True)["input_ids"]
    assert data.examples[0].token_ids == whole
    assert trained_text(data.examples[0], tokenizer) == "a1<|im_end|>a2<|im_end|>"
    assert data.examples[0].trained[-1] is False  # the line break that the template writes behind the end
    assert data.stop_ids == [EOS, IM_END]


def test_history_of_a_conversational_prompt_is_not_trained() -> None:
    example = chat("q1", "a1", "q2", "a2")
    example.num_prompt_messages = 3
    assert (
        trained_text(run(made(example), make_tokenizer(CHATML)).examples[0], make_tokenizer())
        == "a2<|im_end|>"
    )


def test_a_chat_template_without_an_end_gets_the_end_of_sequence() -> None:
    tokenizer = make_tokenizer(
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    data = run(made(chat("q1", "a1", "q2", "a2")), tokenizer)
    assert trained_text(data.examples[0], tokenizer) == "a1a2</s>"
    assert data.stop_ids == [EOS]


def test_a_template_that_rewrites_earlier_turns_is_followed() -> None:
    tokenizer = make_tokenizer(
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}"
        "{% if m['role'] == 'assistant' and loop.last %}{{ '<think></think>' }}{% endif %}"
        "{{ m['content'] + '<|im_end|>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )
    data = run(made(chat("q1", "a1", "q2", "a2")), tokenizer)
    assert trained_text(data.examples[0], tokenizer) == "a1<|im_end|><think></think>a2<|im_end|>"


GENERATION = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "{{ '[' }}{% generation %}{{ m['content'] }}{% endgeneration %}{{ '<|im_end|>' }}"
    "{% else %}{{ '(' + m['content'] + ')' }}{% endif %}{% endfor %}"
)


def test_a_template_that_marks_its_answers_is_believed() -> None:
    tokenizer = make_tokenizer(GENERATION)
    data = run(made(chat("q1", "a</s>1", "q2", "a2")), tokenizer)
    assert tokenizer.decode(data.examples[0].token_ids) == "(q1)[a</s>1<|im_end|>(q2)[a2<|im_end|>"
    assert trained_text(data.examples[0], tokenizer) == "a</s>1<|im_end|>a2<|im_end|>"


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[-1]['content'] + '<|im_end|>' }}",
        "{% for m in messages[-2:] %}{{ m['content'] + '<|im_end|>' }}{% endfor %}",
    ],
)
def test_a_template_that_hides_the_answer_is_refused(template: str) -> None:
    with pytest.raises(UserError) as caught:
        run(made(chat("q1", "a1", "q2", "a2")), make_tokenizer(template))
    assert str(caught.value) == (
        "d:1: the chat template hides which tokens are the answer; use --template (qa-en, or a string)"
    )


TURNS = "{{% for m in messages %}}{{{{ m['role'] + ': ' }}}}{}{{{{ '<|im_end|>' }}}}{{% endfor %}}"


@pytest.mark.parametrize(
    "template",
    [
        TURNS.format("{% if m['role'] == 'user' %}{{ m['content'] }}{% endif %}"),
        TURNS.format("{{ m['content'][:9] }}"),
        TURNS.format("{{ m['content'] | upper }}"),
        GENERATION.replace("{{ m['content'] }}", "{{ m['content'] | replace('a', 'b') }}"),
    ],
)
def test_a_template_that_writes_another_answer_is_refused(template: str) -> None:
    with pytest.raises(UserError) as caught:
        run(made(chat("q1", "an answer of some length")), make_tokenizer(template))
    assert str(caught.value) == (
        "d:1: the chat template does not write the answer as it stands in the data; "
        "use --template (qa-en, or a string)"
    )


def test_a_template_may_set_white_space() -> None:
    """As those of reasoning models do."""
    tokenizer = make_tokenizer(
        TURNS.format("{{ m['content'].replace('</think>', '\n</think>\n\n').strip() }}")
    )
    data = run(made(chat("q1", " <think>why</think> a1 ")), tokenizer)
    assert trained_text(data.examples[0], tokenizer).endswith("<think>why\n</think>\n\n a1<|im_end|>")


def test_a_template_that_refuses_a_conversation_says_why() -> None:
    tokenizer = make_tokenizer("{{ raise_exception('System role not supported') }}")
    with pytest.raises(
        UserError, match=r"^d:1: the chat template refuses this conversation \(System role not"
    ):
        run(made(chat("q1", "a1", system="s")), tokenizer)


def test_questions_come_from_ask_then_held_out_then_training() -> None:
    tokenizer, held = make_tokenizer(), pair("3+3?", "6", "h:1")
    examples = made(pair(), held_out=(held,))
    assert [(q.question, q.reference, q.source) for q in run(examples, tokenizer).questions] == [
        ("3+3?", "6", "held_out")
    ]
    asked = run(examples, tokenizer, ask=(" 2+2? ", "3+3?", "why?")).questions
    assert [(q.reference, q.source) for q in asked] == [("4", "trained"), ("6", "held_out"), (None, "asked")]
    assert [q.source for q in run(made(pair()), tokenizer).questions] == ["trained"]
    few = encode(made(pair(), pair("x")), tokenizer, DataSpec(), AnswerSpec(max_questions=1), None)
    assert len(few.questions) == 1


@pytest.mark.parametrize("template", ["qa-ko", "alpaca", "plain", "chat", "{prompt}\n->{completion}"])
def test_the_prompt_is_the_same_in_training_and_asking(template: str) -> None:
    tokenizer = make_tokenizer(CHATML)
    data = run(made(pair("2+2 </s>?")), tokenizer, template=template)
    prompt = data.questions[0].prompt_ids
    assert data.examples[0].token_ids[: len(prompt)] == prompt
    assert not any(data.examples[0].trained[: len(prompt)]) and data.examples[0].trained[len(prompt)]
    assert encode_question("2+2 </s>?", tokenizer, make_template(data.template, True)) == prompt


def test_the_last_question_of_a_conversation_comes_with_its_history() -> None:
    tokenizer = make_tokenizer(CHATML)
    question = run(made(chat("q1", "a1", "q2", "a2")), tokenizer).questions[0]
    assert (question.question, question.reference) == ("q2", "a2")
    assert tokenizer.decode(question.prompt_ids).endswith(
        "a1<|im_end|>\n<|im_start|>user\nq2<|im_end|>\n<|im_start|>assistant\n"
    )


def test_encoded_data_survives_its_file(tmp_path: Path) -> None:
    data = run(made(pair(), held_out=(pair("x"),)), make_tokenizer())
    write_encoded(tmp_path / "encoded.bin", data)
    assert read_encoded(tmp_path / "encoded.bin") == data
    (tmp_path / "broken").write_bytes(b"\xc1")
    for name, reason in (("broken", "not the encoded data"), ("absent", "cannot be read")):
        with pytest.raises(UserError, match=reason):
            read_encoded(tmp_path / name)


def test_the_digest_covers_ids_and_masks() -> None:
    tokenizer = make_tokenizer()
    digests = {
        run(made(pair()), tokenizer).digest,
        run(made(pair("2+3?")), tokenizer).digest,
        run(made(pair()), tokenizer, train_on="all").digest,
        run(made(pair(), held_out=(pair(),)), tokenizer).digest,
    }
    assert len(digests) == 4
    assert run(made(pair(source="elsewhere:9")), tokenizer).digest in digests


def test_ten_korean_examples_with_llama(tokenizers: dict[str, Any], shared_data: Path) -> None:
    tokenizer = tokenizers["llama-3.2-1b"]
    examples = read_examples(DataSpec(data=str(shared_data / "datasets" / "ten_korean.jsonl")))
    data = run(examples, tokenizer, limit=131072)
    assert tokenizer.pad_token is None
    assert (data.template, data.counts.num_records, data.counts.num_cut) == ("plain", 10, 0)
    assert data.counts.num_trained_tokens == sum(
        len(tokenizer(example.completion, add_special_tokens=False)["input_ids"]) + 1
        for example in examples.examples
    )
    for example, encoded in zip(examples.examples, data.examples, strict=True):
        assert tokenizer.decode(encoded.token_ids) == (
            "<|begin_of_text|>" + (example.prompt or "") + (example.completion or "") + "<|end_of_text|>"
        )


def test_llama_instruct_masks_the_whole_conversation(tokenizers: dict[str, Any], shared_data: Path) -> None:
    tokenizer = tokenizers["llama-3-instruct-tokenizer"]
    examples = read_examples(DataSpec(data=str(shared_data / "fixtures/torchtune/chat_tiny.json")))
    data = run(examples, tokenizer)
    messages = msgspec.to_builtins(examples.examples[0].messages)
    assert data.examples[0].token_ids == tokenizer.apply_chat_template(messages, tokenize=True)["input_ids"]
    assert (
        trained_text(data.examples[0], tokenizer) == "The meaning of life is 42.<|eot_id|>I agree.<|eot_id|>"
    )
    assert data.stop_ids == [tokenizer.eos_token_id]


def test_sentencepiece_gets_no_space_before_the_answer(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["stories260K"]
    example = run(made(pair("Who?", "Lily.")), tokenizer, template="qa-en", limit=512).examples[0]
    assert example.token_ids[:-1] == tokenizer("### Question:\nWho?\n\n### Answer:\nLily.")["input_ids"]
    assert trained_text(example, tokenizer).removesuffix("</s>") == "Lily."


def test_characters_that_the_tokenizer_does_not_know_are_counted_and_named(
    tokenizers: dict[str, Any],
) -> None:
    data = run(made(pair("Who?", "Lily.")), tokenizers["babyllama-tok105"], template="qa-en", limit=256)
    assert data.counts.num_unknown_tokens == 4
    assert data.notes == [
        f"4 of {data.counts.num_tokens} tokens (12%) are characters that this tokenizer does not know "
        "('#' '\\n'): the model can neither read nor write them"
    ]
    plain = run(made(pair("Who?", " Lily.")), tokenizers["babyllama-tok105"], template="plain", limit=256)
    assert plain.notes == []
