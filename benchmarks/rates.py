"""How far the default learning rates are from the best: held-out loss over multiples of each default.

    python benchmarks/rates.py --model DIR [--model DIR ...] --data FILE.jsonl --records 64 --held-out 32 \\
        --epochs 3 --batch-size 1 --name NAME

The shortest examples of FILE are taken, and some of them held out. Every method runs at every multiple of its
own default, in one process; the toy that ships with Laptime and its ten examples are `--model builtin`
without --data. The losses go to benchmarks/results/rates_NAME_MACHINE.json, the table to the terminal.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import torch
from results_folder import RESULTS, machine_name

from laptime import __version__
from laptime.data.input_manifest import InputJob
from laptime.hardware.machine import describe_machine
from laptime.models.loading import quiet_libraries
from laptime.runs.events import Started
from laptime.runs.job import RunJob
from laptime.runs.record import RecordWriter, read_record
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, RunSpec, TrainingSpec
from laptime.training.preprocess import prepare
from laptime.training.run import run

MULTIPLES = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0)
MEANING = {
    "multiple": "of the method's default rate for this model and batch",
    "held_out_loss": "mean over the trained tokens of the held-out examples, after the training",
    "above_best": "of the default: how much of the lowest loss of its row it lies above it",
}


def prepare_inputs(folder: Path, model: str, data: Path | None, words: argparse.Namespace) -> None:
    """Encode the shortest examples of `data`: what small models can hold; some of them are held out."""
    spec = DataSpec()
    if data:
        lines = sorted(data.read_text(encoding="utf-8").splitlines(keepends=True), key=len)
        lines = lines[: words.records + words.held_out]
        random.Random(0).shuffle(lines)
        held_out, lines = lines[: words.held_out], lines[words.held_out :]
        (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")
        (folder / "held_out.jsonl").write_text("".join(held_out), encoding="utf-8")
        spec = DataSpec(
            data=str(folder / "train.jsonl"), held_out=str(folder / "held_out.jsonl"),
            max_length=words.max_length,
        )  # fmt: skip
    prepare(
        InputJob(
            model=ModelSpec(model=model), data=spec, answers=AnswerSpec(max_questions=0),
            training=TrainingSpec(), folder=str(folder / "inputs"),
        )
    )  # fmt: skip


def train(
    folder: Path, model: str, method: str, options: dict[str, Any], **training: Any
) -> tuple[float, float]:
    """Train once; returns the learning rate and the held-out loss, infinite for a run that failed."""
    spec = RunSpec(
        method=method, model=ModelSpec(model=model), method_options=options,
        training=TrainingSpec(**training), answers=AnswerSpec(skip_self_checks=True),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=folder) as home:
        job = RunJob(run=f"{method}-r1", spec=spec, folder=home, inputs=str(folder / "inputs"))
        writer = RecordWriter(Path(home))
        writer.write(
            Started(laptime=__version__, run=job.run, method=method, round=1, spec=msgspec.to_builtins(spec))
        )
        try:
            run(job, writer)
        except ArithmeticError:
            pass
        finally:
            writer.close()
        record = read_record(Path(home))
    assert record.model
    return record.model.learning_rate, record.evaluations[-1].loss if record.evaluations else float("inf")


def sweep(folder: Path, model: str, words: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Give a row for each method, or method with a rank (lora:64)."""
    settings = {
        "epochs": words.epochs, "batch_size": words.batch_size, "device": "cpu", "precision": "fp32",
    }  # fmt: skip
    for named in words.methods.split(","):
        method, _, rank = named.partition(":")
        options = {"lora_rank": int(rank)} if rank else {}
        default, loss = train(folder, model, method, options, **settings)
        losses = {1.0: loss}
        for multiple in words.multiples:
            if multiple != 1.0:
                rate = multiple * default
                losses[multiple] = train(folder, model, method, options, learning_rate=rate, **settings)[1]
        best = min(losses.values())
        row = {
            "model": Path(model).name, "method": named, "default_rate": default,
            "held_out_loss": dict(sorted(losses.items())), "above_best": loss / best - 1,
        }  # fmt: skip
        show(row)
        yield row


def show(row: dict[str, Any]) -> None:
    """Print one row."""
    losses = "  ".join(f"x{multiple:g} {loss:.4f}" for multiple, loss in row["held_out_loss"].items())
    print(
        f"{row['model']:20} {row['method']:9} {row['default_rate']:.2g}  {losses}  "
        f"default {100 * row['above_best']:.1f} % above the best",
        flush=True,
    )


def main() -> None:
    """Sweep and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--records", type=int, default=64)
    parser.add_argument("--held-out", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--methods", default="full,lora")
    parser.add_argument(
        "--multiples", type=lambda text: tuple(map(float, text.split(","))), default=MULTIPLES
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--name", default="")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    quiet_libraries()
    rows = []
    for model in words.model:
        with tempfile.TemporaryDirectory() as folder:
            prepare_inputs(Path(folder), model, words.data, words)
            rows += list(sweep(Path(folder), model, words))
    if words.name:
        machine = describe_machine(torch.device("cpu"))
        command = ["python", "benchmarks/rates.py", *(one.rpartition("/")[2] for one in sys.argv[1:])]
        content = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"), "laptime": __version__, "machine": machine,
            "command": shlex.join(command), "meaning": MEANING, "rows": rows,
        }  # fmt: skip
        file = RESULTS / f"rates_{words.name}_{machine_name(machine)}.json"
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
