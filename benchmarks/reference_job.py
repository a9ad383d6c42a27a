"""The reference job: Llama-3.2-1B's shape, ten Korean records, 5 epochs, full fine-tuning and LoRA once.

    python benchmarks/reference_job.py --model DIR --data FILE.jsonl --out DIR

DIR of --model holds the configuration and tokenizer of meta-llama/Llama-3.2-1B; its weights are drawn at
random, so only time, memory and disk mean something. The comparison goes on where --out was interrupted.
The figures are written to benchmarks/results/reference_job_<processor>.json. It takes half an hour on two
CPU cores and 24 GiB of memory.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from laptime.comparison.collection import collect
from laptime.comparison.result import ComparisonResult, MethodResult

RESULTS = Path(__file__).parent / "results"
FIELDS = (
    "status", "train_seconds", "total_seconds", "phase_seconds", "first_step_seconds", "steady_step_seconds",
    "step_part_seconds", "tokens_per_second", "peak_bytes", "peak_bytes_kind", "parameters",
    "trainable_parameters", "saved_bytes", "compute_dtype", "trained_dtype", "learning_rate",
    "flops_per_token", "step_seconds", "train_losses",
)  # fmt: skip


def command(model: str, data: str, out: str) -> list[str]:
    """Return the command of the job."""
    options = f"--random-weights --methods full,lora --epochs 5 --rounds 1 --model {model} --data {data}"
    return ["laptime", "compare", *options.split(), "--out", out]


def row(method: MethodResult) -> dict[str, Any]:
    """Return the figures of one method."""
    return {field: getattr(method, field) for field in FIELDS}


def figures(result: ComparisonResult, words: list[str]) -> dict[str, Any]:
    """Return the result file's content: machine, versions, command, figures."""
    return {
        "job": "Llama-3.2-1B shape, random weights, ten Korean records, 5 epochs, batch 1, LoRA rank 16",
        "reported_before": {"machine": "2x Tesla T4", "full_seconds": 1040, "lora_seconds": 9},
        "command": " ".join(words),
        "laptime": result.laptime,
        "machine": result.machine,
        "data": {
            key: result.data[key] for key in ("num_records", "num_tokens", "num_trained_tokens", "digest")
        },
        "methods": {method.name: row(method) for method in result.methods},
        "train_ratio": result.pairs[0].train_ratio,
        "total_ratio": result.pairs[0].total_ratio,
        "arithmetic_ratio": result.pairs[0].arithmetic_ratio,
        "findings": [finding.text for finding in result.findings],
    }


def main() -> None:
    """Run the job and write its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("--model", "--data", "--out"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    words = command(arguments.model, arguments.data, arguments.out)
    subprocess.run([sys.executable, "-m", "laptime.cli", *words[1:]], check=True)
    result = collect(Path(arguments.out))
    processor = str(result.machine.get("gpu") or result.machine["cpu"])
    name = re.sub(r"[^0-9A-Za-z]+", "_", processor).strip("_").lower()
    file = RESULTS / f"reference_job_{name}.json"
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(figures(result, words), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(file)


if __name__ == "__main__":
    main()
