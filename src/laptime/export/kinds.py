"""The kinds of export: what each writes, how it is read back, and how far rounding may take it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from laptime.errors import UserError
from laptime.export.gguf_kind import Gguf
from laptime.export.gguf_tokenizer import (
    describe_pre_tokenizer,
    is_sentencepiece,
    read_state,
)
from laptime.export.kind import Kind, load_adapter, tell_merging
from laptime.export.merging import copy_files, write_merged
from laptime.export.proof import Rounding
from laptime.export.served_template import (
    Tell,
    find_served_format,
    put_modelfile,
    tell_bos,
    with_template,
)
from laptime.export.subject import Subject
from laptime.models.folder import ADAPTER_CONFIG

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER_FOLDER = "adapter"
TOKENIZER_MODEL = "tokenizer.model"  # SentencePiece's own file
# What Ollama converts from safetensors by itself (convert/convert.go), of models that write text.
OLLAMA_CONVERTS = {
    "LlamaForCausalLM", "MixtralForCausalLM", "Ministral3ForCausalLM", "GemmaForCausalLM",
    "Gemma2ForCausalLM", "Gemma3ForCausalLM", "Phi3ForCausalLM", "Qwen2ForCausalLM",
    "Qwen3NextForCausalLM", "Olmo3ForCausalLM",
    "CohereForCausalLM", "GptOssForCausalLM", "DeepseekV3ForCausalLM", "Glm4MoeLiteForCausalLM",
    "Lfm2ForCausalLM",
}  # fmt: skip
OLLAMA_ADAPTERS = {"LlamaForCausalLM", "Gemma2ForCausalLM"}
OLLAMA_PRE = {"llama-bpe", "qwen2"}  # pre-tokenizers that it knows by their patterns
PLAIN_LORA = {"use_dora": False, "use_rslora": False, "rank_pattern": {}, "alpha_pattern": {}, "bias": "none"}


class Merged(Kind):
    """A whole model that transformers loads."""

    name = "merged"

    def check(self) -> None:
        """Give the tokenizer the training's template, where it can have it."""
        self.tokenizer = with_template(self.subject, self.tell)

    @property
    def rounding(self) -> Rounding | None:
        """To the dtype of the base; a whole model is copied."""
        dtype = self.subject.dtype
        rounds = self.subject.is_adapter and dtype != torch.float32
        return (lambda _, weight: weight.to(dtype).to(weight.dtype)) if rounds else None

    def write(self, folder: Path) -> None:
        """Merge, or copy, and write the tokenizer."""
        tell_merging(self.subject, self.tell)
        write_merged(self.subject, self.tokenizer, folder)
        spelling = self.subject.base_folder / TOKENIZER_MODEL
        if spelling.is_file():
            shutil.copyfile(spelling, folder / TOKENIZER_MODEL)


class Ollama(Merged):
    """A merged model, or the base and the adapter, with a Modelfile."""

    name = "ollama"

    def check(self) -> None:
        """Refuse a template that Ollama cannot have."""
        super().check()
        self.found = find_served_format(self.subject)

    def write(self, folder: Path) -> None:
        """Write the model and, beside it, how Ollama is to make its own of it."""
        super().write(folder)
        tell_bos(folder, self.found.begins)
        put_modelfile(self.subject, folder, "./", self.found)


class OllamaAdapter(Kind):
    """The adapter as it is, with a Modelfile that names the base."""

    name = "ollama"
    merges = False

    @property
    def num_bytes(self) -> int:
        """The bytes of the adapter."""
        return self.subject.source.kept.num_bytes

    def check(self) -> None:
        """Refuse what Ollama's converter of adapters does not read."""
        subject = self.subject
        if not subject.is_adapter:
            raise UserError("--keep-adapter: a whole model was trained; leave the option out")
        if subject.architecture not in OLLAMA_ADAPTERS:
            raise UserError(
                f"--keep-adapter: Ollama has no converter for adapters of {subject.architecture} (only of "
                f"{', '.join(sorted(OLLAMA_ADAPTERS))}); leave the option out"
            )
        if reason := find_no_converter(subject):
            raise UserError(
                f"--keep-adapter: Ollama has no converter for the base ({reason}); leave the option out"
            )
        config = json.loads((subject.source.saved / ADAPTER_CONFIG).read_bytes())
        others = [key for key, value in PLAIN_LORA.items() if (config.get(key) or value) != value]
        if config["peft_type"] != "LORA" or others or config.get("target_parameters"):
            raise UserError(
                f"--keep-adapter: Ollama reads plain LoRA alone, not {subject.method.name}; leave it out"
            )
        self.found = find_served_format(subject)

    def write(self, folder: Path) -> None:
        """Copy the adapter and name the base."""
        copy_files(self.subject.source.saved, folder / ADAPTER_FOLDER)
        put_modelfile(
            self.subject, folder, str(self.subject.base_folder.resolve()), self.found, f"./{ADAPTER_FOLDER}"
        )

    def load(self, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Put the adapter on the base."""
        return load_adapter(self.subject, folder / ADAPTER_FOLDER, dtype)


class Card(Kind):
    """What the run saved as it is, with a card."""

    name = "card"
    merges = False

    @property
    def num_bytes(self) -> int:
        """The bytes of what was saved."""
        return self.subject.source.kept.num_bytes

    def check(self) -> None:
        """Give the tokenizer the training's template, where it can have it."""
        self.tokenizer = with_template(self.subject, self.tell)

    def write(self, folder: Path) -> None:
        """Copy what was saved, and write the tokenizer, which answers are asked with."""
        copy_files(self.subject.source.saved, folder)
        self.tokenizer.save_pretrained(str(folder))

    def load(self, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Load the copy."""
        return (
            load_adapter(self.subject, folder, dtype)
            if self.subject.is_adapter
            else super().load(folder, dtype)
        )


def choose_kind(name: str, subject: Subject, number_format: str, keeps_adapter: bool, tell: Tell) -> Kind:
    """Return the kind of export; where Ollama converts no such model, a GGUF is written for it."""
    if name != "ollama":
        plain: dict[str, Callable[..., Kind]] = {"merged": Merged, "gguf": Gguf, "card": Card}
        return plain[name](subject, number_format, tell)
    if keeps_adapter:
        return OllamaAdapter(subject, number_format, tell)
    if reason := find_no_converter(subject):
        tell("export.no_converter", reason=reason)
        made = Gguf(subject, number_format, tell)
        made.what = "--to ollama"
        return made
    if number_format:
        raise UserError(
            f"--format {number_format}: Ollama converts this model by itself; leave the option out"
        )
    return Ollama(subject, number_format, tell)


def find_no_converter(subject: Subject) -> str:
    """Return for what of a model Ollama has no converter of its own, "" where it has one."""
    if subject.architecture not in OLLAMA_CONVERTS:
        return subject.architecture
    state = read_state(subject.tokenizer)
    if (subject.base_folder / TOKENIZER_MODEL).is_file():
        return ""
    if is_sentencepiece(state):
        return f"SentencePiece / {TOKENIZER_MODEL}"
    return "" if describe_pre_tokenizer(state) in OLLAMA_PRE else "this pre-tokenizer"
