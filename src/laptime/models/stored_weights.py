"""What the weight files of a model hold, against what the model needs; nothing is taken for something else.

transformers draws at random what is absent, leaves out what is too much, and casts whatever number format
there is. The names, shapes and formats in the files' headers answer in no time; only where the names differ
from the model's, as in older files, is the model really loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.modeling_utils import load_state_dict

from laptime.errors import UserError, name_sources
from laptime.models.loading import OUT_OF_FILES, is_out_of_files, loading_options, one_line, told_in_one_line
from laptime.models.tokenizer_files import PUT_BACK
from laptime.spec import ModelSpec

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = "pytorch_model*.bin"
FLOATS = {"F64", "F32", "F16", "BF16"}  # as safetensors calls them
TORCH_FLOATS = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
PICKLED_FLOATS = {"torch.float64", "torch.float32", "torch.float16", "torch.bfloat16"}
# Buffers that older files hold and newer models make themselves: angles, places, masks of attention.
MADE_ANEW = (
    r"rotary_emb\.inv_freq$",
    r"(^|\.)position_ids$",
    r"\b(attn|attention)(\.attention)?\.(masked_)?bias$",
    r"\battn\.causal_mask$",
)


class StoredWeight(Struct, frozen=True):
    """One tensor in a file."""

    file: Path
    format: str
    shape: list[int]


def check_weights(spec: ModelSpec, folder: Path, model: PreTrainedModel) -> list[str]:
    """Refuse weight files that are broken, lack a part of `model` or hold more; returns what is to be said.

    `model` may be empty. Raises UserError naming file and tensor.
    """
    with told_in_one_line(spec):
        stored = read_headers(folder, spec.allow_pickled_weights)
    own = {*model.state_dict(), *(name for name, _ in model.named_buffers())}
    used = {name for name in stored if is_part(name, own, f"{model.base_model_prefix}.")}
    ignored = find_ignored(model, stored.keys() - used)
    refuse_formats({name: weight for name, weight in stored.items() if name not in ignored})
    if all(name in stored and stored[name].shape == list(p.shape) for name, p in model.named_parameters()):
        extra = stored.keys() - used - ignored
    else:
        with shapes_told(stored, model):
            extra = compare_loaded(spec, folder)
        extra -= find_ignored(model, extra)
    if extra:
        file = next((weight.file for name, weight in stored.items() if name in extra), folder)
        raise UserError(f"{file}: {tell_names(extra)} in no part of the model; is config.json theirs?")
    refuse_two_heads(model, stored)
    if not ignored:
        return []
    starred = sorted({re.sub(r"\.\d+\.", ".*.", name) for name in ignored})
    return [f"left in the weight files, as transformers does: {name_sources(starred, 4)}"]


def read_headers(folder: Path, pickled: bool) -> dict[str, StoredWeight]:
    """Return every tensor in the files that transformers reads, `pickled` ones where there are no others.

    Raises UserError for a broken file.
    """
    stored: dict[str, StoredWeight] = {}
    for file in files_read(folder):
        try:
            with safe_open(file, framework="pt") as weights:
                for name in weights.keys():  # noqa: SIM118 - no mapping
                    part = weights.get_slice(name)
                    stored[name] = StoredWeight(file, part.get_dtype(), list(part.get_shape()))
        except (OSError, SafetensorError) as error:
            why = OUT_OF_FILES if is_out_of_files(error) else None
            why = why or f"not a whole safetensors file ({one_line(error)}); {PUT_BACK}"
            raise UserError(f"{file}: {why}") from None
    for file in sorted(folder.glob(PICKLED)) if pickled and not stored else ():
        # On no device: names, shapes and formats without the memory.
        for name, tensor in load_state_dict(file, map_location="meta", weights_only=True).items():
            if isinstance(tensor, torch.Tensor):
                dtype = str(tensor.dtype)
                kind = "F32" if dtype in PICKLED_FLOATS else dtype
                stored[name] = StoredWeight(file, kind, list(tensor.shape))
    return stored


def find_stored_dtype(folder: Path) -> torch.dtype | None:
    """Return the format of all numbers in the safetensors files; None for several, or for no files."""
    formats = {weight.format for weight in read_headers(folder, pickled=False).values()}
    return TORCH_FLOATS.get(formats.pop()) if len(formats) == 1 else None


def files_read(folder: Path) -> list[Path]:
    """Return the safetensors files that transformers reads: others may lie beside them."""
    if (folder / WHOLE).exists():
        return [folder / WHOLE]
    if (folder / INDEX).exists():
        names = json.loads((folder / INDEX).read_bytes())["weight_map"].values()
        return [folder / name for name in sorted(set(names))]
    return sorted(folder.glob("*.safetensors"))


def is_part(name: str, own: set[str], prefix: str) -> bool:
    """Tell whether a tensor bears the name of a weight or buffer, with or without the body's prefix."""
    return name in own or prefix + name in own or name.removeprefix(prefix) in own


def find_ignored(model: PreTrainedModel, names: Iterable[str]) -> set[str]:
    """Return those of `names` that transformers leaves out by intent, or the model makes itself."""
    patterns = [*(model._keys_to_ignore_on_load_unexpected or ()), *MADE_ANEW]
    left_out = re.compile("|".join(f"({pattern})" for pattern in patterns))
    return {name for name in names if left_out.search(name)}


def refuse_formats(stored: dict[str, StoredWeight]) -> None:
    """Refuse weights in formats that are no plain floats: transformers would cast them, scales or not."""
    other = [name for name, weight in stored.items() if weight.format not in FLOATS]
    if other:
        first = stored[min(other)]
        raise UserError(
            f"{first.file}: {tell_names(other)} stored as {first.format.removeprefix('torch.')}, not in "
            f"float32, bf16 or fp16; take a copy of the model that is not quantised"
        )


@contextmanager
def shapes_told(stored: dict[str, StoredWeight], model: PreTrainedModel) -> Iterator[None]:
    """Name the first weight of another shape than the model's where that is why it cannot be loaded."""
    try:
        yield
    except UserError:
        for name, parameter in model.named_parameters():
            if name in stored and stored[name].shape != list(parameter.shape):
                found, needed = ("x".join(map(str, one)) for one in (stored[name].shape, parameter.shape))
                raise UserError(
                    f"{stored[name].file}: {name} is {found}, the model of config.json has {needed}; "
                    f"is config.json theirs?"
                ) from None
        raise


def compare_loaded(spec: ModelSpec, folder: Path) -> set[str]:
    """Load the model as transformers does; returns what is too much, and refuses what is absent."""
    with told_in_one_line(spec):
        _, report = AutoModelForCausalLM.from_pretrained(
            folder, output_loading_info=True, **loading_options(spec, folder)
        )
    if absent := sorted(report["missing_keys"]):
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise UserError(
            f"--model {spec.model}: its weight files lack {absent[0]}{more}; is config.json theirs?"
        )
    return set(report["unexpected_keys"])


def refuse_two_heads(model: PreTrainedModel, stored: dict[str, StoredWeight]) -> None:
    """Refuse weights that config.json ties and that differ: transformers would quietly not tie them."""
    tied: dict[str, Any] = getattr(model, "all_tied_weights_keys", None) or {}
    for one, other in tied.items():
        both = [stored[name] for name in (one, other) if name in stored]
        if len(both) == 2 and both[0].file.suffix == ".safetensors" and differ((one, other), both):
            raise UserError(
                f"{both[0].file}: {one} differs from {other}, though config.json ties them; "
                f"set tie_word_embeddings to false there"
            )


def differ(names: Sequence[str], weights: Sequence[StoredWeight]) -> bool:
    """Tell whether two tensors hold different numbers."""
    tensors = []
    for name, weight in zip(names, weights, strict=True):
        with safe_open(weight.file, framework="pt") as file:
            tensors.append(file.get_tensor(name))
    return not torch.equal(*tensors)


def tell_names(names: Iterable[str]) -> str:
    """Return the first name with the number of others and their verb: "a and 3 more are"."""
    first, *others = sorted(names)
    return f"{first} and {len(others)} more are" if others else f"{first} is"
