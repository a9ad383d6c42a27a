"""A GGUF holds tensors, shape and tokenizer, as its own reader, transformers and llama.cpp see it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from laptime.errors import UserError
from laptime.export import gguf_file
from laptime.export.gguf_file import check_architecture, llama3_factors
from laptime.export.gguf_tokenizer import (
    LLAMA3,
    check_tokenizer,
    describe_pre_tokenizer,
    list_scores,
    read_state,
)
from tests.export.runs import base_of, compute, export_run, make_run
from tests.tiny import make_byte_tokenizer

PROMPT = [256, 35, 64, 1, 2, 3]
needs_gguf = pytest.mark.skipif(find_spec("gguf") is None, reason="no gguf")


@needs_gguf
@pytest.mark.parametrize("family", ["llama", "qwen3"])
@pytest.mark.parametrize("number_format", ["f16", "q8_0"])
def test_a_file_holds_the_merged_model(tmp_path: Path, family: str, number_format: str) -> None:
    import gguf

    run, out = make_run(tmp_path, family=family), tmp_path / "out"
    said = export_run(run, "gguf", out, number_format=number_format)
    by_llama_cpp = find_spec("llama_cpp") is not None
    assert ("proven by llama.cpp too" in said) == by_llama_cpp
    assert ("not proven by llama.cpp" in said) != by_llama_cpp
    reader = gguf.GGUFReader(out / "model.gguf")
    assert reader.fields["general.architecture"].contents() == family
    assert reader.fields["tokenizer.ggml.pre"].contents() == "gpt-2"
    assert reader.fields["tokenizer.ggml.add_bos_token"].contents() is True
    assert "### Question:" in reader.fields["tokenizer.chat_template"].contents()
    base = AutoModelForCausalLM.from_pretrained(base_of(run))
    merged = PeftModel.from_pretrained(base, str(run / "saved")).merge_and_unload()
    tensors = {
        one.name: torch.from_numpy(gguf.dequantize(one.data, one.tensor_type)) for one in reader.tensors
    }
    for layer in range(2):
        ours = {
            name: merged.get_parameter(f"model.layers.{layer}.{name}.weight")
            for name in ("self_attn.q_proj", "mlp.up_proj")
        }
        query = tensors[f"blk.{layer}.attn_q.weight"]
        if family == "llama":  # neighbours rotate there; halves do here
            query = query.reshape(4, -1, 2, query.shape[1]).swapaxes(1, 2).reshape(query.shape)
        bound = 1e-3 if number_format == "f16" else 2e-2
        torch.testing.assert_close(query, ours["self_attn.q_proj"].data, rtol=0, atol=bound)
        torch.testing.assert_close(
            tensors[f"blk.{layer}.ffn_up.weight"], ours["mlp.up_proj"].data, rtol=0, atol=bound
        )
    modelfile = (out / "Modelfile").read_text()
    assert "FROM ./model.gguf\n" in modelfile and 'PARAMETER stop "</s>"' in modelfile


@needs_gguf
def test_rows_in_a_wrong_order_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, out = make_run(tmp_path), tmp_path / "out"
    monkeypatch.setattr(gguf_file, "arrange", lambda name, tensor, *_: tensor)
    with pytest.raises(UserError, match=r"--to gguf: changes the logits by .*; nothing is kept"):
        export_run(run, "gguf", out)
    assert not out.exists()


@needs_gguf
def test_ollama_gets_a_file_where_it_has_no_converter(tmp_path: Path) -> None:
    run, out = make_run(tmp_path, family="qwen3"), tmp_path / "out"
    assert "Ollama has no converter of its own for Qwen3ForCausalLM" in export_run(run, "ollama", out)
    assert "FROM ./model.gguf\n" in (out / "Modelfile").read_text()


@needs_gguf
def test_a_real_model_with_a_sentencepiece_tokenizer(shared_data: Path, tmp_path: Path) -> None:
    """stories260K: scores in the place of merges, tokens for bytes, a blank before every text."""
    import gguf

    from laptime.export.gguf_file import write_gguf

    folder = shared_data / "models" / "stories260K"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    config = model.config.to_dict()
    write_gguf(model, tokenizer, config, tmp_path / "model.gguf", "f16", True, [2], "stories")
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    assert reader.fields["tokenizer.ggml.model"].contents() == "llama"
    types = reader.fields["tokenizer.ggml.token_type"].contents()
    assert types[:3] == [2, 3, 3] and types[3:259] == [6] * 256 and set(types[259:]) == {1}
    again = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="model.gguf", dtype=torch.float32)
    ids = tokenizer("Once upon a time")["input_ids"]
    torch.testing.assert_close(compute(again, ids), compute(model, ids), rtol=0, atol=2e-2)
    if find_spec("llama_cpp"):
        from llama_cpp import Llama

        theirs = Llama(str(tmp_path / "model.gguf"), vocab_only=True, verbose=False)
        for text in ("Once upon a time, there was", " 두 번 ", "a  b\n\tc"):
            assert theirs.tokenize(text.encode(), add_bos=True) == tokenizer(text)["input_ids"]


def test_scores_follow_the_merges() -> None:
    state = {"model": {"merges": [["a", "b"], "ab c"]}}
    assert list_scores(state, ["a", "abc", "ab"]) == [-3.0, -1.0, 0.0]


def test_pre_tokenizers_are_told_by_what_they_do(shared_data: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(shared_data / "models" / "llama-3-instruct-tokenizer")
    state = read_state(tokenizer)
    assert describe_pre_tokenizer(state) == "llama-bpe"
    split = state["pre_tokenizer"]["pretokenizers"][0]
    split["pattern"]["Regex"] = LLAMA3.replace("{1,3}", "{1,2}")
    assert describe_pre_tokenizer(state) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, "not for GPT2LMHeadModel"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "rope of the type longrope"),
        ({"architectures": ["MistralForCausalLM"], "sliding_window": 4096}, "sliding window"),
    ],
)
def test_what_is_not_written_is_refused(changes: dict[str, Any], said: str) -> None:
    config = {"architectures": ["LlamaForCausalLM"]} | changes
    with pytest.raises(UserError, match=rf"^--to gguf: .*{said}.*--to merged"):
        check_architecture(config["architectures"][0], config)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, out = make_run(tmp_path), tmp_path / "out"
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(UserError, match=r"needs gguf; install it with pip install 'laptime\[gguf\]'"):
        export_run(run, "gguf", out)


def test_a_tokenizer_without_merges_is_refused() -> None:
    with pytest.raises(UserError, match="a tokenizer without merges"):
        check_tokenizer(make_byte_tokenizer())


def test_a_word_level_tokenizer_is_refused() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))
    with pytest.raises(UserError, match=r"a tokenizer of another kind \(WordLevel\)"):
        check_tokenizer(made)


def test_llama_3_divides_frequencies_as_transformers_does() -> None:
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    rope = {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "high_freq_factor": 4.0,
        "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
    }  # fmt: skip
    config = LlamaConfig(hidden_size=2048, num_attention_heads=32, head_dim=64, rope_parameters=rope)
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    plain = 1.0 / 500000.0 ** (torch.arange(0, 64, 2) / 64)
    factors = llama3_factors(config.to_dict())
    assert factors is not None
    torch.testing.assert_close(plain / factors, scaled)
