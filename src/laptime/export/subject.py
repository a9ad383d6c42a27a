"""What is exported, opened: its base, tokenizer and data, and the models that are set against each other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from laptime.data.encoding import encode_question, has_chat_template
from laptime.data.templates import Template, make_template
from laptime.export.source import Source
from laptime.hardware.system_memory import free_bytes
from laptime.interview import Interviewer
from laptime.methods.adapter import load_adapter
from laptime.methods.method import make_method
from laptime.models.folder import check_saved
from laptime.models.loading import lean_loading, load_model
from laptime.models.stored_weights import StoredWeight, read_headers

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DTYPES = {"F64": torch.float32, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
SPARE = 1.3  # of a model's weights: activations, the tensor that is merged


class Subject:
    """A result with its base; `dtype` is that of the base's files, or of a whole model's own."""

    def __init__(self, source: Source, trusts_code: bool = False) -> None:
        self.source = source
        self.interviewer = Interviewer(source.folder, source.result, None, trusts_code)
        self.tokenizer = self.interviewer.tokenizer
        self.encoded = self.interviewer.encoded
        self.base_folder = Path(self.interviewer.source.folder)
        self.template = make_template(self.encoded.template, has_chat_template(self.tokenizer))
        self.method = make_method(source.method.method, source.method.method_options)
        check_saved(source.saved, self.kind)
        pickled = self.interviewer.model_spec.allow_pickled_weights
        headers = read_headers(self.base_folder if self.is_adapter else source.saved, pickled)
        self.num_parameters = sum(torch.Size(one.shape).numel() for one in headers.values())
        self.dtype = choose_dtype(headers)

    @property
    def kind(self) -> Any:
        """Whether an "adapter" or a whole "model" was saved."""
        return self.source.kept.kind

    @property
    def is_adapter(self) -> bool:
        """Whether what was saved needs the base."""
        return self.kind == "adapter"

    @property
    def config(self) -> dict[str, Any]:
        """The base's config.json."""
        return self.interviewer.source.config

    @property
    def architecture(self) -> str:
        """The class of the base, as config.json names it."""
        return str((self.config.get("architectures") or [""])[0])

    def encode_question(self, question: str, template: Template) -> list[int]:
        """Return the tokens of a question as the training showed it."""
        return encode_question(question, self.tokenizer, template)

    def proof_dtype(self) -> torch.dtype:
        """Return the dtype in which models are set against each other: float32 where it has room."""
        free = free_bytes()
        fits = free is None or 4 * SPARE * self.num_parameters < free
        return torch.float32 if fits else self.dtype

    def load_base(self, dtype: torch.dtype) -> PreTrainedModel:
        """Load the base on the CPU, never quantised."""
        return load_model(self.interviewer.model_spec, self.base_folder, dtype)

    def load_reference(self, dtype: torch.dtype) -> PreTrainedModel:
        """Load what every export must equal: the base with the adapter on it, or the saved model."""
        if self.is_adapter:
            return self.adapt(self.load_base(dtype))
        return load_whole(self.source.saved, dtype, self.interviewer.model_spec.trust_remote_code)

    def adapt(self, base: PreTrainedModel) -> Any:
        """Put the saved adapter on the base, also where it was trained beside a quantised one."""
        return load_adapter(base, self.source.saved)


def load_whole(folder: Path, dtype: torch.dtype, trusts_code: bool = False) -> PreTrainedModel:
    """Load a whole model as its consumers do."""
    from transformers import AutoModelForCausalLM

    with lean_loading():
        return AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=trusts_code
        )


def choose_dtype(headers: dict[str, StoredWeight]) -> torch.dtype:
    """Return the dtype of most of the stored numbers."""
    counts: Counter[str] = Counter()
    for weight in headers.values():
        counts[weight.format] += torch.Size(weight.shape).numel()
    return DTYPES.get(counts.most_common(1)[0][0], torch.float32)


def name_dtype(dtype: torch.dtype) -> str:
    """Return the name of a dtype: "bfloat16"."""
    return str(dtype).removeprefix("torch.")
