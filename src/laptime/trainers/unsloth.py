"""Unsloth: FastLanguageModel with TRL's SFTTrainer, as its documentation shows it (https://docs.unsloth.ai).

Its own ways: told of float32, it computes in bfloat16 all the same where the GPU can, which the record says;
told nothing, it loads the frozen weights in 4 bits and recomputes activations.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

TITLE = "Unsloth"
SUMMARY = "Unsloth's kernels under TRL's SFTTrainer"
PACKAGES = (
    "unsloth==2026.10.9", "unsloth_zoo==2026.10.9", "trl==1.15.0", "transformers==5.17.0", "peft==0.21.2",
    "torch==2.13.0",
)  # fmt: skip
METHODS = ("full", "lora")
NEEDS_CUDA = True
ENVIRONMENT = {"UNSLOTH_DISABLE_STATISTICS": "1"}


def train(run: Any) -> None:
    """Train once, inside Unsloth's own Python."""
    os.environ["UNSLOTH_COMPILE_LOCATION"] = str(Path(run.scratch) / "compiled")  # else where it is started
    importlib.import_module("unsloth")  # first: it changes what is imported after it
    from trl import SFTConfig, SFTTrainer
    from unsloth import FastLanguageModel

    run.mark("import")
    model, tokenizer = FastLanguageModel.from_pretrained(run.model, **loading(run))
    if run.is_adapter:
        model = FastLanguageModel.get_peft_model(model, **adapters(run))
    run.mark("load")
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**settings(run)),
        train_dataset=run.dataset(),
        processing_class=tokenizer,
        callbacks=[run.callback()],  # made last: Unsloth's loading replaces what it watches
    )
    trainer.train()
    trainer.save_model(run.out)
    run.saved()


def loading(run: Any) -> dict[str, Any]:
    """Return what the model is loaded with: a whole model in float32, a frozen one in that of compute."""
    always = {"trust_remote_code": run.trust_remote_code, "full_finetuning": not run.is_adapter}
    if not run.is_adapter:
        always |= {"load_in_4bit": False}
    if run.as_it_comes:
        return always
    told = {
        "max_seq_length": run.longest,
        "dtype": run.weight_dtype(),
        "load_in_4bit": False,
        "use_gradient_checkpointing": run.gradient_checkpointing,
        "random_state": run.seed,
    }
    return always | told | ({} if run.is_adapter else {"float32_mixed_precision": True})


def adapters(run: Any) -> dict[str, Any]:
    """Return what the adapters are made with; as it comes, nothing."""
    if run.as_it_comes:
        return {}
    shape = {name: value for name, value in run.lora_settings().items() if name != "task_type"}
    return shape | {"use_gradient_checkpointing": run.gradient_checkpointing, "random_state": run.seed}


def settings(run: Any) -> dict[str, Any]:
    """Return SFTConfig's arguments: a log line a step, no checkpoints, the same work."""
    always = run.instruments() | {"output_dir": run.scratch}
    if run.as_it_comes:
        return always | run.length()
    told = {"max_length": run.longest, "packing": False, "padding_free": False}
    return always | told | run.training_arguments()
