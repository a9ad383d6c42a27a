"""What Ollama gets: a Modelfile beside the merged model, or the adapter where that is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from laptime.errors import UserError
from laptime.export import kinds
from tests.data.tokenizers_made import CHATML
from tests.export.go import read_modelfile, render
from tests.export.runs import base_of, export_run, make_run
from tests.export.test_go_template import NUMBERED


@pytest.fixture(autouse=True)
def converter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ollama know the pre-tokenizer of the tiny model."""
    monkeypatch.setattr(kinds, "OLLAMA_PRE", {"gpt-2"})


def test_a_merged_model_gets_a_modelfile(tmp_path: Path) -> None:
    run, out = make_run(tmp_path, chat_template=CHATML), tmp_path / "out"
    assert f"ollama create NAME -f {out}/Modelfile" in export_run(run, "ollama", out)
    commands = read_modelfile((out / "Modelfile").read_text("utf-8"))
    assert commands[0] == ("FROM", "./")
    prompt = render(dict(commands)["TEMPLATE"], "", [{"role": "user", "content": "a"}])
    assert prompt == "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
    stops = [value for name, value in commands if value.startswith("stop")]
    assert sorted(stops) == ['stop "</s>"', 'stop "<|im_end|>"']
    # The template writes no beginning of sequence, and none was trained: Ollama must not add one.
    assert json.loads((out / "tokenizer_config.json").read_text())["add_bos_token"] is False
    assert AutoModelForCausalLM.from_pretrained(out).num_parameters() > 0


def test_a_pattern_begins_as_in_the_training(tmp_path: Path) -> None:
    run, out = make_run(tmp_path), tmp_path / "out"
    export_run(run, "ollama", out)
    assert json.loads((out / "tokenizer_config.json").read_text())["add_bos_token"] is True
    assert "every question stands alone" in (out / "Modelfile").read_text("utf-8")


def test_an_adapter_goes_beside_its_base(tmp_path: Path) -> None:
    run, out = make_run(tmp_path), tmp_path / "out"
    export_run(run, "ollama", out, keeps_adapter=True)
    commands = read_modelfile((out / "Modelfile").read_text("utf-8"))
    assert commands[:2] == [("FROM", str(base_of(run).resolve())), ("ADAPTER", "./adapter")]
    name = "adapter_model.safetensors"
    assert (out / "adapter" / name).read_bytes() == (run / "saved" / name).read_bytes()


@pytest.mark.parametrize(
    ("method", "family", "said"),
    [
        ("dora", "llama", "plain LoRA alone, not dora"),
        ("rslora", "llama", "plain LoRA alone, not rslora"),
        ("lora", "qwen3", "no converter for adapters of Qwen3ForCausalLM"),
        ("full", "llama", "a whole model was trained"),
    ],
)
def test_other_adapters_are_refused(tmp_path: Path, method: str, family: str, said: str) -> None:
    run, out = make_run(tmp_path, method, family), tmp_path / "out"
    with pytest.raises(UserError, match=f"^--keep-adapter: .*{said}"):
        export_run(run, "ollama", out, keeps_adapter=True)


def test_a_template_that_go_cannot_write_is_refused_before_any_work(tmp_path: Path) -> None:
    run, out = make_run(tmp_path, chat_template=NUMBERED), tmp_path / "out"
    with pytest.raises(UserError, match="no template of Ollama could repeat exactly; use --to merged"):
        export_run(run, "ollama", out)
    assert not out.exists()
