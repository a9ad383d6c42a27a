"""Which speedups will surely have no effect, told before torch is imported, in the words that they would use.

What a speedup works inside is read from its file, as its name is. Whatever is not known here is left to it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from laptime.methods.method import Method
from laptime.models.config_shape import find_family, find_unknown_part
from laptime.models.shape import Shape
from laptime.spec import TrainingSpec
from laptime.speedups.speedup import cannot_apply, speedup_names, works_inside
from laptime.startup.speedup_switches import is_wanted

FOR_CPUS = {
    "compiled_attention": "for CPUs only",
    "compiled_loss": "for CPUs only",
    "compiled_optimizer": "for CPUs only",
    "compiled_parts": "for CPUs only",
    "compiled_projections": "for CPUs only",
    "compiled_rounding": "for CPUs only",
    "float32_products": "for CPUs only",
    "prepacked_weights": "only CPU kernels read packed weights",
    "short_attention": "a GPU's attention kernels are faster",
}


class Prospect(Struct, frozen=True, kw_only=True):
    """What is known of a run before it begins: "" or None where something is not."""

    training: TrainingSpec
    method: Method
    config: Mapping[str, Any]
    shape: Shape | None
    device: str | None  # cpu or cuda
    compute: str | None  # the format of its arithmetic; known on a CPU alone
    holds_out: bool


def refuse_without_effect(prospect: Prospect) -> None:
    """Raise UserError for a speedup that was asked for by name and will surely have no effect."""
    for name in prospect.training.speedups:
        if why := foresee_no_effect(name, prospect):
            raise cannot_apply(name, why)


def foresee_no_effect(name: str, prospect: Prospect) -> str:
    """Return why a speedup will have no effect, "" where it has one or that is not known yet."""
    if not is_wanted(name, structs.asdict(prospect.training)):
        return "switched off"
    for other in read_needs()[name]:
        if foresee_no_effect(other, prospect):
            return works_inside(other)
    if prospect.device == "cuda" and name in FOR_CPUS:
        return FOR_CPUS[name]
    return _find_reason(name, prospect)


def _find_reason(name: str, prospect: Prospect) -> str:
    """Return why a speedup whose surroundings run will have no effect itself."""
    config, training = prospect.config, prospect.training
    dropout = getattr(prospect.method.options, "lora_dropout", 0.0)
    if name == "fused_blocks" and (family := find_family(config)):
        return find_unknown_part(family, config.get("hidden_act", "silu"), config.get("attention_dropout"))
    if name == "prefix_cache" and prospect.shape and not prospect.method.lowest_layer(prospect.shape):
        return "the lowest layer trains"
    if name == "compiled_rounding" and not prospect.method.quantises:
        return "no base is held in 4 bits as it is read"
    if name == "fused_optimizer" and training.optimizer != "adamw":
        return "torch's fused kernel is AdamW's with moments of 32 bits"
    if name == "no_padding" and training.batch_size == 1:
        return "no batch holds examples of different lengths"
    if name == "fused_projections" and prospect.shape and dropout:
        return "LoRA dropout is drawn anew for every layer"
    if name == "background_save" and not prospect.holds_out:
        return "nothing is left to do beside it: no held-out set"
    if name == "float32_products" and prospect.compute == "float32":
        return "float32 is native here"
    return ""


@cache
def read_needs() -> dict[str, tuple[str, ...]]:
    """Return for each speedup those that it works inside, from their files alone."""
    return {name: _read_needs(Path(__file__).with_name(f"{name}.py")) for name in speedup_names()}


def _read_needs(file: Path) -> tuple[str, ...]:
    """Return the value of `needs` in the class of a speedup, () where it has none."""
    for one in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.target.id == "needs":
            return tuple(ast.literal_eval(one.value)) if one.value else ()
    return ()
