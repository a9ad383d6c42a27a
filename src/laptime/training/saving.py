"""What the user keeps, written and described."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from safetensors import SafetensorError

from laptime.methods.method import Method
from laptime.models.card import card_name
from laptime.runs.events import Digests, Saved
from laptime.training.tensor_file import read_file_facts
from laptime.util.atomic import whole_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class UnsavedError(Exception):
    """The result could not be written; nothing of it was left behind."""

    def __init__(self, error: Exception) -> None:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        super().__init__(f"the result was not saved: {reason}")


def write_result(
    method: Method, model: PreTrainedModel, tokenizer: Any, folder: Path, card: str = ""
) -> float:
    """Write the adapter, or the whole model with its tokenizer; returns the seconds until it is on the disk.

    A `card` takes the place of the empty one that PEFT writes. A kill leaves all of it or nothing. Raises
    UnsavedError.
    """
    begun = time.perf_counter()
    try:
        with whole_folder(folder) as aside:
            method.save(model, aside)
            if tokenizer is not None:
                tokenizer.save_pretrained(str(aside))
            if card:
                (aside / card_name()).write_text(card, encoding="utf-8")
            for file in files_in(aside):
                share_as_usual(file)
    except (OSError, SafetensorError) as error:
        raise UnsavedError(error) from error
    return time.perf_counter() - begun


def describe_result(kind: Literal["adapter", "model"], folder: Path, kept: str = "") -> Saved:
    """Return the event that tells what was written."""
    files = {str(file.relative_to(folder)): file.stat().st_size for file in files_in(folder)}
    return Saved(kind=kind, path=folder.name, num_bytes=sum(files.values()), files=files, kept=kept)


def begin_digests(folder: Path) -> Future[Digests]:
    """Begin to read back what was saved, beside what follows: no figure of the run waits for it."""
    thread = ThreadPoolExecutor(1)
    future = thread.submit(describe_files, folder)
    thread.shutdown(wait=False)
    return future


def describe_files(folder: Path) -> Digests:
    """Return the event that proves what was written."""
    files = {file.relative_to(folder).as_posix(): file for file in files_in(folder)}
    return Digests(
        path=folder.name, sha256={name: read_file_facts(file).sha256 for name, file in files.items()}
    )


def files_in(folder: Path) -> list[Path]:
    """Return every file under `folder`, in order."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


def share_as_usual(file: Path) -> None:
    """Give a saved file the permissions of any new file; safetensors leaves it to its owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    file.chmod(0o666 & ~mask)
