"""The inputs are prepared once, for all runs alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from laptime.data.encoding import read_encoded
from laptime.data.input_manifest import ENCODED_FILE, InputJob, read_manifest
from laptime.errors import UserError
from laptime.models.loading import read_config
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.training.preprocess import prepare
from tests.tiny import make_tiny_model


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


def job(tmp_path: Path, model: ModelSpec, **answers: object) -> InputJob:
    data = tmp_path / "train.jsonl"
    rows = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(3)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return InputJob(
        model=model,
        data=DataSpec(data=str(data)),
        answers=AnswerSpec(**answers),  # type: ignore[arg-type]
        training=TrainingSpec(),
        folder=str(tmp_path / "inputs"),
    )


def test_facts_and_tokens_are_left_for_the_runs(tiny_model: Path, tmp_path: Path) -> None:
    made = prepare(job(tmp_path, ModelSpec(model=str(tiny_model))))
    facts, encoded = read_manifest(tmp_path / "inputs"), read_encoded(tmp_path / "inputs" / ENCODED_FILE)
    assert facts == made
    assert facts.shape.architecture == "LlamaForCausalLM"
    assert facts.data["num_records"] == len(encoded.examples) == 3
    assert facts.data["num_tokens"] == sum(len(example.token_ids) for example in encoded.examples)
    assert [question.source for question in encoded.questions] == ["trained"] * 3
    assert len(facts.model_digest) == 64


def test_columns_that_nothing_is_made_of_are_named(tiny_model: Path, tmp_path: Path) -> None:
    wanted = job(tmp_path, ModelSpec(model=str(tiny_model)))
    assert prepare(wanted).data["notes"] == []
    rows = [{"id": n, "topic": "sums", "prompt": "question", "completion": "answer"} for n in range(3)]
    Path(wanted.data.data).write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert prepare(wanted).data["notes"] == ["left out of the training: columns id, topic"]


def test_random_weights_are_asked_only_what_the_user_asks(tiny_model: Path, tmp_path: Path) -> None:
    random = ModelSpec(model=str(tiny_model), random_weights=True)
    prepare(job(tmp_path, random))
    assert read_encoded(tmp_path / "inputs" / ENCODED_FILE).questions == []
    prepare(job(tmp_path, random, ask=("why?",)))
    assert [q.question for q in read_encoded(tmp_path / "inputs" / ENCODED_FILE).questions] == ["why?"]


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model", vocab_size=200, bos_token_id=1, eos_token_id=2)
    with pytest.raises(UserError, match="the two do not belong together"):
        prepare(job(tmp_path, ModelSpec(model=str(model))))


def test_a_model_that_is_no_causal_one_is_refused(tmp_path: Path) -> None:
    make_tiny_model(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text('{"model_type": "clip_vision_model"}')
    with pytest.raises(UserError, match="no causal language model"):
        prepare(job(tmp_path, ModelSpec(model=str(tmp_path / "model"), random_weights=True)))
    (tmp_path / "model" / "config.json").write_text('{"model_type": "not_a_model"}')
    with pytest.raises(UserError, match="--model"):
        read_config(ModelSpec(model="x"), tmp_path / "model")


def test_weights_that_lack_a_part_of_the_model_are_refused(tmp_path: Path) -> None:
    """transformers would draw the missing layer at random and say so in a log line."""
    model = make_tiny_model(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3, "layer_types": None}))
    with pytest.raises(UserError, match=r"its weight files lack model\.layers\.2\..* and \d+ more"):
        prepare(job(tmp_path, ModelSpec(model=str(model))))


def test_weights_of_another_shape_or_cut_short_are_refused(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(UserError, match=r"gate_proj.weight is 64x32, the model of config.json has 48x32"):
        prepare(job(tmp_path, ModelSpec(model=str(model))))
    (model / "config.json").write_text(json.dumps(config))
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"model\.safetensors: not a whole safetensors file"):
        prepare(job(tmp_path, ModelSpec(model=str(model))))


def test_a_gpu_that_is_not_there_is_seen_before_any_run(tiny_model: Path, tmp_path: Path) -> None:
    wanted = job(tmp_path, ModelSpec(model=str(tiny_model)))
    wanted.training = TrainingSpec(device="cpu", precision="fp16")
    with pytest.raises(UserError, match="--precision fp16"):
        prepare(wanted)
