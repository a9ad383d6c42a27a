"""What the user keeps, written and described."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from laptime.methods.method import Method
from laptime.record import Saved

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def write_result(method: Method, model: PreTrainedModel, tokenizer: Any, folder: Path) -> float:
    """Write the adapter, or the whole model with its tokenizer; returns the seconds it took."""
    begun = time.perf_counter()
    folder.mkdir()
    method.save(model, folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(str(folder))
    for file in files_in(folder):
        share_as_usual(file)
    return time.perf_counter() - begun


def describe_result(kind: Literal["adapter", "model"], folder: Path) -> Saved:
    """Return the event that tells what was written."""
    files = {str(file.relative_to(folder)): file.stat().st_size for file in files_in(folder)}
    return Saved(kind=kind, path=folder.name, num_bytes=sum(files.values()), files=files)


def files_in(folder: Path) -> list[Path]:
    """Return every file under `folder`, in order."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


def share_as_usual(file: Path) -> None:
    """Give a saved file the permissions of any new file; safetensors leaves it to its owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    file.chmod(0o666 & ~mask)
