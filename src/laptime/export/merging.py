"""What was learned put into the base's weights: each tensor widened, merged and cast back once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel

from laptime.export.subject import Subject
from laptime.models.card import card_name

SHARD = "5GB"


def merge(subject: Subject, dtype: torch.dtype) -> PreTrainedModel:
    """Return the plain model with what was learned in its weights, each cast to `dtype`."""
    if not subject.is_adapter:
        return subject.load_reference(dtype)
    adapted = subject.adapt(subject.load_base(dtype))
    merge_layers(adapted)
    return adapted.unload()


@torch.no_grad()
def merge_layers(adapted: Any) -> None:
    """Merge the adapter into one layer after the other, in float32; each tensor is then rounded once."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for module in adapted.modules():
        if not isinstance(module, BaseTunerLayer):
            continue
        held = list(module.get_base_layer().parameters(recurse=False))
        dtypes = [parameter.dtype for parameter in held]
        for parameter in held:
            parameter.data = parameter.data.float()
        module.merge()
        for parameter, dtype in zip(held, dtypes, strict=True):
            parameter.data = parameter.data.to(dtype)


def write_merged(subject: Subject, tokenizer: Any, folder: Path) -> None:
    """Write the model with its tokenizer to a folder that is there; a whole model is copied."""
    if subject.is_adapter:
        model = merge(subject, subject.dtype)
        set_stops(model, subject)
        model.save_pretrained(folder, max_shard_size=SHARD)
    else:
        copy_files(subject.source.saved, folder)
    tokenizer.save_pretrained(str(folder))
    if not subject.is_adapter:
        write_stops(subject, folder)


def copy_files(saved: Path, folder: Path) -> None:
    """Copy what a run saved; the card is written anew."""
    for file in sorted(saved.rglob("*")):
        if file.is_file() and file.name != card_name():
            (folder / file.relative_to(saved)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / file.relative_to(saved))


def set_stops(model: PreTrainedModel, subject: Subject) -> None:
    """Let whoever generates stop where the answers of the training end."""
    stops = subject.encoded.stop_ids
    model.generation_config.eos_token_id = stops[0] if len(stops) == 1 else stops
    try:
        model.generation_config.validate(strict=True)
    except (ValueError, TypeError):  # settings of sampling that the base contradicts itself in
        model.generation_config = GenerationConfig(
            bos_token_id=model.config.bos_token_id, eos_token_id=model.generation_config.eos_token_id
        )


def write_stops(subject: Subject, folder: Path) -> None:
    """Do the same in the files of a model that was copied."""
    stops = subject.encoded.stop_ids
    try:
        settings = GenerationConfig.from_pretrained(folder, local_files_only=True)
    except OSError:
        settings = GenerationConfig()
    known = settings.eos_token_id if isinstance(settings.eos_token_id, list) else [settings.eos_token_id]
    if not set(stops) <= set(known):
        settings.eos_token_id = stops[0] if len(stops) == 1 else stops
        settings.save_pretrained(folder)
