"""What the folder of a model may hold: data that stays inside it, and no code but by the user's word.

A model comes from anywhere: a hub, an archive, the folder of somebody else's comparison. Its files name
other files, classes and repositories; transformers and PEFT follow more of that than is good.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from laptime.errors import UserError
from laptime.models.tokenizer_files import PUT_BACK, SETTINGS_FILE, check_settings
from laptime.util.strict_json import tell_syntax
from laptime.util.untrusted import check_inside, read_whole, shorten

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
OBJECTS = ("generation_config.json", "special_tokens_map.json", "added_tokens.json")  # read by transformers
FOLDERS_READ = (".", "additional_chat_templates")  # by transformers, for a causal model
CODE_KEYS = (
    "_implementation",
    "_implementation_internal",
)  # endings; a value "a/b" is a repository of kernels
# Peft types whose configuration leads to no other folder; that of prompt tuning is looked at.
OWN_ADAPTERS = {"ADALORA", "IA3", "LORA", "OFT", "PROMPT_TUNING", "VERA"}
PICKLED = ("pytorch_model*.bin", "*.pt", "*.pth", "*.bin")


def check_folder(folder: Path, option: str, trusts_code: bool) -> dict[str, Any]:
    """Return the configuration of the model in `folder`, whose files were checked as far as they are data.

    Raises UserError, naming `option` or the file, for code without the user's word, for links and names
    that leave the folder, and for a folder that is no model.
    """
    check_links(folder)
    config = _read_json(folder / "config.json")
    if config is None:
        adapter = (folder / ADAPTER_CONFIG).exists()
        why = "an adapter; give its base model instead" if adapter else "no config.json in this folder"
        raise UserError(f"{option}: {why}")
    if (folder / ADAPTER_CONFIG).exists():  # transformers would load the base that it names instead
        raise UserError(f"{option}: holds an adapter beside the model; take {ADAPTER_CONFIG} away")
    for name in OBJECTS:
        _read_json(folder / name)
    tokenizer = _read_json(folder / SETTINGS_FILE) or {}
    check_settings(folder / SETTINGS_FILE, tokenizer)
    if not trusts_code:
        for file, settings in (("config.json", config), (SETTINGS_FILE, tokenizer)):
            _refuse_code(folder / file, settings, option)
    for key, value in tokenizer.items():
        # Some repositories still name the files of the machine that wrote them; those are not there.
        if key.endswith("_file") and isinstance(value, str) and _leads_out(value) and Path(value).exists():
            raise UserError(f"{folder / SETTINGS_FILE}: {key} {shorten(value)} leaves the folder")
    return config


def check_saved(folder: Path, kind: Literal["adapter", "model"]) -> None:
    """Refuse what a run cannot have saved, or what would lead elsewhere; raises UserError."""
    if not folder.is_dir():
        raise UserError(f"{folder}: what the run saved is no longer there")
    if kind == "model":
        check_folder(
            folder, str(folder), trusts_code=True
        )  # its classes are those of the base, loaded before
        if not any(folder.glob("*.safetensors")):
            raise UserError(f"{folder}: no safetensors weights in it")
        return
    check_links(folder)
    config = _read_json(folder / ADAPTER_CONFIG)
    if config is None or not (folder / ADAPTER_WEIGHTS).is_file():
        raise UserError(f"{folder}: not a saved adapter ({ADAPTER_CONFIG} and {ADAPTER_WEIGHTS})")
    if config.get("peft_type") not in OWN_ADAPTERS:
        raise UserError(
            f"{folder / ADAPTER_CONFIG}: peft_type {shorten(str(config.get('peft_type')))}; not ours"
        )
    if config.get("prompt_tuning_init") == "TEXT" or config.get("tokenizer_name_or_path"):
        raise UserError(f"{folder / ADAPTER_CONFIG}: names a tokenizer elsewhere; not ours")
    if config.get("megatron_config") or not isinstance(config.get("init_lora_weights", True), bool):
        raise UserError(f"{folder / ADAPTER_CONFIG}: asks for more than an adapter's weights; not ours")


def check_links(folder: Path) -> None:
    """Refuse links that leave the folder, those of the hub's cache apart, and pipes; raises UserError."""
    root = folder.resolve()
    blobs = root.parents[1] / "blobs" if root.parent.name == "snapshots" else None
    for place in FOLDERS_READ:
        for path in sorted((root / place).iterdir()) if (root / place).is_dir() else ():
            target = path.resolve()
            if not (target.is_relative_to(root) or (blobs and target.is_relative_to(blobs))):
                raise UserError(f"{folder / place / path.name}: a link that leaves the folder; copy the file")
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise UserError(f"{folder / place / path.name}: neither a file nor a folder")


def check_weights_index(index: Path) -> None:
    """Refuse an index whose files are not all in its folder; raises UserError."""
    content = _read_json(index)
    names = (content or {}).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise UserError(f"{index}: not a weight index")
    for name in sorted(set(names.values())):
        if "/" in name:
            raise UserError(f"{index}: {shorten(name)} leaves the folder")
        check_inside(name, index)
        if not (index.parent / name).is_file():
            raise UserError(f"{index.parent / name}: missing, though {index.name} names it")


def check_whole(file: Path) -> None:
    """Refuse a safetensors file whose length is not what its own header says; raises UserError."""
    size = file.stat().st_size
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length if length <= size - 8 else 0))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        is_whole = size == 8 + length + max(ends, default=0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise UserError(f"{file}: not a whole safetensors file; {PUT_BACK}")


def find_pickled(folder: Path) -> list[Path]:
    """Return the pickled weight files of a folder, those that transformers would load first."""
    found = [file for pattern in PICKLED for file in sorted(folder.glob(pattern))]
    return [file for file in dict.fromkeys(found) if file.name not in ("training_args.bin", "optimizer.pt")]


def find_weights(folder: Path) -> list[Path]:
    """Return the files that hold the weights: safetensors, else pickled ones."""
    return sorted(folder.glob("*.safetensors")) or find_pickled(folder)


def _read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, None where there is no file; raises UserError naming it."""
    try:
        content = json.loads(read_whole(path).decode("utf-8"))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise UserError(f"{path}: {tell_syntax(error, place)}; {PUT_BACK}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: {error}; {PUT_BACK}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected an object ({{...}}); {PUT_BACK}")
    return content


def _refuse_code(path: Path, settings: Mapping[str, Any], option: str) -> None:
    """Refuse settings that name Python code of the model or kernels of a repository; raises UserError."""
    for key, value in _walk(settings):
        if key == "auto_map" and value and (path.name == "config.json" or _names_files(value)):
            raise UserError(f"{option}: brings its own Python code; read it, then add --trust-remote-code")
        if key.endswith(CODE_KEYS) and any("/" in name for name in _texts(value)):
            raise UserError(
                f"{path}: {key} names code of a repository; take it away, or add --trust-remote-code"
            )


def _names_files(auto_map: Any) -> bool:
    """Tell whether a tokenizer's auto_map names classes ("module.Class") at all."""
    return any("." in text for text in _texts(auto_map))


def _walk(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, those of settings within settings too."""
    for key, value in settings.items():
        yield key, value
        if isinstance(value, Mapping):
            yield from _walk(value)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _leads_out(name: str) -> bool:
    """Tell whether a path named in a folder may lead out of it."""
    return Path(name).is_absolute() or ".." in Path(name).parts
