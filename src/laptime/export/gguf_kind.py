"""The kind of export that is one file for llama.cpp and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

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
)
from laptime.export.llama_cpp import has_llama_cpp, opened
from laptime.export.merging import merge
from laptime.export.proof import Evidence, Proof, Rounding, Shown, Task, prove
from laptime.export.served_template import (
    Tell,
    find_served_format,
    put_modelfile,
    with_template,
)
from laptime.export.subject import Subject
from laptime.export.turn_format import TurnFormat
from laptime.models.loading import replaced

if TYPE_CHECKING:
    from transformers import PreTrainedModel
from laptime.export.kind import Kind, tell_merging

# Of the largest logit: llama.cpp rounds what goes into a product to the format of its weights.
PRODUCTS = {"f16": 2e-2, "q8_0": 6e-2}
GGUF_FILE = "model.gguf"


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
