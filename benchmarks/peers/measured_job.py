"""What every peer's side shares: its options, a clock for its steps, its tokens, and the one JSON line.

All peers build on transformers' Trainer, whose callbacks time each optimizer step, data wait excluded.
Only the standard library is imported here before `main` of a peer begins, so that its import is timed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PRECISIONS = ("fp32", "bf16")


def read_options(description: str | None, arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the options that race.py gives to every peer."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="directory of a causal model and its tokenizer")
    parser.add_argument("--data", required=True, help="JSONL of prompt and completion, trained once in order")
    parser.add_argument("--method", choices=["lora", "full"], required=True)
    parser.add_argument("--precision", choices=PRECISIONS, required=True)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--out", required=True, help="folder for the result")
    return parser.parse_args(arguments)


class PeerJob:
    """The clock of one peer's process: phases end at `mark`, and `print_figures` writes the JSON line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = self.last = time.perf_counter()
        self.phases: dict[str, float] = {}
        self.step_seconds: list[float] = []
        self.losses: list[float] = []
        self.batches: Iterable[dict[str, Any]] = ()

    def mark(self, phase: str) -> None:
        """Say that `phase` ends here."""
        synchronize()
        now = time.perf_counter()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self.last
        self.last = now

    def callback(self) -> Any:
        """Return the TrainerCallback that times the steps and the phases around the training."""
        from transformers import TrainerCallback

        job = self

        class StepClock(TrainerCallback):
            def on_train_begin(self, *_: Any, train_dataloader: Any = None, **__: Any) -> None:
                job.batches = train_dataloader
                job.mark("setup")

            def on_step_begin(self, *_: Any, **__: Any) -> None:
                synchronize()
                self.begun = time.perf_counter()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                synchronize()
                job.step_seconds.append(time.perf_counter() - self.begun)

            def on_log(self, *_: Any, logs: dict[str, Any] | None = None, **__: Any) -> None:
                if logs and "loss" in logs:
                    job.losses.append(float(logs["loss"]))

            def on_train_end(self, *_: Any, **__: Any) -> None:
                job.mark("train")

        return StepClock()

    def print_figures(self) -> None:
        """Print the JSON line; the tokens are counted after the clock has stopped."""
        total_seconds = time.perf_counter() - self.started
        figures = {
            "peer": self.name,
            "phases": self.phases,
            "total_seconds": total_seconds,
            "step_seconds": self.step_seconds,
            "losses": self.losses,
            "peak_rss_bytes": peak_rss_bytes(),
            "peak_device_bytes": peak_device_bytes(),
            "versions": versions(),
            **count_tokens(self.batches),
        }
        print(json.dumps(figures), flush=True)


def count_tokens(batches: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Count the tokens of all batches without padding, and those that carry loss (the first never does)."""
    num_tokens = num_trained_tokens = 0
    for batch in batches:
        mask_BT = batch.get("attention_mask")
        num_tokens += int(batch["input_ids"].numel() if mask_BT is None else mask_BT.sum())
        num_trained_tokens += int((batch["labels"][:, 1:] != -100).sum())
    return {"num_tokens": num_tokens, "num_trained_tokens": num_trained_tokens}


def synchronize() -> None:
    """Wait until the GPU, if there is one in use, is idle."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_rss_bytes() -> int:
    """Return VmHWM of this process (Linux), else 0."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def peak_device_bytes() -> int | None:
    """Return the most memory that torch has allocated on the GPU; None without one."""
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def versions() -> dict[str, str]:
    """Return the versions of what the peer stands on."""
    from importlib import metadata

    found = {}
    for package in ("torch", "transformers", "peft", "trl", "llamafactory", "ms-swift"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    import torch

    return found | {"torch": torch.__version__}
