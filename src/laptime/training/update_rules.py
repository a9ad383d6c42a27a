"""The optimizers by name: torch's or a kept library's, over float32 masters, and who is updated by which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from laptime.optimizers import KINDS, OTHER_STATE, OptimizerKind
from laptime.spec import TrainingSpec

MOMENTUM = 0.9  # of SGD
LION_BETAS = (0.9, 0.99)


def assign_rules(
    groups: list[dict[str, Any]], model: PreTrainedModel, training: TrainingSpec
) -> list[dict[str, Any]]:
    """Return groups of which each names by whom it is updated: for Muon matrices apart from all else.

    What looks tokens up or scores them is no matrix to Muon: AdamW updates embeddings, head and vectors.
    """
    if training.optimizer != "muon":
        return groups
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    tables = {id(parameter) for end in ends if end is not None for parameter in end.parameters()}
    split = []
    for group in groups:
        matrices = [p for p in group["params"] if p.dim() == 2 and id(p) not in tables]
        others = [p for p in group["params"] if p.dim() != 2 or id(p) in tables]
        split += [group | {"params": matrices, "rule": "muon"}] if matrices else []
        split += [group | {"params": others, "rule": "adamw"}] if others else []
    return split


def make_rule(
    kind: OptimizerKind, masters: Sequence[torch.Tensor], training: TrainingSpec, decays: bool, fused: bool
) -> torch.optim.Optimizer:
    """Return the optimizer of some masters, whose rate is set before each of its steps."""
    decay = training.weight_decay if decays else 0.0
    adam: dict[str, Any] = {"betas": (training.adam_beta1, training.adam_beta2), "eps": training.adam_epsilon}
    parameters: Any = list(masters)
    if kind.name == "adamw":
        return torch.optim.AdamW(parameters, **adam, weight_decay=decay, fused=fused)
    if kind.name == "adafactor":
        return torch.optim.Adafactor(parameters, weight_decay=decay)
    if kind.name == "sgd":
        return torch.optim.SGD(parameters, momentum=MOMENTUM, weight_decay=decay)
    if kind.name == "muon":  # its steps as long as AdamW's, so that AdamW's rate serves both
        return torch.optim.Muon(parameters, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    from bitsandbytes.optim import AdamW8bit, Lion

    if kind.name == "lion":
        return Lion(parameters, betas=LION_BETAS, weight_decay=decay)
    return AdamW8bit(parameters, **adam, weight_decay=decay)


def kind_of(group: dict[str, Any], training: TrainingSpec) -> OptimizerKind:
    """Return the optimizer of a group."""
    return KINDS[group.get("rule", training.optimizer)]


def list_state(kind: OptimizerKind, master: torch.Tensor) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which parts an optimizer keeps for a master: those that must be there, and those that may."""
    if kind.name == "adafactor":
        own = ("row_var", "col_var") if master.dim() > 1 else ("variance",)
        return kind.state + own, ()
    return kind.state, OTHER_STATE if kind.name == "adamw8bit" else ()
