"""Where the base model lies, checked before anything heavy is imported.

A hub id becomes a local folder here, once, so that no run's load time holds a download.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any

from msgspec import Struct

from laptime.errors import UserError
from laptime.models.config_sizes import check_numbers
from laptime.models.folder import check_folder, check_weights_index, check_whole, find_pickled
from laptime.spec import BUILTIN, ModelSpec
from laptime.util.hub import check_reachable, hub_errors
from laptime.util.untrusted import shorten

WEIGHT_FILES = ["*.safetensors", "*.safetensors.index.json"]
PICKLED_FILES = ["pytorch_model*.bin"]  # with --allow-pickled-weights alone
OTHER_FILES = ["*.json", "*.jinja", "*.model", "*.txt", "*.py"]

CAUSAL = ("CausalLM", "LMHead", "ConditionalGeneration")  # in the names of classes that write text


class ModelSource(Struct, kw_only=True):
    """A base model on this machine: `name` as the user gave it, `folder` where its files lie."""

    name: str
    folder: str
    config: dict[str, Any]
    toy: bool


def builtin_folder() -> Path:
    """Return the folder of the toy model that ships with the package."""
    return Path(str(resources.files("laptime"))) / "builtin" / "model"


def locate_model(spec: ModelSpec, download: bool = True, weights: bool = True) -> ModelSource:
    """Find the model's folder and check what can be seen without loading it.

    With `download` a hub id is fetched whole; without it only its config is asked for, which is enough
    to see that it exists and may be read. Without `weights` there need be none. Raises UserError otherwise.
    """
    if spec.model == BUILTIN:
        folder = builtin_folder()
    elif Path(spec.model).is_dir():
        folder = Path(spec.model)
    elif Path(spec.model).exists():
        raise UserError(f"--model {spec.model}: a file; give the folder that holds config.json")
    elif looks_like_path(spec.model):
        raise UserError(f"--model {spec.model}: no such folder")
    else:
        folder = _fetch(spec, download)
    config = _read_config(spec, folder)
    is_whole = download or Path(spec.model).is_dir()
    if weights and is_whole and not spec.random_weights:
        _check_weights(spec, folder)
    return ModelSource(name=spec.model, folder=str(folder), config=config, toy=spec.model == BUILTIN)


def looks_like_path(name: str) -> bool:
    """Tell a path from a hub id (`name` or `organisation/name`)."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or os.sep + os.sep in name


def _fetch(spec: ModelSpec, download: bool) -> Path:
    """Bring a hub model here (or its config alone), or find it in the cache; raises UserError."""
    page = f"https://huggingface.co/{spec.model}"
    with hub_errors(f"--model {spec.model}", "model", "folder", page):
        try:
            check_reachable()
        except ConnectionError:
            return _download(spec, download, cached=True)
        return _download(spec, download, cached=False)


def _download(spec: ModelSpec, download: bool, cached: bool) -> Path:
    """Return the folder of a hub model's files; with `cached`, of those that are here already."""
    import huggingface_hub as hub
    from huggingface_hub import errors

    patterns = OTHER_FILES if spec.random_weights else WEIGHT_FILES + OTHER_FILES
    if spec.allow_pickled_weights and not spec.random_weights:
        patterns = patterns + PICKLED_FILES
    if download:
        return Path(
            hub.snapshot_download(
                spec.model, revision=spec.revision, allow_patterns=patterns, local_files_only=cached
            )
        )
    try:
        config = hub.hf_hub_download(
            spec.model, "config.json", revision=spec.revision, local_files_only=cached
        )
    except errors.LocalEntryNotFoundError:
        raise
    except errors.EntryNotFoundError:
        raise UserError(f"--model {spec.model}: the repository has no config.json") from None
    return Path(config).parent


def _read_config(spec: ModelSpec, folder: Path) -> dict[str, Any]:
    """Check the folder and refuse what cannot be a causal language model."""
    config = check_folder(folder, f"--model {spec.model}", spec.trust_remote_code)
    if "model_type" not in config:
        raise UserError(f"{folder / 'config.json'}: no model_type in it; is this a transformers model?")
    check_numbers(folder / "config.json", config)
    if quantised := config.get("quantization_config"):
        method = quantised.get("quant_method") if isinstance(quantised, dict) else None
        of_it = f", {shorten(str(method))}" if method else ""
        raise UserError(
            f"{folder / 'config.json'}: quantised weights (quantization_config{of_it}); take a copy of the "
            f"model in float32, bf16 or fp16"
        )
    names = config.get("architectures") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{folder / 'config.json'}: architectures is no list of names")
    if names and not any(part in name for name in names for part in CAUSAL):
        raise UserError(f"--model {spec.model}: {names[0]} is no causal language model")
    return config


def _check_weights(spec: ModelSpec, folder: Path) -> None:
    """Refuse a folder without safetensors, whose weights are all there."""
    index = folder / "model.safetensors.index.json"
    pickled = find_pickled(folder)
    if index.exists():
        check_weights_index(index)
    elif any(folder.glob("*.safetensors")):
        for file in sorted(folder.glob("*.safetensors")):
            check_whole(file)
    elif pickled and spec.allow_pickled_weights:
        if (index := folder / "pytorch_model.bin.index.json").exists():
            check_weights_index(index)
    elif pickled:
        raise UserError(
            f"--model {spec.model}: only pickled weights ({pickled[0].name}), which can hold hostile code; "
            f"convert them to safetensors, or add --allow-pickled-weights"
        )
    else:
        raise UserError(f"--model {spec.model}: no weights; or --random-weights, for speed alone")
