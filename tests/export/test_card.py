"""The card names base, licence, language, data and figures, and no path of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from laptime.export.card import guess_languages
from laptime.models.card import find_hub_id, read_front, write_front
from laptime.runs.record import read_record
from tests.export.runs import base_of, export_run, make_run, train_run

CARD = "README.md"


def test_a_card_tells_what_the_record_tells(tmp_path: Path) -> None:
    run, out = make_run(tmp_path), tmp_path / "out"
    given = {"base": "some/base", "license": "mit"}
    said = export_run(run, "card", out, given=given)
    assert "vllm serve some/base --enable-lora" in said and "--max-lora-rank 16" in said
    card = ModelCard.load(out / CARD)
    assert card.data.base_model == "some/base" and card.data.license == "mit"
    assert "base_model:adapter:some/base" in card.data.tags and card.data.library_name == "peft"
    (result,) = card.data.eval_results
    record = read_record(run)
    assert result.metric_value == round(record.evaluations[-1].loss, 4)
    assert f"{len(record.steps)} |" in card.text and "held-out loss" in card.text
    config = json.loads((out / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "some/base"
    for file in (CARD, "adapter_config.json"):
        assert str(tmp_path) not in (out / file).read_text()


@pytest.mark.parametrize(("method", "said"), [("dora", "DoRA"), ("ia3", "IA3")])
def test_what_vllm_does_not_serve_is_said(tmp_path: Path, method: str, said: str) -> None:
    run, out = make_run(tmp_path, method), tmp_path / "out"
    assert f"vLLM does not serve such an adapter ({said})" in export_run(run, "card", out)


def test_what_is_not_known_is_left_out_and_said(tmp_path: Path) -> None:
    run, out = make_run(tmp_path), tmp_path / "out"
    said = export_run(run, "card", out, code="ko")
    assert "--base-id" in said and "--license" in said
    front = read_front(out / CARD)
    assert "base_model" not in front and "license" not in front


def test_a_licence_is_read_from_the_card_of_the_base(tmp_path: Path) -> None:
    run, out = train_run(tmp_path), tmp_path / "out"
    base = base_of(run) / CARD
    base.write_text(
        write_front({"license": "other", "license_name": "own", "license_link": "LICENSE"}) + "text"
    )
    export_run(run, "card", out)
    front = read_front(out / CARD)
    assert (front["license"], front["license_name"], front["license_link"]) == ("other", "own", "LICENSE")


def test_a_training_leaves_a_card_of_its_own(tmp_path: Path) -> None:
    saved = make_run(tmp_path) / "saved"
    text = (saved / CARD).read_text()
    assert "More Information Needed" not in text and "lora on model" in text and "train.jsonl" in text
    assert str(tmp_path) not in text and "base_model" not in read_front(saved / CARD)


@pytest.mark.parametrize(
    ("name", "folder", "expected"),
    [
        ("org/model", "/x/models--org--model/snapshots/1", "org/model"),
        ("gpt2", "/x/models--gpt2/snapshots/1", "gpt2"),
        ("a--b", "/x/models--a--b/snapshots/1", "a--b"),
        ("gpt2", "/x/gpt2", ""),
        ("/x/models--org--a-model/snapshots/1", "/x/models--org--a-model/snapshots/1", "org/a-model"),
        ("./mine", "mine", ""),
        ("builtin", "/x/builtin", ""),
    ],
)
def test_the_id_of_a_base(name: str, folder: str, expected: str) -> None:
    assert find_hub_id(name, Path(folder)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("검색 증강 생성이 무엇인가요?", ["ko"]),
        ("What is the capital of France, and how large is it?", ["en"]),
        ("これは何ですか", ["ja"]),
        ("Wo liegt der Bodensee und wie tief ist er?", []),
        ("1 + 1", []),
    ],
)
def test_languages(text: str, expected: list[str]) -> None:
    assert guess_languages([text]) == expected
