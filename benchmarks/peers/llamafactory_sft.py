"""LLaMA-Factory's side of the race: `llamafactory-cli train` on the arguments of its LoRA and full examples.

Its own ways, as far as they matter here: bf16 LoRA and full keep what trains in float32; sequences are padded
to a multiple of 8. A template of our own is registered, because none of the tool's leaves a prompt as it
is and trains the end of sequence.
"""

from measured_job import PeerJob, read_options

JOB = PeerJob("llamafactory")

import json  # noqa: E402 - after the clock has started
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

TEMPLATE = "as_it_stands"


def write_records(options: Any, folder: Path) -> None:
    """Write the records, and the description of them that the tool asks for."""
    columns = {"prompt": "prompt", "response": "completion"}
    description = {"race": {"file_name": str(Path(options.data).resolve()), "columns": columns}}
    (folder / "dataset_info.json").write_text(json.dumps(description), encoding="utf-8")


def link_model(model: Path, folder: Path, precision: str) -> Path:
    """Return a folder of links to the model whose configuration names the precision.

    The tool loads weights in the precision that the configuration names and has no option for it.
    """
    folder.mkdir()
    for file in model.resolve().iterdir():
        if file.name != "config.json":
            (folder / file.name).symlink_to(file)
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config.pop("torch_dtype", None)
    config["dtype"] = "float32" if precision == "fp32" else "bfloat16"
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def register_plain_template() -> None:
    """Register the template that puts prompt and completion together as they are, between start and end."""
    from llamafactory.data.formatter import EmptyFormatter
    from llamafactory.data.template import register_template

    register_template(name=TEMPLATE, format_prefix=EmptyFormatter(slots=[{"bos_token"}]))


def arguments(options: Any, folder: Path) -> dict[str, Any]:
    """Return what its YAML file would hold."""
    import torch

    method = {"finetuning_type": "full"}
    if options.method == "lora":
        method = {
            "finetuning_type": "lora",
            "lora_target": "all",
            "lora_rank": options.rank,
            "lora_alpha": 2 * options.rank,
        }
    return {
        "model_name_or_path": str(link_model(Path(options.model), folder / "model", options.precision)),
        "stage": "sft",
        "do_train": True,
        "dataset": "race",
        "dataset_dir": str(folder),
        "template": TEMPLATE,
        "cutoff_len": 2048,
        "output_dir": options.out,
        "per_device_train_batch_size": options.batch_size,
        "gradient_accumulation_steps": 1,
        "learning_rate": options.learning_rate,
        "num_train_epochs": 1.0,
        "lr_scheduler_type": "constant",
        "bf16": options.precision == "bf16",
        "use_cpu": not torch.cuda.is_available(),
        "disable_gradient_checkpointing": True,
        "disable_shuffling": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "seed": 0,
        **method,
    }


def main() -> None:
    """Train once and print the figures."""
    options = read_options(__doc__)
    from llamafactory.train.tuner import run_exp

    JOB.mark("import")
    register_plain_template()
    with tempfile.TemporaryDirectory() as name:
        write_records(options, Path(name))
        run_exp(arguments(options, Path(name)), callbacks=[JOB.callback()])
        JOB.mark("save")
        JOB.print_figures()


if __name__ == "__main__":
    main()
