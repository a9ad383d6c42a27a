"""Stands in for the Python of another trainer: does what a run's weight decay tells, without any package.

Its first line names the interpreter of the tests when it is written where the tests need it. The result of a
run is the base itself, so that whoever evaluates it finds the base's loss.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

import numpy

# What runs do, by their weight decay.
HONEST, OTHER_TOKENS, SILENT, KILLED, BROKEN, EMPTY, FEWER_PARAMETERS, HANGS, OTHER_LOSS = (
    n / 1000 for n in range(9)
)


class Tensor:
    """As much of a tensor as the proof of work asks for."""

    def __init__(self, rows: list[list[int]]) -> None:
        self.array = numpy.array(rows)

    def numel(self) -> int:
        """Count."""
        return self.array.size

    def detach(self) -> Tensor:
        """Nothing to detach."""
        return self

    cpu = detach

    def numpy(self) -> Any:
        """Return the array."""
        return self.array


def lay_out(examples: list[dict[str, list[int]]]) -> dict[str, Tensor]:
    """Return a batch padded on the right."""
    longest = max(len(example["input_ids"]) for example in examples)
    rows: dict[str, list[list[int]]] = {"input_ids": [], "labels": [], "attention_mask": []}
    for example in examples:
        room = longest - len(example["input_ids"])
        rows["input_ids"].append(example["input_ids"] + [0] * room)
        rows["labels"].append(example["labels"] + [-100] * room)
        rows["attention_mask"].append([1] * (longest - room) + [0] * room)
    return {name: Tensor(values) for name, values in rows.items()}


def describe(run: Any) -> dict[str, Any]:
    """Return what trains: all of the toy's parameters."""
    from laptime.data.input_manifest import read_manifest

    number = read_manifest(Path(run.scratch).parents[2] / "inputs").shape.num_parameters
    return {
        "num_steps": run.num_steps,
        "trainable_parameters": number - (run.weight_decay == FEWER_PARAMETERS),
        "compute_dtype": "float32",
        "trained_dtype": "float32",
        "attention": "sdpa",
        "device": "cpu",
        "learning_rate": max(run.rates),
        "threads": run.threads or 1,
        "python": "3.0",
        "versions": {"trl": "0.1", "torch": "0.2"},
    }


def train(run: Any) -> None:
    """Tell of every step, then leave the base as the result."""
    from peer_run import prove

    if run.weight_decay == BROKEN:
        print("Traceback (most recent call last):\nValueError: no such model", file=sys.stderr)
        sys.exit(1)
    for phase in ("import", "load"):
        run.mark(phase)
    with Listener():  # as workers are reached: a socket among the temporary files
        pass
    examples = [json.loads(line) for line in Path(run.records).read_text().splitlines()]
    run.tell("model", **describe(run))
    run.mark("prepare")
    size = run.batch_size * run.gradient_accumulation
    for step in range(run.num_steps):
        chosen = examples[step * size : (step + 1) * size]
        if run.weight_decay == OTHER_TOKENS:
            chosen[-1]["input_ids"][-1] += 1
        work = prove([] if run.weight_decay == SILENT else [lay_out(chosen)])
        # Nobody here knows what the base's loss is; one that is told is wrong.
        loss = None if step == 0 and run.weight_decay != OTHER_LOSS else 1 / (step + 1)
        values = {"loss": loss, "learning_rate": run.rates[step], "grad_norm": 1.0, "seconds": 0.01}
        run.tell("step", step=step + 1, **values, **work)
        if step == 2 and run.weight_decay == KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == 2 and run.weight_decay == HANGS:
            time.sleep(600)
    run.mark("train")
    if run.weight_decay != EMPTY:
        shutil.copytree(run.model, run.out)
    run.saved()


def main() -> None:
    """Answer as a Python that has TRL, or train."""
    if sys.argv[1] == "-c":
        print(json.dumps({"trl": "0.1"}))
        return
    sys.path.insert(0, str(Path(sys.argv[1]).parent))
    from peer_run import PeerRun

    run = PeerRun(json.loads(Path(sys.argv[2]).read_text()))
    run.end_with_parent()
    train(run)
    run.close()


if __name__ == "__main__":
    main()
