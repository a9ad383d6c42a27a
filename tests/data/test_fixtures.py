"""The small data files of other projects: each loads as it stands, or is refused for the right reason."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from laptime.data.encoding import encode
from laptime.data.examples import ExampleSet, digest_of
from laptime.data.formats import read_examples
from laptime.errors import UserError
from laptime.spec import AnswerSpec, DataSpec
from tests.data.mutated import (
    byte_tokenizer,
    check_tokens,
    columns_told,
    read_plainly,
    what_should_train,
    what_trains,
)

PAIRS = "questions and answers (question from {}, answer from {})"
WITH_CONTEXT = "questions and answers (question from {}, answer from {}, further input from {})"
LOADED = {  # how many examples, and how they are understood
    "axolotl/alpaca_alpaca.json": (2, WITH_CONTEXT.format("instruction", "output", "input")),
    "axolotl/conversation.json": (1, "conversations (column conversations)"),
    "litgpt/alpaca.json": (23, WITH_CONTEXT.format("instruction", "output", "input")),
    "litgpt/dolly.json": (12, WITH_CONTEXT.format("instruction", "response", "context")),
    "litgpt/longform_train.json": (17, PAIRS.format("input", "output")),
    "litgpt/longform_val.json": (9, PAIRS.format("input", "output")),
    "torchtitan/sft_test_data.json": (10, PAIRS.format("question", "answer")),
    "torchtune/alpaca_tiny.json": (100, WITH_CONTEXT.format("instruction", "output", "input")),
    "torchtune/chat_tiny.json": (1, "conversations (column conversations)"),
    "torchtune/instruct_tiny.json": (2, PAIRS.format("instruction", "response")),
    "unsloth/canary_dataset.jsonl": (6, PAIRS.format("question", "answer")),
    "unsloth/train_canary.jsonl": (16, WITH_CONTEXT.format("instruction", "output", "input")),
}
TOKENISED = "give the text itself, so that its tokens can be checked"
REFUSED = {
    "axolotl/conversation.missingturns.json": (
        "conversation.missingturns.json:1: turn 2 of 'conversations' (assistant) is empty"
    ),
    "axolotl/conversation.tokenized.json": (
        f"conversation.tokenized.json: tokenised already (input_ids, attention_mask, labels); {TOKENISED}"
    ),
    "axolotl/conversation.tokenized_llama2chat.json": (
        f"conversation.tokenized_llama2chat.json: tokenised already (input_ids, labels, attention_mask); "
        f"{TOKENISED}"
    ),
    "torchtune/hh_rlhf_tiny.json": (
        "hh_rlhf_tiny.json: preference pairs (chosen, rejected); --messages-column or --completion-column "
        "chosen trains one side"
    ),
    "torchtune/stack_exchange_paired_tiny.json": (
        "stack_exchange_paired_tiny.json: no answer column beside 'question' (columns: question, response_j, "
        "response_k); name it with --completion-column"
    ),
    "torchtune/vqa_tiny.json": (
        "vqa_tiny.json:2: 'image' holds more than text, which is not trained on; take the column out, or "
        "choose what to train on with --prompt-column and --completion-column"
    ),
}


def read(path: Path, **options: str) -> ExampleSet:
    return read_examples(DataSpec(data=str(path), **options))


@pytest.mark.parametrize("name", LOADED)
def test_a_usual_shape_loads_as_it_stands(shared_data: Path, name: str) -> None:
    path = shared_data / "fixtures" / name
    found, rows = read(path), read_plainly(path)
    assert (len(found.examples), found.shape) == LOADED[name]
    columns = columns_told(found, rows)
    for example, row in zip(found.examples, rows, strict=True):
        assert what_trains(example) == what_should_train(row, columns, found.kind)
    check_tokens(found)


@pytest.mark.parametrize("name", LOADED)
def test_a_mark_and_carriage_returns_change_nothing(shared_data: Path, tmp_path: Path, name: str) -> None:
    path = shared_data / "fixtures" / name
    other = tmp_path / path.name
    other.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    template = "chat" if "conv" in name or "chat" in name else "qa-en"
    spec = DataSpec(template=template, max_length=100_000)
    encoded = [encode(read(file), byte_tokenizer(), spec, AnswerSpec(), None) for file in (path, other)]
    assert encoded[0].digest == encoded[1].digest


@pytest.mark.parametrize("name", REFUSED)
def test_the_rest_is_refused_for_the_right_reason(shared_data: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        read(shared_data / "fixtures" / name)
    assert str(caught.value) == REFUSED[name]


def test_what_the_refusals_advise_works(shared_data: Path) -> None:
    folder = shared_data / "fixtures" / "torchtune"
    chosen = read(folder / "hh_rlhf_tiny.json", messages_column="chosen").examples[0]
    assert (chosen.question, chosen.answer) == (
        "What do I do when I have a hole in my trousers?",
        "Fix the hole.",
    )
    paired = read(folder / "stack_exchange_paired_tiny.json", completion_column="response_j")
    assert paired.kind == "pairs" and paired.ignored_columns == ["response_k"]
    shown = read(folder / "vqa_tiny.json", prompt_column="input", completion_column="output")
    assert len(shown.examples) == 1 and shown.ignored_columns == ["image"]


def test_dollys_context_reaches_the_model(shared_data: Path) -> None:
    example = read(shared_data / "fixtures" / "litgpt" / "dolly.json").examples[0]
    assert example.context.startswith("Virgin Australia, the trading name of")
    encoded = encode(
        ExampleSet(name="d", shape="", examples=[example]),
        byte_tokenizer(),
        DataSpec(template="qa-en"),
        AnswerSpec(),
        100_000,
    )
    assert example.context in byte_tokenizer().decode(encoded.examples[0].token_ids)


def test_a_folder_of_training_and_validation_data_is_both(shared_data: Path) -> None:
    found = read(shared_data / "fixtures" / "litgpt")
    assert (len(found.examples), len(found.held_out)) == (17, 9)
    assert found.held_out_name == "longform_val.json"
    assert found.notes[0] == "held out: longform_val.json, which lies beside longform_train.json"


def test_several_files_are_one_data_set(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "fixtures"
    names = ("torchtitan/sft_test_data.json", "torchtune/instruct_tiny.json", "unsloth/canary_dataset.jsonl")
    packed = tmp_path / "canary_dataset.jsonl.gz"
    packed.write_bytes(gzip.compress((folder / names[2]).read_bytes()))
    found = read_examples(DataSpec(data=(str(folder / names[0]), str(folder / names[1]), str(packed))))
    alone = [example for name in names for example in read(folder / name).examples]
    assert list(map(what_trains, found.examples)) == list(map(what_trains, alone))
    assert found.digest == digest_of(alone)
    assert found.examples[-1].source == "canary_dataset.jsonl.gz:6"


def test_the_rest_of_a_data_set_is_trained_without_its_empty_turn(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "fixtures" / "axolotl"
    rows = [
        read_plainly(folder / name)[0] for name in ("conversation.missingturns.json", "conversation.json")
    ]
    path = tmp_path / "both.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_examples(DataSpec(data=str(path), skip_bad=True))
    assert [example.source for example in found.examples] == ["both.jsonl:2"]
    assert found.notes == [
        "left out (--skip-bad): turn N of 'conversations' (assistant) is empty: 1 example (both.jsonl:1)"
    ]


def test_every_fixture_has_its_test(shared_data: Path) -> None:
    folder = shared_data / "fixtures"
    assert {str(file.relative_to(folder)) for file in folder.rglob("*.json*")} == {*LOADED, *REFUSED}


def test_real_data_sets(shared_data: Path) -> None:
    folder = shared_data / "datasets"
    assert len(read(folder / "ko_alpaca_1040.json").examples) == 1040
    assert len(read(folder / "gsm8k_1000.jsonl").examples) == 1000
