"""A merged model is base plus adapter in the plain libraries; anything else is refused, and nothing left."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from laptime.data.encoding import encode_question, has_chat_template
from laptime.data.templates import make_template
from laptime.errors import UserError
from laptime.export import kinds, merging
from laptime.runs.events import Started
from laptime.runs.record_lines import encode_line, read_lines
from tests.data.tokenizers_made import CHATML
from tests.export.runs import base_of, compute, export_run, make_run

PROMPT = [256, 35, 64, 1, 2, 3]


@pytest.mark.parametrize("method", ["lora", "dora", "ia3", "vera", "pissa"])
def test_a_merged_model_is_base_plus_adapter_in_the_plain_libraries(tmp_path: Path, method: str) -> None:
    run, out = make_run(tmp_path, method), tmp_path / "out"
    said = export_run(run, "merged", out)
    assert "greedy answers are equal" in said and f"upload: hf upload USER/NAME {out}" in said
    base = AutoModelForCausalLM.from_pretrained(base_of(run))
    wanted = compute(PeftModel.from_pretrained(base, str(run / "saved")), PROMPT)
    found = compute(AutoModelForCausalLM.from_pretrained(out), PROMPT)
    untrained = compute(AutoModelForCausalLM.from_pretrained(base_of(run)), PROMPT)
    assert (wanted - untrained).abs().max() > 1e-2
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def test_an_adapter_that_peft_rounds_is_merged_as_it_was_trained(tmp_path: Path) -> None:
    run, out = make_run(tmp_path, "adalora", family="llama-bf16"), tmp_path / "out"
    said = export_run(run, "merged", out)
    assert "greedy answers are equal" in said and "rank_pattern" not in said


@pytest.mark.parametrize("kind", ["merged", "gguf", "ollama"])
def test_what_cannot_be_merged_is_refused(tmp_path: Path, kind: str) -> None:
    run, out = make_run(tmp_path, "prompt_tuning"), tmp_path / "out"
    with pytest.raises(UserError, match=f"--to {kind}: what prompt_tuning learned can't .* use --to card"):
        export_run(run, kind, out)
    assert not out.exists()
    said = export_run(run, "card", out)
    assert "PEFT loads it on the base" in said and "--to merged" not in said


def test_a_whole_model_is_copied(tmp_path: Path) -> None:
    run, out = make_run(tmp_path, "full"), tmp_path / "out"
    assert "its files are copied" in export_run(run, "merged", out)
    name = "model.safetensors"
    assert (out / name).read_bytes() == (run / "saved" / name).read_bytes()


def test_each_weight_is_rounded_once_to_the_format_of_the_base(tmp_path: Path) -> None:
    run, out = make_run(tmp_path, family="llama-bf16"), tmp_path / "out"
    assert "each cast once to bfloat16" in export_run(run, "merged", out)
    base = load_file(base_of(run) / "model.safetensors")
    adapter = load_file(run / "saved" / "adapter_model.safetensors")
    config = json.loads((run / "saved" / "adapter_config.json").read_text())
    merged = load_file(out / "model.safetensors")
    assert merged.keys() == base.keys()
    changed = 0
    for name, weight in base.items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        expected = weight
        if f"{stem}.lora_A.weight" in adapter:
            delta = adapter[f"{stem}.lora_B.weight"] @ adapter[f"{stem}.lora_A.weight"]
            expected = (weight.float() + delta * config["lora_alpha"] / config["r"]).to(torch.bfloat16)
            changed += 1
        assert merged[name].dtype == torch.bfloat16 and torch.equal(merged[name], expected), name
    assert changed == 14


def test_the_tokenizer_writes_the_prompts_of_the_training(tmp_path: Path) -> None:
    run, out = make_run(tmp_path), tmp_path / "out"
    assert "writes the training's prompts (qa-en)" in export_run(run, "merged", out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    turns = [{"role": "user", "content": "it's {{ x }}\n'y'"}]
    found = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    assert found == encode_question(turns[0]["content"], tokenizer, make_template("qa-en", True))
    with pytest.raises(Exception, match="without turns"):
        tokenizer.apply_chat_template([*turns, {"role": "assistant", "content": "a"}, *turns])


def test_a_chat_template_and_its_stops_go_along(tmp_path: Path) -> None:
    run, out = make_run(tmp_path, chat_template=CHATML), tmp_path / "out"
    export_run(run, "merged", out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert has_chat_template(tokenizer) and tokenizer.get_chat_template() == CHATML
    stops = json.loads((out / "generation_config.json").read_text())["eos_token_id"]
    assert set(stops) == {257, 259}  # </s> and <|im_end|>


def test_a_merge_that_loses_the_adapter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, out = make_run(tmp_path), tmp_path / "parent" / "out"
    monkeypatch.setattr(merging, "merge_layers", lambda adapted: None)
    with pytest.raises(UserError, match=r"--to merged: changes the logits by .*; nothing is kept"):
        export_run(run, "merged", out)
    assert list(out.parent.iterdir()) == []


def test_learning_that_rounding_takes_away_is_refused(tmp_path: Path) -> None:
    run, out = make_run(tmp_path, family="llama-bf16"), tmp_path / "out"
    file = run / "saved" / "adapter_model.safetensors"
    weights = load_file(file)
    save_file({name: weight * 1e-2 for name, weight in weights.items()}, file)
    record = run / "record.jsonl"
    record.write_text(
        "".join(line for line in record.read_text().splitlines(True) if '"digests"' not in line)
    )
    with pytest.raises(UserError, match="nearer to the base than to what was trained"):
        export_run(run, "merged", out)
    assert not out.exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    run, out = make_run(tmp_path), tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    with pytest.raises(UserError, match=rf"--out {out}: not empty"):
        export_run(run, "merged", out)
    assert [file.name for file in out.iterdir()] == ["mine"]


def test_a_full_disk_is_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = make_run(tmp_path), tmp_path / "out"
    usage = namedtuple("usage", "total used free")(10, 9, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(kinds, "write_merged", lambda *_: pytest.fail("written"))
    with pytest.raises(UserError, match=rf"--out {out}: too little room: the export takes about"):
        export_run(run, "merged", out)


def test_a_quantised_base_is_not_merged_into(tmp_path: Path) -> None:
    """The adapter of qlora goes into the base as it is, and that is said."""
    run, out = make_run(tmp_path), tmp_path / "out"
    rename_method(run, "qlora")
    assert "trained beside the base in 4 bits, merged into the base as it is" in export_run(
        run, "merged", out
    )


def rename_method(run: Path, method: str) -> None:
    """Let a record tell of another method, whose library need not be here."""
    record = run / "record.jsonl"
    first, *others = read_lines(record.read_bytes())
    assert isinstance(first.event, Started)
    first.event.method = first.event.spec["method"] = method
    lines = [encode_line(first.event), *(line + b"\n" for line in record.read_bytes().splitlines()[1:])]
    record.write_bytes(b"".join(lines))
    assert others
