"""LLaMA-Factory: `llamafactory-cli train` by its own function, on a tokenized dataset (`tokenized_path`).

Its own ways, which stay as they are: sequences are padded to a multiple of 8 tokens; a whole model is saved
in float32, as it trains; beside the result lie its logs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

TITLE = "LLaMA-Factory"
SUMMARY = "LLaMA-Factory's supervised fine-tuning"
PACKAGES = ("llamafactory==0.9.5", "transformers==5.6.0", "peft==0.18.1", "torch==2.13.0")
METHODS = ("full", "lora")


def train(run: Any) -> None:
    """Train once, inside LLaMA-Factory's own Python."""
    from llamafactory.train.tuner import run_exp

    run.mark("import")
    watch_loading(run)
    tokenized = Path(run.scratch) / "tokenized"
    run.dataset().save_to_disk(tokenized)
    run_exp(settings(run, str(tokenized)), callbacks=[run.callback()])
    run.saved()


def watch_loading(run: Any) -> None:
    """Mark where the model is loaded, and have it loaded in the precision that we use.

    LLaMA-Factory has no option for that: it takes the one that the model's configuration names.
    """
    from llamafactory.model import loader
    from llamafactory.train.sft import workflow

    load_config, load_model = loader.load_config, workflow.load_model

    def load_config_as_told(model_args: Any) -> Any:
        config = load_config(model_args)
        config.dtype = run.weight_dtype()
        return config

    def load_model_marked(*args: Any, **named: Any) -> Any:
        model = load_model(*args, **named)
        run.mark("load")
        return model

    if not run.as_it_comes:
        loader.load_config = load_config_as_told
    workflow.load_model = load_model_marked


def settings(run: Any, tokenized: str) -> dict[str, Any]:
    """Return what its YAML file would hold: a log line a step, no checkpoints, the same work."""
    always = run.instruments() | {
        "model_name_or_path": run.model,
        "trust_remote_code": run.trust_remote_code,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": run.method,
        "dataset": "records",  # asked for, and not read where there is a tokenized one
        "tokenized_path": tokenized,
        "template": "empty",
        "output_dir": run.out,
        "report_to": "none",
    }
    if run.as_it_comes:
        return always | run.length()
    told = run.training_arguments()
    told["disable_gradient_checkpointing"] = not told.pop("gradient_checkpointing")
    adapter = lora_settings(run) if run.is_adapter else {}
    return always | told | adapter | {"packing": False}


def lora_settings(run: Any) -> dict[str, Any]:
    """Return its names for the same adapters; its `all` would leave out layers that are no torch Linear."""
    return run.adapter_numbers() | {"lora_target": ",".join(run.lora["targets"])}
