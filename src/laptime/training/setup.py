"""What the speedups may look at and change in one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from laptime.data.encoded import EncodedData, digest_key
from laptime.data.input_manifest import InputManifest
from laptime.hardware.machine import describe_processor
from laptime.hardware.precision import expands_heads, native_formats
from laptime.methods.method import Method
from laptime.runs.job import PREFIX_FOLDER
from laptime.spec import RunSpec
from laptime.speedups.forward import Forward
from laptime.speedups.prefix_cache import find_cache_folder
from laptime.speedups.speedup import Setup

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def make_setup(
    spec: RunSpec,
    model: PreTrainedModel,
    method: Method | None,
    manifest: InputManifest,
    encoded: EncodedData,
    device: torch.device,
    *,
    compute: str,
    recomputes: bool,
    folder: Path,
    is_spread: bool = False,
    micro_batch: int = 0,
) -> Setup:
    """Gather it; `compute` is the format of the arithmetic, `folder` that of the run.

    `micro_batch` examples are trained at once where those of the spec would not fit.
    """
    processor = describe_processor(device)
    own_VD = method.own_tokens(model) if method else None
    lengths = encoded.examples.lengths
    longest = encoded.longest + (0 if own_VD is None else len(own_VD))
    shared = find_cache_folder(spec, method, manifest, compute, processor.name, longest)
    cache_folder = shared or folder / PREFIX_FOLDER
    return Setup(
        model=model,
        method=method,
        training=spec.training,
        device=device,
        compute=compute,
        native_formats=native_formats(processor),
        product_seconds=manifest.product_trial.find(compute) if manifest.product_trial else None,
        expands_heads=expands_heads(processor),
        longest=longest,
        batch_tokens=int(lengths.max()) * min(micro_batch or spec.training.batch_size, len(lengths)),
        is_ragged=bool(spec.training.batch_size > 1 and lengths.min() < lengths.max()),
        recomputes=recomputes,
        # Only what an earlier run has left is looked up by them all.
        example_keys=set(map(digest_key, encoded.examples)) if cache_folder.exists() else set(),
        cache_folder=cache_folder,
        evaluates=bool(encoded.held_out),
        forward=Forward(model, own_VD),
        is_spread=is_spread,
    )
