"""What a model's config.json alone says of it: no torch, and no file of weights.

Of the families whose layers are known by heart that is the whole shape; it is what `module_shape` measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laptime.errors import UserError
from laptime.models.config_sizes import is_whole
from laptime.models.shape import FAMILIES, Shape

LONGEST = ("max_position_embeddings", "n_positions", "max_seq_len")  # in configurations
DEFAULT_MAX_LENGTH = 2048
SIZES = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "vocab_size",
)  # fmt: skip
# Projections that have a bias, by family; of Llama and Qwen3 the configuration says it.
BIASED = {"qwen2": {"q_proj", "k_proj", "v_proj"}}
ATTENTION, FEED_FORWARD = {"q_proj", "k_proj", "v_proj", "o_proj"}, {"gate_proj", "up_proj", "down_proj"}
SAID_BIASED = {"llama": {"attention_bias", "mlp_bias"}, "qwen3": {"attention_bias"}}
CLASSES = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"}


def model_max_length(config: Mapping[str, Any]) -> int | None:
    """Return the longest sequence that the model's configuration allows, in tokens."""
    text = config.get("text_config")
    places = [config, text] if isinstance(text, dict) else [config]
    found = (place.get(key) for place in places for key in LONGEST)
    return next((length for length in found if isinstance(length, int)), None)


def choose_max_length(asked: int | None, model_max_length: int | None) -> int:
    """Return how many tokens an example may have; raises UserError for more than the model holds."""
    if asked is None:
        return min(model_max_length or DEFAULT_MAX_LENGTH, DEFAULT_MAX_LENGTH)
    if model_max_length and asked > model_max_length:
        raise UserError(f"--max-length {asked}: the model holds at most {model_max_length} tokens")
    return asked


def find_family(config: Mapping[str, Any]) -> str:
    """Return the model_type that the loaded model will have, "" where config.json alone does not say it."""
    family = config.get("model_type")
    nested = any(isinstance(value, Mapping) and "model_type" in value for value in config.values())
    if not isinstance(family, str) or nested or "auto_map" in config:
        return ""
    return "" if family == "mistral" and "layer_types" in config else family  # transformers: ministral


def foresee_shape(config: Mapping[str, Any]) -> Shape | None:
    """Return the shape of a model of FAMILIES whose configuration says all of it, None for any other."""
    family = find_family(config)
    if family not in FAMILIES or not all(is_whole(config.get(key)) for key in SIZES):
        return None
    if (width := find_head_width(config, family)) is None:
        return None
    hidden, inner, layers, heads, groups, words = (config[key] for key in SIZES)
    sizes = {
        "self_attn.q_proj": (hidden, heads * width),
        "self_attn.k_proj": (hidden, groups * width),
        "self_attn.v_proj": (hidden, groups * width),
        "self_attn.o_proj": (heads * width, hidden),
        "mlp.gate_proj": (hidden, inner),
        "mlp.up_proj": (hidden, inner),
        "mlp.down_proj": (inner, hidden),
    }
    biased = find_biased(config, family)
    biases = sum(other for name, (_, other) in sizes.items() if name.split(".")[1] in biased)
    of_layer = sum(one * other for one, other in sizes.values()) + biases
    norms = 2 * hidden + (2 * width if family == "qwen3" else 0)
    embeddings = hidden * words * (1 if config.get("tie_word_embeddings") else 2)
    linears = {f"model.layers.{n}.{name}": size for n in range(layers) for name, size in sizes.items()}
    return Shape(
        architecture=f"{CLASSES[family]}ForCausalLM",
        hidden_size=hidden,
        num_layers=layers,
        vocabulary_size=words,
        num_parameters=layers * (of_layer + norms) + hidden + embeddings,
        linears=linears | {"lm_head": (hidden, words)},
        head="lm_head",
        model_type=family,
        layer_parameters=(of_layer + norms,) * layers,
        num_biases=layers * biases,
    )


def find_head_width(config: Mapping[str, Any], family: str) -> int | None:
    """Return the width of a head; None where transformers would fill it in otherwise."""
    width = config.get("head_dim")
    if isinstance(width, int) and is_whole(width):
        return width
    if family == "qwen3" or (family == "qwen2" and "head_dim" in config):
        return None
    return int(config["hidden_size"] // config["num_attention_heads"])


def find_biased(config: Mapping[str, Any], family: str) -> set[str]:
    """Return the names of the linear layers of a layer that have a bias."""
    said = {key for key in SAID_BIASED.get(family, ()) if config.get(key)}
    attention = ATTENTION if "attention_bias" in said else set()
    return BIASED.get(family, set()) | attention | (FEED_FORWARD if "mlp_bias" in said else set())


def find_unknown_part(model_type: str, hidden_act: str, attention_dropout: float | None) -> str:
    """Say what of a configuration keeps `decoder/` from running the layers, "" where nothing does."""
    if model_type not in FAMILIES:
        return f"written for {', '.join(sorted(FAMILIES))}, not for {model_type}"
    if hidden_act != "silu":
        return f"its gate is {hidden_act}, not silu"
    if attention_dropout:
        return "the model drops attention weights"
    return ""
