"""Axolotl: its config, its loading of token ids and labels, its train (https://docs.axolotl.ai).

Told of the same work, every token of a step counts alike, and it keeps the fused kernels for adapters that it
turns on by itself on a GPU. As it comes, a value that it has no default for is that of its own
examples/llama-3/lora-1b.yml.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

TITLE = "Axolotl"
SUMMARY = "Axolotl's own trainer, from one config"
PACKAGES = ("axolotl==0.19.0", "transformers==5.16.1", "peft==0.20.0", "trl==1.9.0", "torch==2.13.0")
METHODS = ("full", "lora")
ENVIRONMENT = {"AXOLOTL_DO_NOT_TRACK": "1"}
PLUGIN = "laptime_clock.Clock"


def train(run: Any) -> None:
    """Train once, inside Axolotl's own Python."""
    if run.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # it takes whatever device there is
    from axolotl.cli.config import load_cfg
    from axolotl.common.datasets import load_datasets
    from axolotl.train import train as train_axolotl
    from axolotl.utils.dict import DictDefault

    run.mark("import")
    add_plugin(run)
    cfg = load_cfg(DictDefault(settings(run)))
    if not run.as_it_comes:
        cfg.torch_dtype = run.weight_dtype()
    datasets = load_datasets(cfg=cfg)
    run.mark("prepare")
    train_axolotl(cfg=cfg, dataset_meta=datasets)
    run.saved()


def add_plugin(run: Any) -> None:
    """Make a plugin for Axolotl of the clock of the steps, under the name that the config says."""
    from axolotl.integrations.base import BasePlugin

    class Clock(BasePlugin):
        def post_model_load(self, cfg: Any, model: Any) -> None:
            run.mark("load")

        def get_training_args(self, cfg: Any) -> dict[str, Any]:
            return {"use_cpu": run.device == "cpu"}

        def add_callbacks_pre_trainer(self, cfg: Any, model: Any) -> list[Any]:
            return [run.callback()]

        def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
            if not run.as_it_comes:
                # By itself it counts every micro-batch of a step alike, however many tokens it trains.
                trainer.model_accepts_loss_kwargs = getattr(trainer.model, "accepts_loss_kwargs", True)
                trainer._get_train_sampler = lambda *_: run.order(len(trainer.train_dataset))

    module, _, name = PLUGIN.partition(".")
    sys.modules[module] = ModuleType(module)
    setattr(sys.modules[module], name, Clock)


def settings(run: Any) -> dict[str, Any]:
    """Return Axolotl's config: a log line a step, no checkpoints; the same work, or as it comes."""
    always = {
        "base_model": run.model,
        "trust_remote_code": run.trust_remote_code,
        "datasets": [{"path": str(write_examples(run)), "ds_type": "json", "type": None}],
        "dataset_prepared_path": str(Path(run.scratch) / "prepared"),
        "output_dir": run.out,
        "plugins": [PLUGIN],
        "logging_steps": 1,
        "save_strategy": "no",
        "adapter": "lora" if run.is_adapter else None,
    }
    if run.device == "cpu":
        # Its fused kernels are written for GPUs, and it turns them on wherever adapters train.
        always |= {f"lora_{part}_kernel": False for part in ("mlp", "qkv", "o", "embedding")}
    return always | (settings_of_example(run) if run.as_it_comes else settings_of_job(run))


def settings_of_job(run: Any) -> dict[str, Any]:
    """Return the part of the config that says the same work: examples in their order, none packed."""
    told = run.training_arguments()
    renamed = {
        "micro_batch_size": told.pop("per_device_train_batch_size"),
        "num_epochs": told.pop("num_train_epochs"),
        "lr_scheduler": told.pop("lr_scheduler_type"),
        "optimizer": "adamw_torch_fused",
        "warmup_steps": 0,
        "sequence_len": run.longest,
        "pad_to_multiple_of": 1,
        "curriculum_sampling": True,
        "shuffle_merged_datasets": False,
    }
    return told | renamed | lora_of_job(run)


def lora_of_job(run: Any) -> dict[str, Any]:
    """Return the part of the config that says the same adapters; nothing where the whole model trains."""
    if not run.is_adapter:
        return {}
    lora = run.lora_settings()
    targets = lora["target_modules"]
    every = targets == "all-linear"
    return {
        "lora_r": lora["r"],
        "lora_alpha": lora["lora_alpha"],
        "lora_dropout": lora["lora_dropout"],
        "lora_target_linear": every,
        "lora_target_modules": None if every else targets,
    }


def settings_of_example(run: Any) -> dict[str, Any]:
    """Return what Axolotl must be told as it comes."""
    told = {"num_epochs": run.epochs, "max_steps": run.max_steps, "learning_rate": 2e-4}
    if run.is_adapter:
        told |= {"lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.05, "lora_target_linear": True}
    if run.device == "cpu":
        told |= {"bf16": False, "fp16": False}  # its "auto" takes fp16 where no GPU has bf16
    return told


def write_examples(run: Any) -> Path:
    """Write the examples with the attention masks that Axolotl knows token ids by; returns the file."""
    path = Path(run.scratch) / "tokens.jsonl"
    with Path(run.records).open(encoding="utf-8") as source, path.open("w", encoding="utf-8") as file:
        for line in source:
            example = json.loads(line)
            file.write(json.dumps(example | {"attention_mask": [1] * len(example["input_ids"])}) + "\n")
    return path
