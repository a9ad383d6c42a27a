"""ms-swift's side of the race: `swift sft` on the arguments of its LoRA and full examples.

Its own ways, as far as they matter here: full fine-tuning in bf16 keeps weights and moments in bf16; the
last checkpoint is written by the training itself, so its time stands in `train`.
"""

from measured_job import PeerJob, read_options

JOB = PeerJob("ms-swift")

import json  # noqa: E402 - after the clock has started
import os  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

TEMPLATE = "as_it_stands"


def write_records(data: Path, folder: Path) -> Path:
    """Write the records as the query and response that the tool knows."""
    lines = data.read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines if line.strip()]
    pairs = [{"query": record["prompt"], "response": record["completion"]} for record in records]
    file = folder / "records.jsonl"
    file.write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in pairs), encoding="utf-8")
    return file


def register_plain_template() -> None:
    """Register the template that puts prompt and completion together as they are, between start and end."""
    from swift.template import TemplateMeta, register_template

    register_template(TemplateMeta(TEMPLATE, prefix=[["bos_token_id"]], prompt=["{{QUERY}}"], chat_sep=None))


def arguments(options: Any, folder: Path) -> dict[str, Any]:
    """Return the options of `swift sft`."""
    import torch

    config = json.loads((Path(options.model) / "config.json").read_text(encoding="utf-8"))
    method: dict[str, Any] = {"tuner_type": "full"}
    if options.method == "lora":
        method = {
            "tuner_type": "lora",
            "target_modules": ["all-linear"],
            "lora_rank": options.rank,
            "lora_alpha": 2 * options.rank,
            "lora_dropout": 0.0,
        }
    return {
        "model": options.model,
        "model_type": config["model_type"],  # asked for where it can't tell a family's members apart
        "template": TEMPLATE,
        "torch_dtype": "bfloat16" if options.precision == "bf16" else "float32",
        "dataset": [str(write_records(Path(options.data), folder))],
        "dataset_shuffle": False,
        "train_dataloader_shuffle": False,
        "max_length": 2048,
        "output_dir": options.out,
        "add_version": False,
        "num_train_epochs": 1,
        "per_device_train_batch_size": options.batch_size,
        "gradient_accumulation_steps": 1,
        "gradient_checkpointing": False,
        "learning_rate": options.learning_rate,
        "lr_scheduler_type": "constant",
        "warmup_ratio": 0.0,
        "weight_decay": 0.0,
        "adam_beta2": 0.999,
        "logging_steps": 1,
        "save_only_model": True,
        "use_cpu": not torch.cuda.is_available(),
        "report_to": ["none"],
        "check_model": False,
        "seed": 0,
        **method,
    }


def main() -> None:
    """Train once and print the figures."""
    options = read_options(__doc__)
    folder = tempfile.TemporaryDirectory()
    os.environ["MODELSCOPE_CACHE"] = folder.name  # else encoded records of another run would be reused
    from swift import SftArguments
    from swift.pipelines.train.sft import SwiftSft

    JOB.mark("import")

    class TimedSft(SwiftSft):
        def train(self, trainer: Any) -> Any:
            trainer.add_callback(JOB.callback())
            return super().train(trainer)

    register_plain_template()
    TimedSft(SftArguments(**arguments(options, Path(folder.name)))).main()
    JOB.mark("save")
    JOB.print_figures()
    folder.cleanup()


if __name__ == "__main__":
    main()
