"""The toy that ships with the package: small, honest, and able to learn its ten examples."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from laptime.comparison.scores import chrf
from laptime.data.batches import make_steps
from laptime.data.encoding import EncodedData, encode
from laptime.data.formats import read_examples
from laptime.methods.method import make_method
from laptime.models.loading import build_empty_model
from laptime.models.module_shape import measure_shape
from laptime.models.source import builtin_folder
from laptime.runs.events import Answer
from laptime.runs.record import RecordWriter
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.speedups.forward import Forward
from laptime.training.generate import answer_questions
from laptime.training.loop import evaluate, train
from laptime.training.meter import StepTimer
from laptime.training.optimizer import Optimizer
from tests.conftest import REPOSITORY

MODEL = builtin_folder()
WRONG, RIGHT = 40.0, 60.0  # chrF below which an answer is another one, and above which it is the reference


@pytest.fixture(scope="module")
def encoded() -> EncodedData:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    questions = tuple(example.question for example in read_examples(DataSpec()).examples)
    return encode(read_examples(DataSpec()), tokenizer, DataSpec(), AnswerSpec(ask=questions), 512)


def answers(model: Any, encoded: EncodedData) -> list[Answer]:
    found: list[Answer] = []
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    answer_questions(model, tokenizer, encoded.questions, encoded.stop_ids, 96, found.append)
    return found


def load() -> Any:
    return AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)


def hangul_share(text: str) -> float:
    letters = [letter for letter in text if letter.isalpha()]
    return sum("가" <= letter <= "힣" for letter in letters) / max(len(letters), 1)


def test_the_base_answers_wrongly_but_in_readable_korean(encoded: EncodedData) -> None:
    given = answers(load(), encoded)
    assert len(given) == 10
    for answer in given:
        assert answer.stopped == "end_of_sequence"
        assert hangul_share(answer.text) > 0.9
        assert chrf(answer.text, answer.reference or "") < WRONG


@pytest.mark.parametrize("name", ["full", "lora"])
def test_both_methods_learn_the_ten_examples_at_their_default_rates(
    encoded: EncodedData, tmp_path: Path, name: str
) -> None:
    training = TrainingSpec()
    method = make_method(name, {})
    torch.manual_seed(0)
    model = method.attach(load().requires_grad_(False))
    steps = make_steps(encoded.examples, training, seed=0)
    before, _ = evaluate(Forward(model), [batch for step in steps[:10] for batch in step.batches])
    optimizer = Optimizer(method.parameter_groups(model), training, loss_scaling=False)
    rate = method.default_rate(measure_shape(build_empty_model(ModelSpec(), MODEL)), toy=True)
    timer = StepTimer(RecordWriter(tmp_path), torch.device("cpu"), False)
    train(Forward(model), method, steps, optimizer, rate, training, timer)
    after, _ = evaluate(Forward(model), [batch for step in steps[:10] for batch in step.batches])
    assert before > 3
    assert after < 0.5
    right = [
        answer for answer in answers(model, encoded) if chrf(answer.text, answer.reference or "") > RIGHT
    ]
    assert len(right) >= 7


def test_the_toy_is_small_and_in_the_usual_format() -> None:
    files = {file.name: file.stat().st_size for file in MODEL.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(files)
    assert sum(files.values()) < 10_000_000
    assert "Llama" in json.loads((MODEL / "config.json").read_text())["architectures"][0]


@pytest.mark.parametrize(
    "text", ["검색 증강 생성이란 무엇인가요?", "English, too.", "emoji 🙂\r\n뷁쀍 \t<s>"]
)
def test_any_text_survives_the_tokenizer(text: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert tokenizer.decode(ids) == text


def test_korean_is_held_well() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    texts = [f"{r.question} {r.answer}" for r in read_examples(DataSpec()).examples]
    syllables = sum("가" <= letter <= "힣" for text in texts for letter in text)
    tokens = sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)
    assert tokens < syllables


def test_the_examples_and_their_paraphrases_are_not_in_what_the_base_was_trained_on() -> None:
    sys.path.insert(0, str(REPOSITORY / "tools" / "toy_model"))
    try:
        import corpus
    finally:
        sys.path.pop(0)
    examples = read_examples(DataSpec())
    kept_out = {text for r in [*examples.examples, *examples.held_out] for text in (r.question, r.answer)}
    seen = {text for _, prompt, completion in corpus.pairs(60_000) for text in (prompt, completion)}
    assert len(kept_out) == 30
    assert kept_out & seen == set()
