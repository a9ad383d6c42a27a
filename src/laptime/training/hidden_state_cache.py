"""Where hidden states that later runs may use again are kept (`--reuse-cache`)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import torch
import transformers

from laptime.data.input_manifest import InputFacts
from laptime.methods.method import Method
from laptime.spec import RunSpec
from laptime.util.user_cache import shared_prefixes


def find_cache_folder(
    spec: RunSpec, method: Method | None, facts: InputFacts, compute: str, processor: str, longest: int
) -> Path | None:
    """Return the folder for a run's hidden states, named by all that they depend on to the last bit.

    None where the run was not asked to leave them to others. `compute` is the format of the arithmetic,
    `longest` the tokens of the longest record, which decide about the attention.
    """
    if not getattr(getattr(method, "options", None), "reuse_cache", False):
        return None
    training = spec.training
    same_bits = [
        facts.model_digest, spec.method_options.get("top_layers"), compute,
        processor, torch.get_num_threads(), str(torch.__version__), transformers.__version__,
        training.plain, training.without, training.speedups, longest,
    ]  # fmt: skip
    key = hashlib.sha256(msgspec.json.encode(same_bits)).hexdigest()[:32]
    return shared_prefixes() / key
