"""A tiny model of every family, and its training written with transformers, PEFT and torch alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from msgspec import Struct
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from laptime.data.batches import plan_steps
from laptime.data.encoded import EncodedExample
from laptime.spec import TrainingSpec
from tests.speedups.plain import ORDERS, make_batch, take_steps
from tests.tiny import make_byte_tokenizer

RANK = 4
# Of AdamW: with torch's default the sign of a gradient that is all rounding would decide an update.
STEADY_EPSILON = 1e-4
SIZES: dict[str, Any] = {
    "vocab_size": 260,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
    "initializer_range": 0.1,
    "bos_token_id": 256,
    "eos_token_id": 257,
    "pad_token_id": 0,
}
OF_GPT: dict[str, Any] = {
    "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
}  # fmt: skip
OF_EXPERTS: dict[str, Any] = {"num_experts_per_tok": 2, "_experts_implementation": "eager"}
EXPERTS = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
SHARED = tuple(f"mlp.shared_expert.{name}.weight" for name in ("gate_proj", "up_proj", "down_proj"))
READ_PAST = ("dt_proj", "out_proj")


class Family(Struct, frozen=True, kw_only=True):
    """A family with what its tiny model needs beside `SIZES`.

    `parameters` end the names of those that PEFT adapts as parameters, `left_out` are linear layers
    without adapters; `counts` says that its products of matrices can be counted one by one.
    """

    name: str
    sizes: dict[str, Any] = {}
    without: tuple[str, ...] = ()  # of SIZES
    parameters: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    counts: bool = True

    @property
    def has_experts(self) -> bool:
        """Tell whether a router chooses experts for each token."""
        return "num_experts_per_tok" in self.sizes

    def make_base(self, folder: Path) -> Path:
        """Write model and tokenizer."""
        model = self.make_model()
        model.save_pretrained(folder)
        make_byte_tokenizer().save_pretrained(folder)
        return folder

    def make_model(self) -> Any:
        """Make the model with random weights, norms and biases included."""
        sizes = {key: value for key, value in SIZES.items() if key not in self.without}
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(self.name, **sizes | self.sizes))
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(torch.randn_like(parameter), alpha=0.1)
        return model

    def adapt(self, model: Any, layers: list[int] | None) -> Any:
        """Put PEFT's adapters on every linear layer but the head, of some layers or of all."""
        head = model.get_output_embeddings()
        linears = [
            n for n, m in model.named_modules() if isinstance(m, (torch.nn.Linear, Conv1D)) and m is not head
        ]
        as_modules = {
            name.rpartition(".")[2]
            for name in linears
            if not f"{name}.weight".endswith(self.parameters or ("-",))
        }
        wanted = [f".{number}." for number in layers or range(100)]
        parameters = [
            name for name, _ in model.named_parameters()
            if name.endswith(self.parameters or ("-",)) and any(one in name for one in wanted)
        ]  # fmt: skip
        config = LoraConfig(
            r=RANK, lora_alpha=2 * RANK, task_type="CAUSAL_LM", layers_to_transform=layers,
            target_modules=sorted(as_modules - set(self.left_out)), target_parameters=parameters or None,
        )  # fmt: skip
        return get_peft_model(model, config)


FAMILIES = [
    Family(name="llama"),
    Family(name="mistral"),
    Family(name="qwen2"),
    Family(name="qwen3"),
    Family(name="gpt2", sizes=OF_GPT),
    Family(name="openai-gpt", sizes=OF_GPT),
    Family(
        name="gpt_neo",
        sizes={"num_layers": 4, "num_heads": 4, "attention_types": [[["global", "local"], 2]]}
        | {"attention_dropout": 0.0, "embed_dropout": 0.0, "resid_dropout": 0.0},
        without=("num_hidden_layers",),
    ),
    Family(name="gpt_neox"),
    Family(name="gptj", sizes=OF_GPT | {"rotary_dim": 4}),
    Family(name="opt", sizes={"ffn_dim": 48, "word_embed_proj_dim": 32, "dropout": 0.0}),
    Family(name="bloom", sizes={"n_layer": 3, "n_head": 4}),
    Family(name="phi"),
    Family(name="phi3"),
    Family(name="gemma"),
    Family(name="gemma2", sizes={"query_pre_attn_scalar": 8}),
    Family(name="gemma3_text", sizes={"query_pre_attn_scalar": 8}),
    Family(name="olmo2"),
    Family(name="granite", sizes={"logits_scaling": 2.0, "residual_multiplier": 0.5}),
    Family(name="cohere2"),
    Family(name="starcoder2", sizes={"residual_dropout": 0.0, "embedding_dropout": 0.0}),
    Family(name="smollm3"),
    Family(name="falcon", sizes={"new_decoder_architecture": True, "num_kv_heads": 2}, without=("head_dim",)),
    Family(name="mpt", sizes={"d_model": 32, "n_heads": 4, "n_layers": 3, "max_seq_len": 64}),
    Family(name="mixtral", sizes=OF_EXPERTS | {"num_local_experts": 4}, parameters=EXPERTS),
    Family(
        name="qwen3_moe",
        sizes=OF_EXPERTS | {"num_experts": 4, "moe_intermediate_size": 16},
        parameters=EXPERTS,
    ),
    Family(
        name="granitemoe",
        sizes=OF_EXPERTS | {"num_local_experts": 4},
        parameters=("gate_up_proj", "down_proj"),
    ),
    Family(name="gpt_oss", sizes=OF_EXPERTS | {"num_local_experts": 4}, parameters=EXPERTS),
    Family(
        name="qwen3_next",
        sizes=OF_EXPERTS
        | {"num_experts": 4, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16}
        | {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "num_hidden_layers": 4}
        | {"linear_key_head_dim": 8, "linear_value_head_dim": 8},
        parameters=(*EXPERTS, *SHARED),
        counts=False,
    ),
    Family(
        name="falcon_h1",
        sizes={"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8}
        | {"mamba_n_groups": 1, "mamba_chunk_size": 16},
        left_out=READ_PAST,
        counts=False,
    ),
    Family(name="mamba", sizes={"state_size": 8}, left_out=READ_PAST, counts=False),
    Family(
        name="mamba2",
        sizes={"num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 1, "chunk_size": 16},
        left_out=READ_PAST,
        counts=False,
    ),
]  # fmt: skip


def train_plain(
    family: Family, folder: Path, method: str, examples: list[EncodedExample], training: TrainingSpec
) -> tuple[list[float], Any]:
    """Train the model in `folder` in float32; returns the losses and the model."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.manual_seed(training.seed)
    if method != "full":
        top = model.config.num_hidden_layers - 1
        model = family.adapt(model, [top] if method == "lora_top" else None)
    steps = plan_steps(len(examples), training, training.seed)
    batches = [
        [make_batch([examples[i] for i in micro], ORDERS[0]) for micro in step.micro_batches]
        for step in steps
    ]  # fmt: skip
    losses, _ = take_steps(model.train(), batches, training, torch.float32)
    return losses, model.eval()
