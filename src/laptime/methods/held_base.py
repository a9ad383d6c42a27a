"""The base as a method holds it: in 16 or 32 bits, or smaller from its first weight on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from laptime.methods.method import Method, Rounding
from laptime.models.shape import FAMILIES
from laptime.spec import ModelSpec

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def load_held(
    method: Method | None,
    spec: ModelSpec,
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    rounding: Rounding | None = None,
) -> PreTrainedModel:
    """Load the base onto a device, to compute in `dtype`; `rounding`: see `Method.hold_base`.

    Read in the format in which it is stored, a base is only mapped until each weight is asked for; not so in
    families of which some weights must be wider than others, or drawn at random.
    """
    from laptime.models.loading import load_model, read_config
    from laptime.models.stored_weights import find_stored_dtype

    if method is None or not method.quantises:
        return load_model(spec, folder, dtype).to(device)
    is_known = not spec.random_weights and read_config(spec, folder).model_type in FAMILIES
    stored = find_stored_dtype(folder) if is_known else None
    return method.hold_base(load_model(spec, folder, stored or dtype), device, dtype, rounding)
