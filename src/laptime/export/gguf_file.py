"""A model as one GGUF file, by the `gguf` package: names, shapes and numbers as llama.cpp has them."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from laptime.errors import UserError
from laptime.export.gguf_tokenizer import add_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# transformers' classes, and what llama.cpp calls their architecture.
ARCHITECTURES = {
    "LlamaForCausalLM": "LLAMA",
    "MistralForCausalLM": "LLAMA",
    "Qwen2ForCausalLM": "QWEN2",
    "Qwen3ForCausalLM": "QWEN3",
}
FORMATS = ("f16", "q8_0")
BLOCK = 32  # numbers that have a scale together in Q8_0
LARGEST_HALF = 65504.0


def need_gguf() -> Any:
    """Return the package; raises UserError naming the extra where it is absent."""
    try:
        return importlib.import_module("gguf")
    except ImportError:
        raise UserError("--to gguf: needs gguf; install it with pip install 'laptime[gguf]'") from None


def check_architecture(architecture: str, config: dict[str, Any]) -> None:
    """Raise UserError for a model that is not written here."""
    if architecture not in ARCHITECTURES:
        raise UserError(
            f"--to gguf: not for {architecture or 'a model without a class in its config.json'}; "
            f"{', '.join(ARCHITECTURES)} go; use --to merged, and llama.cpp's own converter"
        )
    kind = read_rope(config).get("rope_type", "default")
    if kind not in ("default", "linear", "llama3", "yarn"):
        raise UserError(f"--to gguf: rope of the type {kind}, which is not written here; use --to merged")
    if config.get("sliding_window") and config.get("use_sliding_window", architecture.startswith("Mistral")):
        raise UserError(
            "--to gguf: attention within a sliding window, which is not written here; use --to merged"
        )
    if config.get("mlp_bias") or (config.get("attention_bias") and architecture == "Qwen3ForCausalLM"):
        raise UserError(
            "--to gguf: biases that llama.cpp does not read for this architecture; use --to merged"
        )


def read_rope(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the rotation from a config.json, older or newer."""
    rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    rope.setdefault("rope_type", rope.get("type", "default"))
    rope.setdefault("rope_theta", config.get("rope_theta", 10000.0))
    return rope


def write_gguf(
    model: PreTrainedModel,
    tokenizer: Any,
    config: dict[str, Any],
    path: Path,
    number_format: str,
    begins: bool,
    stop_ids: list[int],
    name: str,
) -> None:
    """Write a model with its tokenizer; `config` is its config.json.

    Raises UserError for a tensor that has no name or no room there.
    """
    gguf = need_gguf()
    architecture = getattr(gguf.MODEL_ARCH, ARCHITECTURES[config["architectures"][0]])
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    try:
        writer.add_type("model")
        writer.add_name(name)
        writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{number_format.upper()}"])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        add_sizes(writer, config)
        add_rope(writer, config, gguf)
        add_tokenizer(writer, tokenizer, config["vocab_size"], begins, stop_ids)
        if template := getattr(tokenizer, "chat_template", None):
            writer.add_chat_template(template if isinstance(template, str) else template["default"])
        for tensor_name, array, kind in list_tensors(model, config, number_format, architecture, gguf):
            writer.add_tensor(tensor_name, array, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def head_size(config: dict[str, Any]) -> int:
    """Return the width of a head of attention."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def add_sizes(writer: Any, config: dict[str, Any]) -> None:
    """Write the shape of the model."""
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config.get("num_key_value_heads") or config["num_attention_heads"])
    writer.add_key_length(head_size(config))
    writer.add_value_length(head_size(config))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])


def add_rope(writer: Any, config: dict[str, Any], gguf: Any) -> None:
    """Write how positions rotate; Llama 3's factors are a tensor."""
    rope = read_rope(config)
    writer.add_rope_dimension_count(head_size(config))
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if rope["rope_type"] == "yarn":
        before = rope.get("original_max_position_embeddings") or config["max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(int(before))


def list_tensors(
    model: PreTrainedModel, config: dict[str, Any], number_format: str, architecture: Any, gguf: Any
) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, numbers, type) of every tensor; norms and biases are float32."""
    names = gguf.get_tensor_name_map(architecture, config["num_hidden_layers"])
    if (factors := llama3_factors(config)) is not None:
        yield "rope_freqs.weight", factors.numpy(), gguf.GGMLQuantizationType.F32
    tied = (
        {"lm_head.weight"} if config.get("tie_word_embeddings", model.config.tie_word_embeddings) else set()
    )
    for name, tensor in model.state_dict().items():
        if name in tied:
            continue
        written = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if written is None:
            raise UserError(
                f"--to gguf: llama.cpp has no name for {name} of this architecture; use --to merged"
            )
        numbers = arrange(name, tensor.detach().float(), config, gguf.MODEL_ARCH_NAMES[architecture])
        yield written, *convert(name, numbers, number_format, gguf)


def arrange(name: str, tensor: torch.Tensor, config: dict[str, Any], architecture: str) -> torch.Tensor:
    """Return the rows of queries and keys in llama.cpp's order for Llama, which rotates neighbours."""
    heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}.get(name.split(".")[-2])
    if architecture != "llama" or heads is None:
        return tensor
    number = config.get(heads) or config["num_attention_heads"]
    shape = (number, 2, tensor.shape[0] // number // 2, *tensor.shape[1:])
    return tensor.reshape(shape).swapaxes(1, 2).reshape(tensor.shape)


def convert(name: str, tensor: torch.Tensor, number_format: str, gguf: Any) -> tuple[Any, Any]:
    """Return the numbers of a tensor in the format of the file, and what GGUF calls it."""
    types = gguf.GGMLQuantizationType
    if tensor.dim() < 2:
        return tensor.contiguous().numpy(), types.F32
    if number_format == "q8_0" and tensor.shape[-1] % BLOCK == 0:
        return gguf.quantize(tensor.contiguous().numpy(), types.Q8_0), types.Q8_0
    if not float(tensor.abs().max()) <= LARGEST_HALF:
        raise UserError(f"--to gguf: {name} holds numbers that float16 has no room for; use --to merged")
    return tensor.to(torch.float16).contiguous().numpy(), types.F16


def read_back(name: str, tensor: torch.Tensor, number_format: str) -> torch.Tensor:
    """Return a tensor as it will be read from the file, in its own dtype."""
    gguf = need_gguf()
    numbers, kind = convert(name, tensor.float(), number_format, gguf)
    return torch.from_numpy(gguf.dequantize(numbers, kind)).to(tensor.dtype).reshape(tensor.shape)


def check_fields(path: Path, config: dict[str, Any]) -> None:
    """Raise UserError where the file tells another shape than config.json."""
    reader = need_gguf().GGUFReader(path)
    architecture = reader.fields["general.architecture"].contents()
    heads = config["num_attention_heads"]
    expected = {
        "block_count": config["num_hidden_layers"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "context_length": config["max_position_embeddings"],
        "attention.head_count": heads,
        "attention.head_count_kv": config.get("num_key_value_heads") or heads,
        "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "rope.freq_base": read_rope(config)["rope_theta"],
    }
    for key, value in expected.items():
        found = reader.fields[f"{architecture}.{key}"].contents()
        if not math.isclose(found, value, rel_tol=1e-6):
            raise UserError(f"--to gguf: {key} is {found} in the file, not {value}; nothing is kept")


def llama3_factors(config: dict[str, Any]) -> torch.Tensor | None:
    """Return by what Llama 3.1 and later divide each frequency of the rotation; None where nothing does."""
    rope = read_rope(config)
    if rope["rope_type"] != "llama3":
        return None
    size = head_size(config)
    powers = torch.arange(0, size, 2, dtype=torch.float32) / size
    lengths = 2 * math.pi * float(rope["rope_theta"]) ** powers
    before = float(rope["original_max_position_embeddings"])
    low, high, factor = (float(rope[key]) for key in ("low_freq_factor", "high_freq_factor", "factor"))
    smooth = (before / lengths - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    factors = torch.where(lengths > before / low, torch.full_like(lengths, factor), between)
    return torch.where(lengths < before / high, torch.ones_like(lengths), factors)
