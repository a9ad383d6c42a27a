"""LitGPT's checkpoints: made of a model, and made into adapters or a model that others read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# By architecture: the name by which LitGPT knows how to convert, and what is special of it.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "LlamaForCausalLM": ("Llama", {}),
    "Qwen2ForCausalLM": ("Qwen2.5", {"attn_bias": True}),
    "Qwen3ForCausalLM": ("Qwen3", {"norm_qk": True}),
}
# By its layers' names: the switch of LitGPT for adapters there, and the place in its model.
LAYERS = {
    "q_proj": ("lora_query", "attn.qkv"),
    "k_proj": ("lora_key", "attn.qkv"),
    "v_proj": ("lora_value", "attn.qkv"),
    "o_proj": ("lora_projection", "attn.proj"),
    "gate_proj": ("lora_mlp", "mlp.fc_1"),
    "up_proj": ("lora_mlp", "mlp.fc_2"),
    "down_proj": ("lora_mlp", "mlp.proj"),
}


def adapter_options(run: Any) -> dict[str, Any]:
    """Return LitGPT's options for the same adapters; none where the whole model trains or as it comes."""
    if not run.is_adapter or run.as_it_comes:
        return {}
    lora = run.lora_settings()
    targets = set(LAYERS if lora["target_modules"] == "all-linear" else lora["target_modules"])
    switches = {LAYERS[name][0] for name in targets & LAYERS.keys()}
    have = {name for name, (switch, _) in LAYERS.items() if switch in switches}
    if have != targets:
        raise SystemExit(
            f"has no adapters on {', '.join(sorted(targets ^ have))} apart; gate_proj, up_proj and"
            " down_proj go together, and q_proj, k_proj, v_proj and o_proj each alone (--lora-targets)"
        )
    alpha = int(lora["lora_alpha"])
    if alpha != lora["lora_alpha"]:
        raise SystemExit("takes no fraction for --lora-alpha; give it a whole number")
    shape = {"lora_r": lora["r"], "lora_alpha": alpha, "lora_dropout": lora["lora_dropout"]}
    return shape | {switch: switch in switches for switch, _ in LAYERS.values()}


def convert_model(model: str, config: dict[str, Any], checkpoint: Path) -> None:
    """Make a checkpoint of LitGPT's of a model by LitGPT's own conversion."""
    from litgpt import config as known
    from litgpt.scripts.convert_hf_checkpoint import convert_hf_checkpoint

    shape = describe_shape(config)
    checkpoint.mkdir()
    for file in Path(model).iterdir():
        (checkpoint / file.name).symlink_to(file.resolve())
    known.name_to_config[shape["name"]] = shape
    convert_hf_checkpoint(checkpoint, model_name=shape["name"])


def describe_shape(config: dict[str, Any]) -> dict[str, Any]:
    """Return LitGPT's config for a model's; raises SystemExit, in a line, where LitGPT's model is another."""
    family, special = FAMILIES.get(str((config.get("architectures") or [""])[0]), ("", {}))
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}  # transformers 4 has the former
    kind = rope.get("rope_type") or rope.get("type") or "default"
    others = [config.get(name) for name in ("mlp_bias", "attention_bias", "use_sliding_window")]
    if not family or kind not in ("default", "llama3") or any(others) or config["hidden_act"] != "silu":
        have = ", ".join(name.removesuffix("ForCausalLM") for name in FAMILIES)
        raise SystemExit(f"its model is another than this one; through it race plain {have}")
    heads = config["num_attention_heads"]
    return {
        "name": f"{family}-of-laptime",
        "block_size": config["max_position_embeddings"],
        "vocab_size": config["vocab_size"],
        "padded_vocab_size": config["vocab_size"],
        "n_layer": config["num_hidden_layers"],
        "n_head": heads,
        "n_embd": config["hidden_size"],
        "n_query_groups": config.get("num_key_value_heads") or heads,
        "head_size": config.get("head_dim") or config["hidden_size"] // heads,
        "rotary_percentage": 1.0,
        "parallel_residual": False,
        "bias": False,
        "norm_class_name": "RMSNorm",
        "norm_eps": config["rms_norm_eps"],
        "mlp_class_name": "LLaMAMLP",
        "intermediate_size": config["intermediate_size"],
        "rope_base": rope.get("rope_theta") or config.get("rope_theta") or 10000,
        "rope_adjustments": None if kind == "default" else adjust_rope(rope),
    } | special


def adjust_rope(rope: dict[str, Any]) -> dict[str, Any]:
    """Return Llama 3's scaling of positions by LitGPT's names."""
    same = {name: rope[name] for name in ("factor", "low_freq_factor", "high_freq_factor")}
    return same | {"original_max_seq_len": rope["original_max_position_embeddings"]}


def write_adapter(run: Any, config: dict[str, Any], final: Path) -> None:
    """Write the adapters that LitGPT left in `final` as PEFT's."""
    import torch
    import yaml
    from safetensors.torch import save_file

    options = yaml.safe_load((final / "hyperparameters.yaml").read_text(encoding="utf-8"))
    left = torch.load(final / "lit_model.pth.lora", weights_only=True)["model"]
    out = Path(run.out)
    out.mkdir(parents=True)
    save_file(rename_adapters(left, options, describe_shape(config)), out / "adapter_model.safetensors")
    adapter = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": run.model,
        "r": options["lora_r"],
        "lora_alpha": options["lora_alpha"],
        "lora_dropout": options["lora_dropout"],
        "target_modules": [name for name, (switch, _) in LAYERS.items() if options[switch]],
        "bias": "none",
    }
    (out / "adapter_config.json").write_text(json.dumps(adapter, indent=2), encoding="utf-8")


def rename_adapters(left: dict[str, Any], options: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    """Return the weights of LitGPT's adapters by PEFT's names, those of q, k and v apart."""
    keys = shape["n_query_groups"] * shape["head_size"]
    rows = {"q_proj": shape["n_head"] * shape["head_size"], "k_proj": keys, "v_proj": keys}
    renamed = {}
    for key, down in left.items():
        if not key.endswith(".lora_A"):
            continue
        up = left[key.removesuffix("A") + "B"]
        _, _, layer, part, where, _ = key.split(".")
        names = [name for name, (switch, at) in LAYERS.items() if at == f"{part}.{where}" and options[switch]]
        block = f"base_model.model.model.layers.{layer}.{'self_attn' if part == 'attn' else 'mlp'}"
        ups = up.split([rows.get(name, len(up)) for name in names])
        for name, a, b in zip(names, down.split(options["lora_r"]), ups, strict=True):
            renamed[f"{block}.{name}.lora_A.weight"] = a.contiguous()
            renamed[f"{block}.{name}.lora_B.weight"] = b.contiguous()
    return renamed


def write_model(run: Any, config: dict[str, Any], final: Path) -> None:
    """Write the model that LitGPT left in `final` as transformers', by LitGPT's own conversion."""
    import torch
    from litgpt.scripts.convert_lit_checkpoint import convert_lit_checkpoint
    from safetensors.torch import save_file

    convert_lit_checkpoint(final, final)
    weights = torch.load(final / "model.pth", mmap=True, weights_only=True)
    tied = bool(config.get("tie_word_embeddings")) and not run.as_it_comes
    if tied:
        del weights["lm_head.weight"]
    out = Path(run.out)
    out.mkdir(parents=True)
    whole = {name: weight.clone(memory_format=torch.contiguous_format) for name, weight in weights.items()}
    save_file(whole, out / "model.safetensors", metadata={"format": "pt"})
    said = config | {"tie_word_embeddings": tied, "dtype": "float32"}
    said.pop("torch_dtype", None)
    (out / "config.json").write_text(json.dumps(said, indent=2), encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        if (Path(run.model) / name).exists():
            (out / name).write_bytes((Path(run.model) / name).read_bytes())
