"""The kinds of export: what each writes, how it is read back, and how far rounding may take it."""

from __future__ import annotations

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from laptime.errors import UserError
from laptime.export.gguf_file import (
    FORMATS,
    check_architecture,
    check_fields,
    need_gguf,
    read_back,
    write_gguf,
)
from laptime.export.gguf_tokenizer import (
    check_tokenizer,
    describe_pre_tokenizer,
    is_sentencepiece,
    read_state,
)
from laptime.export.llama_cpp import has_llama_cpp, opened
from laptime.export.merging import copy_files, merge, write_merged
from laptime.export.proof import Evidence, Proof, Rounding, Shown, Task, prove, show
from laptime.export.served_template import (
    PROBE,
    Tell,
    find_served_format,
    put_modelfile,
    tell_bos,
    with_template,
)
from laptime.export.subject import Subject, load_whole, name_dtype
from laptime.export.turn_format import TurnFormat
from laptime.models.folder import ADAPTER_CONFIG
from laptime.models.loading import one_line, replaced
from laptime.models.tokenizer_files import SETTINGS_FILE

if TYPE_CHECKING:
    from transformers import PreTrainedModel

GGUF_FILE, ADAPTER_FOLDER = "model.gguf", "adapter"
TOKENIZER_MODEL = "tokenizer.model"  # SentencePiece's own file
# Of the largest logit: llama.cpp rounds what goes into a product to the format of its weights.
PRODUCTS = {"f16": 2e-2, "q8_0": 6e-2}
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


class Kind(ABC):
    """One kind of export of one subject; `tell` says a sentence, `notes` of them go on the card too."""

    name: str

    def __init__(self, subject: Subject, number_format: str, tell: Tell) -> None:
        self.subject, self.number_format, self.tell = subject, number_format, tell
        self.what = f"--to {self.name}"
        self.tokenizer = subject.tokenizer

    @abstractmethod
    def check(self) -> None:
        """Refuse, before any long work, what cannot be written; raises UserError."""

    @property
    def num_bytes(self) -> int:
        """About how much room it takes."""
        return self.subject.num_parameters * self.subject.dtype.itemsize

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write it to a folder that is there."""

    @property
    def rounding(self) -> Rounding | None:
        """How weights are rounded, None where they are not."""
        return None

    @property
    def merges(self) -> bool:
        """Whether what was learned goes into the base's weights."""
        return self.subject.is_adapter

    def load(self, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Load it as its consumers do."""
        return load_whole(folder, dtype, self.subject.interviewer.model_spec.trust_remote_code)

    def prove(self, folder: Path, task: Task, evidence: Evidence) -> list[Proof]:
        """Set what was written against the evidence; raises UserError where it is something else."""
        if (folder / SETTINGS_FILE).is_file():
            self.check_tokenizer_there(folder)
        try:
            model = self.load(folder, evidence.dtype)
        except Exception as error:  # whatever is wrong with it, it is not kept
            raise UserError(
                f"{self.what}: cannot be loaded again ({one_line(error)}); nothing is kept"
            ) from error
        return [prove(show(model, task), task, evidence, self.what)]

    def check_tokenizer_there(self, folder: Path) -> None:
        """Raise UserError where the tokenizer that was written has other tokens or another template."""
        from transformers import AutoTokenizer

        trusts_code = self.subject.interviewer.model_spec.trust_remote_code
        written = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusts_code)
        texts = [question.question for question in self.subject.encoded.questions] or [PROBE]
        same = all(written(text)["input_ids"] == self.tokenizer(text)["input_ids"] for text in texts)
        if not same or written.chat_template != self.tokenizer.chat_template:
            raise UserError(f"{self.what}: the tokenizer is another when it is loaded again; nothing is kept")


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


class Gguf(Kind):
    """One file for llama.cpp and what is made of it, with a Modelfile for Ollama."""

    name = "gguf"

    def __init__(self, subject: Subject, number_format: str, tell: Tell) -> None:
        super().__init__(subject, number_format or FORMATS[0], tell)

    def check(self) -> None:
        """Refuse architectures and tokenizers that are not written here."""
        need_gguf()
        check_architecture(self.subject.architecture, self.subject.config)
        self.tokenizer = with_template(self.subject, self.tell)
        check_tokenizer(self.tokenizer)
        self.found: TurnFormat | None = None
        self.refusal = ""
        try:
            self.found = find_served_format(self.subject)
        except UserError as error:  # the file needs no template of Ollama's
            self.refusal = str(error)

    @property
    def num_bytes(self) -> int:
        """Two bytes a weight, or a little more than one."""
        return round(self.subject.num_parameters * (2 if self.number_format == "f16" else 34 / 32))

    @property
    def rounding(self) -> Rounding | None:
        """To the number format of the file."""
        return partial(read_back, number_format=self.number_format)

    def write(self, folder: Path) -> None:
        """Merge in float32, where it has room, and write the file."""
        subject = self.subject
        tell_merging(subject, self.tell, "export.merging.gguf", format=self.number_format.upper())
        begins = self.begins()
        model = merge(subject, subject.proof_dtype())
        name = f"{Path(subject.source.model.model).name}-{subject.method.name}"
        write_gguf(
            model, self.tokenizer, subject.config, folder / GGUF_FILE, self.number_format, begins,
            subject.encoded.stop_ids, name,
        )  # fmt: skip
        if self.found is None:
            self.tell("export.no_modelfile", reason=self.refusal)
        else:
            put_modelfile(subject, folder, f"./{GGUF_FILE}", self.found)

    def begins(self) -> bool:
        """Tell whether the training put the beginning of sequence before a text."""
        token = self.tokenizer.bos_token_id
        return token is not None and list(self.subject.encoded.examples[0].token_ids[:1]) == [token]

    def load(self, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
        """Load the file in transformers, which reads shape and tensors from it."""
        from tqdm import tqdm
        from transformers import (
            AutoConfig,
            AutoModelForCausalLM,
            LlamaConfig,
            modeling_gguf_pytorch_utils,
        )

        # Shape and rotation are not read whole from a file there; `check_fields` looks at those.
        config = AutoConfig.from_pretrained(self.subject.base_folder)
        if config.model_type == "mistral":  # Llama by another name, as llama.cpp has it
            config = LlamaConfig(**config.to_dict() | {"model_type": "llama"})
        with replaced(modeling_gguf_pytorch_utils, "tqdm", partial(tqdm, disable=True)):
            return AutoModelForCausalLM.from_pretrained(
                folder, gguf_file=GGUF_FILE, dtype=dtype, config=config
            )

    def prove(self, folder: Path, task: Task, evidence: Evidence) -> list[Proof]:
        """Read the file back in transformers, and in llama.cpp where that is here."""
        check_fields(folder / GGUF_FILE, self.subject.config)
        proofs = super().prove(folder, task, evidence)
        if not has_llama_cpp():
            self.tell("export.not_by_llama_cpp")
            return proofs
        with opened(folder / GGUF_FILE, task) as theirs:
            self.check_tokens(theirs.tokenize)
            found = Shown([theirs.logits(ids) for ids in task.examples], theirs.answer_all())
        what, share = f"{self.what} in llama.cpp", PRODUCTS[self.number_format]
        proofs.append(prove(found, task, evidence, what, share))
        return proofs

    def check_tokens(self, tokenize: Callable[[str, bool], list[int]]) -> None:
        """Raise UserError where llama.cpp reads the texts of the examples as other tokens."""
        encoded = self.subject.encoded
        begin = self.tokenizer.bos_token_id if self.begins() else None
        for example in list(encoded.examples[:20]):
            ids = example.token_ids
            text = self.tokenizer.decode(
                ids[1:] if begin is not None else ids, clean_up_tokenization_spaces=False
            )
            expected = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            expected = [begin, *expected] if begin is not None else expected
            if tokenize(text, begin is not None) != expected:
                raise UserError(
                    f"{self.what}: llama.cpp reads {example.source} as other tokens; use --to merged; "
                    f"nothing is kept"
                )


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
        return Gguf(subject, number_format, tell)
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


def tell_merging(subject: Subject, tell: Tell, key: str = "export.merging", **values: str) -> None:
    """Say what is merged into what, or copied."""
    if subject.method.name == "qlora":
        tell("export.unquantised", dtype=name_dtype(subject.dtype))
    if subject.is_adapter:
        tell(key, method=subject.method.name, dtype=name_dtype(subject.dtype), **values)
    elif not values:
        tell("export.copying")


def load_adapter(subject: Subject, folder: Path, dtype: torch.dtype) -> Any:
    """Put an adapter of a folder on the base."""
    from peft import PeftModel

    return PeftModel.from_pretrained(subject.load_base(dtype), str(folder))
