"""Tiny jobs that take the speedups through everything that may differ between models, data and methods."""

from __future__ import annotations

from typing import Any

import torch
from msgspec import Struct, field
from transformers import AutoConfig, AutoModelForCausalLM

from laptime.data.encoded import EncodedExample

NUM_WORDS = 97
SHAPE: dict[str, Any] = {
    "vocab_size": NUM_WORDS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
    "initializer_range": 0.2,  # attention that prefers some tokens, so that a mistake in it shows
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
LLAMA3_ANGLES = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
RAGGED = (19, 3, 11, 2, 14, 7)  # tokens of the examples


class Job(Struct, frozen=True, kw_only=True):
    """One model, one method and one set of examples."""

    name: str
    family: str = "llama"
    shape: dict[str, Any] = {}
    method: str = "lora"
    options: dict[str, Any] = field(default_factory=lambda: {"lora_rank": 4})
    layers: list[int] | None = None  # the layers with adapters, as PEFT wants them
    lengths: tuple[int, ...] = RAGGED
    single_tokens: bool = False  # one trained token an example
    lowest_token: int = 3
    batch_size: int = 3
    accumulation: int = 1
    recomputes: bool = False
    unknown: str = ""  # why the decoder does not run this model, in its words

    def make_model(self, dtype: torch.dtype) -> Any:
        """Make the model with random weights, norms and biases included."""
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(self.family, **SHAPE | self.shape))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(torch.randn_like(parameter), alpha=0.2)
        return model.to(dtype)

    def make_examples(self) -> list[EncodedExample]:
        """Make random examples; about half of each is trained."""
        generator = torch.Generator().manual_seed(1)
        examples = []
        for number, length in enumerate(self.lengths):
            ids = torch.randint(self.lowest_token, NUM_WORDS, (length,), generator=generator).tolist()
            first_trained = length - 1 if self.single_tokens else max(1, length // 2)
            examples.append(EncodedExample(ids, [i >= first_trained for i in range(length)], f"r{number}"))
        return examples


def fill_adapters(model: Any) -> Any:
    """Give B of every adapter random numbers: with zeros, half of all gradients would be zero."""
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(one in name for one in ("lora_B", "lora_E", "oft_R", "vera_lambda_b")):
                parameter.normal_(std=0.1)
    return model


THREE_LAYERS = {"num_hidden_layers": 3}
TOP: dict[str, Any] = {
    "method": "lora_top",
    "options": {"lora_rank": 4, "top_layers": 2},
    "layers": [1, 2],
    "shape": THREE_LAYERS,
}
FULL: dict[str, Any] = {"method": "full", "options": {}}
LISA: dict[str, Any] = {"method": "lisa", "options": {"lisa_interval": 1, "lisa_layers": 2}}
TIED = {"tie_word_embeddings": True}
DROPOUT = {"lora_dropout": 0.25}
TWO_MODULES = {"lora_rank": 2, "lora_alpha": 5.0, "lora_targets": ("k_proj", "up_proj")}
WIDE_HEADS = {"head_dim": 64, "vocab_size": 98}  # as compiled code wants them
CAPPED = {"final_logit_softcapping": 5.0, "query_pre_attn_scalar": 8}
DROPS_NOTHING = {"embedding_dropout": 0.0, "mlp_dropout": 0.0, "attention_dropout": 0.0}
GPT2 = {
    "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
}  # fmt: skip
JOBS = [
    Job(name="ragged", shape=THREE_LAYERS),
    Job(name="one_example", batch_size=1, shape=TIED),
    Job(name="equal_lengths", lengths=(9,) * 6),
    Job(name="one_trained_token", single_tokens=True, shape=TIED),
    Job(name="accumulation", batch_size=2, accumulation=2, lengths=(*RAGGED, 5)),
    Job(name="some_modules", options=TWO_MODULES),
    Job(name="dropout", options={"lora_rank": 4} | DROPOUT),
    Job(name="recompute", recomputes=True),
    Job(name="biases", shape={"attention_bias": True, "mlp_bias": True}),
    Job(name="scaled_angles", shape={"rope_parameters": LLAMA3_ANGLES}),
    Job(name="full_attention", shape={"num_key_value_heads": 4}),
    Job(name="qwen2", family="qwen2"),
    Job(name="qwen3", family="qwen3"),
    Job(name="mistral", family="mistral", lengths=(9, 4, 8)),
    Job(name="wide_heads", shape=WIDE_HEADS),
    Job(name="full_wide_heads", shape=WIDE_HEADS | TIED, **FULL),
    Job(name="top", **TOP),
    Job(name="top_one_example", batch_size=1, **TOP),
    Job(name="top_dropout", **TOP | {"options": TOP["options"] | DROPOUT}),
    Job(name="rslora", method="rslora", batch_size=1),
    Job(name="dora", method="dora"),
    Job(name="adalora", method="adalora"),
    Job(name="bitfit", method="bitfit", options={}, family="qwen2", shape=TIED),
    Job(
        name="bitfit_everywhere",
        method="bitfit",
        options={},
        shape={"attention_bias": True, "mlp_bias": True},
    ),
    Job(name="lisa", shape=THREE_LAYERS, **LISA),
    Job(name="lisa_tied", shape=THREE_LAYERS | TIED, batch_size=1, **LISA),
    # By the sizes of this model: as many directions as are found exactly, and tokens to tell them apart.
    Job(name="galore", method="galore", options={"galore_rank": 16, "galore_interval": 2}, batch_size=6),
    Job(name="lora_fa", method="lora_fa", options={"lora_rank": 4} | DROPOUT),
    Job(name="lora_fa_wide_heads", method="lora_fa", shape=WIDE_HEADS, batch_size=1),
    Job(name="pissa", method="pissa", shape=TIED),
    Job(name="olora", method="olora", batch_size=1),
    Job(name="top_layers", method="top_layers", options={"top_layers": 2}, shape=THREE_LAYERS | TIED),
    Job(name="top_layer", method="top_layers", options={"top_layers": 1}, batch_size=1),
    Job(name="full", shape=TIED, **FULL),
    Job(name="full_untied", shape={"mlp_bias": True}, batch_size=2, accumulation=2, **FULL),
    Job(name="full_recompute", recomputes=True, **FULL),
    Job(name="full_one_token", single_tokens=True, batch_size=1, **FULL),
    Job(name="full_qwen2", family="qwen2", **FULL),
    Job(name="full_padding_inside", shape={"pad_token_id": 96}, lowest_token=90, **FULL),
    Job(name="full_padding_tied", shape=TIED | {"pad_token_id": 96}, lowest_token=90, **FULL),
    Job(name="full_qwen3", family="qwen3", batch_size=1, **FULL),
    Job(name="narrow_window", family="mistral", shape={"sliding_window": 8}, unknown="window of 8 tokens"),
    Job(name="other_gate", shape={"hidden_act": "gelu"}, unknown="gate is gelu"),
    Job(name="vera", method="vera", options={"vera_rank": 8}),
    Job(name="oft", method="oft", options={"oft_block_size": 8}),
    Job(name="prompt_tuning", method="prompt_tuning", options={"virtual_tokens": 5}),
    Job(name="prompt_tuning_one", method="prompt_tuning", options={"virtual_tokens": 5}, batch_size=1),
    Job(
        name="prompt_tuning_gpt2",
        method="prompt_tuning",
        options={"virtual_tokens": 5},
        family="gpt2",
        shape=GPT2,
        unknown="not for gpt2",
    ),
    Job(name="ia3", method="ia3", options={}),
    Job(name="dora_wide_heads", method="dora", shape=WIDE_HEADS, batch_size=1),
    Job(name="dora_biases", method="dora", shape={"attention_bias": True, "mlp_bias": True}),
    Job(name="vera_wide_heads", method="vera", options={"vera_rank": 8}, shape=WIDE_HEADS),
    Job(name="gpt_neox", family="gpt_neox", unknown="not for gpt_neox"),
    Job(name="full_gpt2", family="gpt2", shape=GPT2, unknown="not for gpt2", **FULL),
    Job(name="scaled_logits", family="cohere", shape={"logit_scale": 0.25}, unknown="not for cohere"),
    Job(name="capped_logits", family="gemma3_text", shape=CAPPED, unknown="not for gemma3_text"),
    Job(
        name="layer_before_head",
        family="modernbert-decoder",
        shape=DROPS_NOTHING,
        unknown="not for modernbert",
    ),
]
NAMED = {job.name: job for job in JOBS}
