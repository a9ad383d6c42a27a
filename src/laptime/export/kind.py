"""What every kind of export has: a check, a file or folder, a rounding, and a proof."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from laptime.errors import UserError
from laptime.export.proof import Evidence, Proof, Rounding, Task, prove, show
from laptime.export.served_template import (
    PROBE,
    Tell,
)
from laptime.export.subject import Subject, load_whole, name_dtype
from laptime.methods import adapter as adapters
from laptime.models.loading import one_line
from laptime.models.tokenizer_files import SETTINGS_FILE

if TYPE_CHECKING:
    from transformers import PreTrainedModel


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
    return adapters.load_adapter(subject.load_base(dtype), folder)
