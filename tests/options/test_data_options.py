"""A chat template that is given and bad examples that are left out, through real commands to their end."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path

import pytest

from laptime.comparison.result import read_result
from laptime.data.input_manifest import read_manifest
from laptime.runs.record import read_record
from tests import commands
from tests.tiny import make_byte_tokenizer, make_tiny_model

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant: {% endif %}"
)
COMMAND = [
    "compare", "--model", "model", "--data", "a.jsonl", "--data", "b.jsonl.gz", "--skip-bad",
    "--chat-template", "own.jinja", "--epochs", "1", "--rounds", "1", "--max-new-tokens", "4",
    "--precision", "fp32", "--out", "race",
]  # fmt: skip


def talk(number: int) -> str:
    turns = [
        ("user", f"{number} + 1?"),
        ("assistant", f"{number + 1}"),
        ("user", "+ 1?"),
        ("assistant", "more"),
    ]
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}) + "\n"


laptime = partial(commands.laptime, forks=True, COLUMNS="200")  # what is said stands on one line


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A comparison on two files with bad examples, by a template of the user's own, and what it printed."""
    folder = tmp_path_factory.mktemp("work")
    make_tiny_model(folder / "model")
    tokenizer = make_byte_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.save_pretrained(folder / "model")
    (folder / "own.jinja").write_text(TEMPLATE)
    bad = json.dumps({"messages": [{"role": "user", "content": "nobody answers"}]}) + "\n"
    (folder / "a.jsonl").write_text(talk(1) + bad + talk(2) + "{\n")
    (folder / "b.jsonl.gz").write_bytes(gzip.compress((bad + talk(3)).encode()))
    return folder, laptime(folder, *COMMAND)


def test_what_was_left_out_and_which_template_was_given_is_said_everywhere(race: tuple[Path, str]) -> None:
    folder, printed = race
    why = "'messages' has no assistant turn: nothing to train on: 2 examples (a.jsonl:2, b.jsonl.gz:1)"
    report = (folder / "race" / "report.md").read_text().replace("\\", "")
    assert "3 examples to train on, 3 bad left out" in printed
    assert "the chat template given with --chat-template own.jinja" in printed
    record = read_record(folder / "race" / "runs" / "lora-r1")
    assert record.data is not None
    assert (record.data.num_records, record.data.num_skipped, record.data.chat_template) == (
        3,
        3,
        "own.jinja",
    )
    for text in (printed, report, " ".join(record.data.notes)):
        assert why in " ".join(text.split())
    assert read_manifest(folder / "race" / "inputs").data["num_skipped"] == 3


def test_what_is_saved_writes_and_ends_its_turns_as_it_learnt_to(race: tuple[Path, str]) -> None:
    from transformers import AutoTokenizer, GenerationConfig

    folder, _ = race
    end = AutoTokenizer.from_pretrained(folder / "model").convert_tokens_to_ids("<|im_end|>")
    for method in read_result(folder / "race").methods:
        saved = folder / "race" / method.saved_paths[0]
        tokenizer = AutoTokenizer.from_pretrained(saved)
        asked = tokenizer.apply_chat_template(
            [{"role": "user", "content": "a"}], tokenize=False, add_generation_prompt=True
        )
        assert asked == "<s><|im_start|>user: a<|im_end|><|im_start|>assistant: "
        assert tokenizer.eos_token == "<|im_end|>"
        if method.saved_kind == "model":
            assert end in GenerationConfig.from_pretrained(saved).eos_token_id


def test_ask_asks_through_the_template(race: tuple[Path, str]) -> None:
    folder, _ = race
    (folder / "own.jinja").rename(folder / "gone.jinja")
    try:
        printed = laptime(folder, "ask", "race", "a", "--max-new-tokens", "2")
    finally:
        (folder / "gone.jinja").rename(folder / "own.jinja")
    assert "asked: in neither set" in printed
    assert "full" in printed and "lora" in printed


def test_it_goes_on_with_the_same_examples_and_template_alone(race: tuple[Path, str]) -> None:
    folder, _ = race
    data, template = folder / "a.jsonl", folder / "own.jinja"
    before = data.read_text()
    assert "already done" in laptime(folder, *COMMAND)
    data.write_text(before + "another bad one\n")
    assert "already done" in laptime(folder, *COMMAND)
    data.write_text(before.replace("{\n", talk(4)))
    assert "changed since race was begun" in laptime(folder, *COMMAND, code=2)
    data.write_text(before)
    template.write_text(TEMPLATE.replace(": ", ":"))
    refused = laptime(folder, *COMMAND, code=2)
    assert "--data a.jsonl, b.jsonl.gz or --chat-template own.jinja: changed since race was begun" in refused
    template.write_text(TEMPLATE)
    words = [word for word in COMMAND if word != "--skip-bad"]
    assert "a.jsonl:2: 'messages' has no assistant turn" in laptime(folder, *words, code=2)
