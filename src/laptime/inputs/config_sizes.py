"""Sizes in a model's config.json that no model can have; transformers builds one of 0 layers all the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from laptime.errors import UserError
from laptime.untrusted import shorten

FROM_ONE = {
    "vocab_size", "hidden_size", "n_embd", "d_model", "intermediate_size", "ffn_dim", "n_inner", "head_dim",
    "num_hidden_layers", "n_layer", "n_layers", "num_layers",
    "num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads",
    "num_key_value_heads", "num_kv_heads", "state_size",
    "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "context_length",
}  # fmt: skip
FROM_ZERO = {
    "num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts", "num_experts_per_tok",
    "moe_intermediate_size", "shared_expert_intermediate_size",
}  # fmt: skip


def check_sizes(path: Path, config: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse sizes that are no whole numbers, or too small; raises UserError naming the file and the key."""
    for key, value in config.items():
        if key == "text_config" and isinstance(value, Mapping):
            check_sizes(path, value, f"{key}.")
        least = 1 if key in FROM_ONE else 0 if key in FROM_ZERO else None
        if least is None or value is None:
            continue
        for one in value if isinstance(value, list) else [value]:
            if not is_whole(one) or one < least:
                shown = shorten(one) if isinstance(one, str) else one
                raise UserError(f"{path}: {prefix}{key} is {shown}; expected a whole number from {least}")
    heads, groups = config.get("num_attention_heads"), config.get("num_key_value_heads")
    if isinstance(heads, int) and isinstance(groups, int) and heads % groups:
        raise UserError(
            f"{path}: {prefix}num_key_value_heads is {groups}; expected a divisor of its {heads} "
            f"num_attention_heads"
        )


def is_whole(value: Any) -> bool:
    """Tell whether a value of JSON is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)
