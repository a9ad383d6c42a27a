"""How far `laptime plan --gpu` is from runs that others have published: time of a step, and memory.

    python benchmarks/published_rows.py FILE.csv [--save]

FILE.csv holds published runs with their sources; in grade A tokens, batch, precision, GPU, memory or time are
known. Each is foretold by Laptime's own code for the GPU that it ran on, as a run without speedups: they are
runs of other programs. Left out are those whose optimizer or offloading Laptime has not, and those of
DeepSpeed on several cards whose number is not told. --save: to benchmarks/results/published_rows.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct
from results_folder import RESULTS

from laptime.data.input_manifest import InputManifest
from laptime.forecast.forecast import Forecast
from laptime.forecast.gpus import find_gpu
from laptime.forecast.surroundings import forecast_elsewhere
from laptime.models.shape import Shape
from laptime.spec import RunSpec, TrainingSpec

GPU = "a100-80"  # of all rows that are told in full
# hidden size, layers, width of keys and values, inner size, words, whether the head is the embedding
SIZES = {
    "Llama-3.2-3B": (3072, 28, 1024, 8192, 128256, True),
    "Qwen-1.8B": (2048, 24, 2048, 5504, 151936, False),
    "Qwen-7B": (4096, 32, 4096, 11008, 151936, False),
    "Qwen-14B": (5120, 40, 5120, 13696, 152064, False),
}
QWEN_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj"]  # c_attn, attn.c_proj, w1, w2


class Row(Struct, kw_only=True):
    """A published run beside its forecast: shares by which the forecast is above it; None where not told."""

    id: str
    step_seconds: float
    foretold_seconds: float
    is_inside: bool  # the range that the forecast says
    time_error: float
    memory_gb: float | None = None
    memory_error: float | None = None


def make_shape(name: str) -> Shape:
    """Return the shape of one of the models."""
    hidden, num_layers, kv, inner, words, is_tied = SIZES[name]
    sizes = {
        "self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (hidden, kv),
        "self_attn.v_proj": (hidden, kv), "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (hidden, inner), "mlp.up_proj": (hidden, inner), "mlp.down_proj": (inner, hidden),
    }  # fmt: skip
    linears = {f"model.layers.{n}.{key}": size for n in range(num_layers) for key, size in sizes.items()}
    linears["lm_head"] = (hidden, words)
    weights = sum(one * other for one, other in linears.values())
    return Shape(
        architecture="LlamaForCausalLM", hidden_size=hidden, num_layers=num_layers, vocabulary_size=words,
        num_parameters=weights + (0 if is_tied else hidden * words), linears=linears, head="lm_head",
    )  # fmt: skip


def is_told(row: dict[str, str]) -> bool:
    """Tell whether a row is of a run that Laptime's own path could make, with all known."""
    ordinary = row["optimizer"] in ("torch AdamW", "AdamW") and row["recompute"] in ("yes", "no")
    return (
        row["grade"] == "A" and row["method"] in ("full", "lora") and row["model"] in SIZES
        and ordinary and row["compile"] == "no" and bool(row["tokens_per_s"])
    )  # fmt: skip


def foretell(row: dict[str, str]) -> Forecast:
    """Return the forecast of the run of a row."""
    batch, accumulation = int(row["batch"]), int(row["grad_accum"] or 1)
    length, number = int(row["seq_len"]), 1000 * batch * accumulation
    tokens = length * number
    training = TrainingSpec(
        epochs=1, batch_size=batch, gradient_accumulation=accumulation, plain=True,
        gradient_checkpointing=row["recompute"] == "yes",
    )  # fmt: skip
    options: dict[str, Any] = {}
    if row["method"] == "lora":
        options = {"lora_rank": int(row["lora_rank"] or 8), "lora_targets": QWEN_TARGETS}
    manifest = InputManifest(
        model_name=row["model"], model_folder="", model_digest="", toy=False, random_weights=True,
        weight_bytes=2, shape=make_shape(row["model"]),
        data={"num_records": number, "num_tokens": tokens, "num_trained_tokens": tokens, "longest": length},
    )  # fmt: skip
    spec = RunSpec(method=row["method"], training=training, method_options=options)
    return forecast_elsewhere(row["id"], spec, manifest, find_gpu(GPU))


def compare_row(row: dict[str, str]) -> Row:
    """Set a published run beside its forecast."""
    found = foretell(row)
    seconds = float(row["tokens_per_step"]) / float(row["tokens_per_s"])
    memory = float(row["memory_GB"]) if row["method"] == "lora" and row["memory_GB"] else None
    low, high = (end / found.num_steps for end in found.train_range)
    return Row(
        id=row["id"],
        step_seconds=seconds,
        foretold_seconds=found.step_seconds,
        is_inside=low <= seconds <= high,
        time_error=found.step_seconds / seconds - 1,
        memory_gb=memory,
        memory_error=None if memory is None else found.memory_bytes / 1e9 / memory - 1,
    )


def compare_rows(file: Path) -> list[Row]:
    """Set all published runs of a file that are told in full beside their forecasts."""
    with file.open(encoding="utf-8", newline="") as opened:
        return [compare_row(row) for row in csv.DictReader(opened) if is_told(row)]


def main() -> None:
    """Print the errors, and keep them with --save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    rows = compare_rows(options.file)
    for row in rows:
        memory = "" if row.memory_error is None else f"memory {100 * row.memory_error:+.0f} %"
        inside = "" if row.is_inside else "outside its range"
        print(f"{row.id:<22}{row.step_seconds:8.2f} s, foretold {row.foretold_seconds:6.2f} s "
              f"({100 * row.time_error:+.0f} %) {memory:>14} {inside}")  # fmt: skip
    middle = {
        "time": median(abs(row.time_error) for row in rows),
        "memory": median(abs(row.memory_error) for row in rows if row.memory_error is not None),
    }
    print(f"in the middle: time {100 * middle['time']:.0f} %, memory {100 * middle['memory']:.0f} %")
    if options.save:
        told = {
            "command": shlex.join(["python", "benchmarks/published_rows.py", options.file.name, "--save"]),
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "what": "forecasts for an A100 of 80 GB beside what others published; nothing was run here",
            "median_error": middle,
            "rows": [{name: getattr(row, name) for name in row.__struct_fields__} for row in rows],
        }
        (RESULTS / "published_rows.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
