"""Numbers in a model's config.json that no model can have; transformers builds one of 0 layers all the same.

Others it takes, and fails at the first step, or gives a loss that is not a number: what is drawn with a
probability of 2, the root of a negative norm, the angles of a base of 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from laptime.errors import UserError
from laptime.util.untrusted import shorten

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
PROBABILITIES = re.compile(r"\w*(dropout|pdrop|dropout_prob|dropout_rate|layerdrop)")
NOT_NEGATIVE = {
    "rms_norm_eps", "norm_eps", "norm_epsilon", "layer_norm_eps", "layer_norm_epsilon", "layernorm_epsilon",
    "initializer_range", "init_std",
}  # fmt: skip
POSITIVE = {
    "rope_theta", "rotary_emb_base", "rope_local_base_freq", "global_rope_theta", "local_rope_theta",
    "query_pre_attn_scalar", "attention_multiplier", "logits_scaling", "attn_logit_softcapping",
    "final_logit_softcapping",
}  # fmt: skip
SHARES = {"partial_rotary_factor", "rotary_pct"}
ROPE = {"rope_parameters", "rope_scaling"}  # which may hold one more table for each kind of layer
NESTED = {"text_config", *ROPE}


def check_numbers(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse numbers that no model works with; raises UserError naming the file and the key."""
    check_sizes(path, config)
    check_ranges(path, config)


def check_ranges(path: Path, config: Mapping[str, Any], prefix: str = "", in_rope: bool = False) -> None:
    """Refuse numbers out of the range in which a model can compute."""
    for key, value in config.items():
        if isinstance(value, Mapping) and (in_rope or key in NESTED):
            check_ranges(path, value, f"{prefix}{key}.", in_rope or key in ROPE)
        elif value is None:
            continue
        elif (span := find_range(key, config, in_rope)) and not span.holds(value):
            shown = shorten(value) if isinstance(value, str) else value
            raise UserError(f"{path}: {prefix}{key} is {shown}; expected {span.words}")


class Span(NamedTuple):
    """The numbers from `least` to `most`; with `above` without `least` itself."""

    words: str
    least: float
    most: float = math.inf
    above: bool = False
    whole: bool = False

    def holds(self, value: Any) -> bool:
        """Tell whether a value of JSON is a number of this range."""
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return False
        if self.whole and not is_whole(value):
            return False
        enough = value > self.least if self.above else value >= self.least
        return enough and value <= self.most and math.isfinite(value)


def find_range(key: str, config: Mapping[str, Any], in_rope: bool) -> Span | None:
    """Return what a number may be, None where any will do."""
    if PROBABILITIES.fullmatch(key):
        return Span("a probability from 0 to 1", 0, 1)
    if key in NOT_NEGATIVE:
        return Span("a number from 0", 0)
    if key in POSITIVE or (in_rope and key == "factor"):
        return Span("a number above 0", 0, above=True)
    if key in SHARES:
        return Span("a share above 0, up to 1", 0, 1, above=True)
    if key == "sliding_window" and config.get("use_sliding_window") is not False:
        return Span("a whole number from 1", 1, whole=True)
    return None


def check_sizes(path: Path, config: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse sizes that are no whole numbers, or too small."""
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
