"""Runs to export: tiny models trained in this process, in a folder as `laptime train` leaves it."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from laptime.data.input_manifest import read_manifest
from laptime.export.card import Given
from laptime.export.exporting import Wish, export
from laptime.export.source import find_source
from laptime.report.language import Language
from laptime.report.screen import Screen
from tests.data.tokenizers_made import make_tokenizer
from tests.speedups.runs import EXAMPLES, encode, train, write_examples
from tests.tiny import make_byte_tokenizer, make_tiny_model

_TRAINED: dict[tuple[str, str, str], Path] = {}  # in the folder of temporary files, which the tests' own is
SIZES: dict[str, Any] = {
    "vocab_size": 260, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
    "tie_word_embeddings": True, "bos_token_id": 256, "eos_token_id": 257, "initializer_range": 0.2,
}  # fmt: skip


def make_run(folder: Path, method: str = "lora", family: str = "llama", chat_template: str = "") -> Path:
    """Return the folder of a run on a tiny model, a copy of one that is trained once; its base is shared."""
    key = (method, family, chat_template)
    if key not in _TRAINED:
        place = Path(tempfile.mkdtemp(prefix="export-"))
        _TRAINED[key] = train_run(place, *key)
    return Path(shutil.copytree(_TRAINED[key], folder / "run"))


def train_run(folder: Path, method: str = "lora", family: str = "llama", chat_template: str = "") -> Path:
    """Train a tiny model and return the folder of the run."""
    base, run = folder / "base", folder / "run"
    model = base / "model"
    if family == "qwen3":
        torch.manual_seed(0)
        Qwen3ForCausalLM(Qwen3Config(**SIZES)).save_pretrained(model)
    else:
        make_tiny_model(model, initializer_range=0.2)
    make_merging_tokenizer().save_pretrained(model)
    if chat_template:
        make_tokenizer(chat_template).save_pretrained(model)
    if family == "llama-bf16":
        AutoModelForCausalLM.from_pretrained(model).to(torch.bfloat16).save_pretrained(model)
    write_examples(base / "train.jsonl", EXAMPLES)
    write_examples(base / "held_out.jsonl", [("why", "so")])
    encode(base, "inputs")
    train(base, run, method, learning_rate=5e-2)
    shutil.copytree(base / "inputs", run / "inputs")
    return run


def make_merging_tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer of bytes with a pair of them that is one token: llama.cpp loads none without."""
    state = json.loads(make_byte_tokenizer().backend_tokenizer.to_str())
    state["model"]["vocab"] |= {"<s>": 256, "</s>": 257, "es": 258}
    state["model"]["merges"] = [["e", "s"]]
    made = Tokenizer.from_str(json.dumps(state))
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")


def base_of(run: Path) -> Path:
    """Return the folder of the base that a run was trained from."""
    return Path(read_manifest(run / "inputs").model_folder)


def export_run(run: Path, kind: str, out: Path, code: str = "en", **wishes: Any) -> str:
    """Export a run and return what was said."""
    given = Given(**wishes.pop("given", {}))
    screen = Screen(width=10_000, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    wish = Wish(kind=kind, out=out, given=given, **wishes)
    export(find_source(run), wish, Language(code), screen)  # type: ignore[arg-type]
    assert isinstance(screen, Console)
    return screen.export_text()


@torch.no_grad()
def compute(model: PreTrainedModel, ids: list[int]) -> torch.Tensor:
    """Return the logits TV of some tokens."""
    return model.eval()(input_ids=torch.tensor([ids])).logits[0].float()
