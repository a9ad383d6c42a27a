"""Tokens are encoded once for the same data, tokenizer and options, and never taken for other ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from laptime.data import token_cache
from laptime.data.encoded import read_encoded
from laptime.data.input_manifest import ENCODED_FILE, InputJob, InputManifest
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.training import preprocess as preparation
from tests.caches import make_cache
from tests.tiny import make_tiny_model

LINES = [f'{{"prompt": "Question {n}?", "completion": "Answer {n}."}}' for n in range(6)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(make_cache(tmp_path / "cache")))
    return tmp_path / "cache" / "laptime" / "tokens"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with a tokenizer."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six examples."""
    file = tmp_path / "train.jsonl"
    file.write_text("\n".join(LINES), encoding="utf-8")
    return file


def prepare(folder: Path, model: Path, data: Path, seed: int = 0, **options: Any) -> InputManifest:
    """Prepare inputs in `folder`; options are those of the data or of the questions."""
    answers = {name: options.pop(name) for name in ("ask", "max_questions") if name in options}
    return preparation.prepare(
        InputJob(
            model=ModelSpec(model=str(model)),
            data=DataSpec(data=str(data), **options),
            answers=AnswerSpec(**answers),
            training=TrainingSpec(seed=seed, device="cpu", precision="fp32"),
            folder=str(folder),
        )
    )


def test_the_second_preparation_takes_the_tokens_of_the_first(
    tmp_path: Path, model: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(tmp_path / "a", model, data, held_out="0.34")
    monkeypatch.setattr(preparation, "encode_examples", lambda *_: pytest.fail("encoded again"))
    second = prepare(tmp_path / "b", model, data, held_out="0.34")
    assert (first.data["encoded_before"], second.data["encoded_before"]) == (False, True)
    changed = {"encode_seconds", "encoded_before"}
    assert {k: v for k, v in first.data.items() if k not in changed} == {
        k: v for k, v in second.data.items() if k not in changed
    }
    one, other = (read_encoded(tmp_path / place / ENCODED_FILE) for place in "ab")
    assert list(one.examples) == list(other.examples) and list(one.held_out) == list(other.held_out)
    assert one.questions == other.questions and one.notes == other.notes


@pytest.mark.parametrize(
    "change",
    [
        {"max_length": 45},
        {"template": "plain"},
        {"train_on": "all"},
        {"ask": ("Why?",)},
        {"max_questions": 1},
        {"held_out": "0.34"},
        {"held_out": "0.34", "seed": 7},
        {"data": LINES[:-1]},
        {"data": ["", *LINES]},  # the same examples in other lines
        {"name": "other.jsonl"},
    ],
    ids=str,
)
def test_whatever_tokens_depend_on_makes_others(
    tmp_path: Path, model: Path, data: Path, change: dict[str, Any]
) -> None:
    prepare(tmp_path / "a", model, data)
    prepare(tmp_path / "c", model, data, held_out="0.34", seed=1)
    change = dict(change)
    if lines := change.pop("data", None):
        data.write_text("\n".join(lines), encoding="utf-8")
    if name := change.pop("name", None):
        data = data.rename(tmp_path / name)
    assert not prepare(tmp_path / "b", model, data, **change).data["encoded_before"]


def test_another_tokenizer_makes_other_tokens(tmp_path: Path, data: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    prepare(tmp_path / "a", model, data)
    settings = model / "tokenizer_config.json"
    content = msgspec.json.decode(settings.read_bytes())
    settings.write_bytes(msgspec.json.encode(content | {"model_input_names": ["input_ids"]}))
    assert not prepare(tmp_path / "b", model, data).data["encoded_before"]


def test_a_damaged_entry_is_made_anew(tmp_path: Path, model: Path, data: Path, own_cache: Path) -> None:
    prepare(tmp_path / "a", model, data)
    (entry,) = own_cache.glob("*.bin")
    content = bytearray(entry.read_bytes())
    content[100] ^= 1
    entry.write_bytes(content)
    assert not prepare(tmp_path / "b", model, data).data["encoded_before"]
    assert prepare(tmp_path / "c", model, data).data["encoded_before"]
    assert len(list(read_encoded(tmp_path / "b" / ENCODED_FILE).examples)) == 6


def test_an_entry_under_the_name_of_another_is_made_anew(
    tmp_path: Path, model: Path, data: Path, own_cache: Path
) -> None:
    first = prepare(tmp_path / "a", model, data)
    (entry,) = own_cache.glob("*.bin")
    other = tmp_path / "other.jsonl"
    other.write_text(LINES[0], encoding="utf-8")
    prepare(tmp_path / "b", model, other)
    (others,) = set(own_cache.glob("*.bin")) - {entry}
    entry.write_bytes(others.read_bytes())
    third = prepare(tmp_path / "c", model, data)
    assert not third.data["encoded_before"] and third.data["digest"] == first.data["digest"]


def test_what_a_comparison_has_is_its_own(tmp_path: Path, model: Path, data: Path, own_cache: Path) -> None:
    for place in "ab":
        prepare(tmp_path / place, model, data)
    (entry,) = own_cache.glob("*.bin")
    assert [file.stat().st_nlink for file in (entry, *tmp_path.glob(f"?/{ENCODED_FILE}"))] == [1, 1, 1]


def test_a_cache_that_cannot_be_written_costs_nothing_else(
    tmp_path: Path, model: Path, data: Path, own_cache: Path
) -> None:
    own_cache.write_text("a file in the place of the folder", encoding="utf-8")
    for place in "ab":
        assert not prepare(tmp_path / place, model, data).data["encoded_before"]


def test_what_was_not_used_for_longest_gives_way(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_cache, "MOST_BYTES", 25)
    for age, name in enumerate(("new", "middle", "old")):
        file = tmp_path / name
        file.write_bytes(b"0123456789")
        token_cache.keep_entry(name, file)
        os.utime(own_cache / f"{name}.bin", (1000 - age, 1000 - age))
    token_cache.keep_entry("newest", tmp_path / "new")
    assert {file.stem for file in own_cache.glob("*.bin")} == {"newest", "new"}
    assert (tmp_path / "old").exists()  # what a comparison has stays


def test_code_that_a_model_brings_along_is_never_trusted_to_repeat_itself(
    tmp_path: Path, model: Path, data: Path
) -> None:
    job = InputJob(
        model=ModelSpec(model=str(model), trust_remote_code=True),
        data=DataSpec(data=str(data)),
        answers=AnswerSpec(),
        training=TrainingSpec(device="cpu", precision="fp32"),
        folder=str(tmp_path / "a"),
    )
    for _ in range(2):
        assert not preparation.prepare(job).data["encoded_before"]
