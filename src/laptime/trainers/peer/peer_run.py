"""One run inside another trainer: what it was told, a clock for its phases and steps, proof of its work.

Runs in the trainer's own Python, with the standard library until the trainer imports what it needs. All
that it tells goes line by line to the job's `events`, from which Laptime makes the record of the run.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch", "transformers", "peft", "accelerate", "datasets", "trl", "llamafactory", "ms-swift", "axolotl",
    "litgpt", "lightning", "unsloth",
)  # fmt: skip


class PeerRun:
    """A run and its job; a trainer's file calls `mark` where a phase ends, and trains with `callback()`.

    Phases are import, load, prepare, train, save, and add up to the time since the process was started.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.last = job["spawned"]
        self.batches: list[dict[str, Any]] = []  # of the present step
        self.step_seconds = 0.0
        self._events = Path(job["events"]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - kept open

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["job"][name]
        except KeyError:
            raise AttributeError(name) from None

    def end_with_parent(self) -> None:
        """Let Linux end this process when the one that watches it dies."""
        if sys.platform == "linux":
            set_parent_death_signal = 1
            ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != self.job["parent"]:
            os._exit(128 + signal.SIGTERM)

    def tell(self, event: str, **values: Any) -> None:
        """Write one line."""
        self._events.write(json.dumps({"event": event} | values) + "\n")

    def mark(self, phase: str) -> None:
        """Say that `phase` ends here; the clock is the system's, which began with the process."""
        synchronize()
        now = time.time()
        self.tell("phase", name=phase, seconds=now - self.last, peak_bytes=read_peaks())
        self.last = now

    def saved(self) -> None:
        """Say that the result lies on the disk."""
        self.mark("save")
        self.tell("saved", time=self.last)

    def close(self) -> None:
        """Let go of the file of events."""
        self._events.close()

    @property
    def is_adapter(self) -> bool:
        """Whether adapters train and not the whole model."""
        return self.job["method"] != "full"

    def weight_dtype(self) -> Any:
        """Return torch's name of the precision to load weights in, so that it is as in our own runs.

        Frozen weights are in the precision of compute; what trains is kept in float32, as a whole model is.
        """
        import torch

        told = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.job["precision"]]
        return told if self.is_adapter else torch.float32

    def training_arguments(self) -> dict[str, Any]:
        """Return transformers' TrainingArguments for the same work.

        The callback sets the rate of each step, and lets every epoch pass over its own part of `records`.
        """
        job = self.job
        return {
            "per_device_train_batch_size": job["batch_size"],
            "gradient_accumulation_steps": job["gradient_accumulation"],
            "num_train_epochs": job["epochs"],
            "max_steps": job["num_steps"],
            "learning_rate": max(job["rates"]),
            "lr_scheduler_type": "constant",
            "weight_decay": job["weight_decay"],
            "adam_beta1": job["adam_beta1"],
            "adam_beta2": job["adam_beta2"],
            "adam_epsilon": job["adam_epsilon"],
            "max_grad_norm": job["max_grad_norm"],
            "bf16": job["precision"] == "bf16",
            "fp16": job["precision"] == "fp16",
            "gradient_checkpointing": job["gradient_checkpointing"],
            "seed": job["seed"],
        }

    def instruments(self) -> dict[str, Any]:
        """Return the TrainingArguments of every run: its device, a log line a step, nothing else told."""
        return {
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": [],
            "use_cpu": self.job["device"] == "cpu",
        }

    def length(self) -> dict[str, Any]:
        """Return the TrainingArguments that a trainer is told as it comes: how long to train."""
        return {"num_train_epochs": self.job["epochs"], "max_steps": self.job["max_steps"] or -1}

    def adapter_numbers(self) -> dict[str, Any]:
        """Return the shape of the adapters by the names that LLaMA-Factory and ms-swift share."""
        lora = self.job["lora"]
        return {
            "lora_rank": lora["rank"],
            "lora_alpha": lora["alpha"],
            "lora_dropout": lora["dropout"],
        }

    def lora_settings(self) -> dict[str, Any]:
        """Return PEFT's LoraConfig for the same adapters."""
        lora = self.job["lora"]
        return {
            "r": lora["rank"],
            "lora_alpha": lora["alpha"],
            "lora_dropout": lora["dropout"],
            "target_modules": "all-linear" if lora["all_linear"] else lora["targets"],
            "task_type": "CAUSAL_LM",
        }

    def dataset(self) -> Any:
        """Return the examples, token ids and labels, as a Dataset of the package datasets."""
        import pyarrow.json
        from datasets import Dataset

        return Dataset(pyarrow.json.read_json(self.job["records"]))

    def order(self, number: int) -> Epochs:
        """Return the sampler by which each epoch passes over its own part of `number` examples, in order."""
        return Epochs(self.job["records_per_epoch"], number)

    def callback(self) -> Any:
        """Return the TrainerCallback that times steps, sets their rates and proves their work."""
        from transformers import Trainer, TrainerCallback

        run = self
        watch_batches(run, Trainer)
        if not run.job["as_it_comes"]:
            Trainer._get_train_sampler = lambda trainer, *_: run.order(len(trainer.train_dataset))

        class StepClock(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, *_: Any, model: Any = None, **__: Any) -> None:
                run.describe(model, args, state.max_steps)
                run.mark("prepare")

            def on_step_begin(self, args: Any, state: Any, *_: Any, optimizer: Any = None, **__: Any) -> None:
                if not run.job["as_it_comes"]:
                    for group in optimizer.param_groups:
                        group["lr"] = run.job["rates"][state.global_step]
                run.begin_step()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                run.end_step()

            def on_log(self, args: Any, state: Any, *_: Any, logs: Any = None, **__: Any) -> None:
                if logs and "loss" in logs:
                    rates = run.job["rates"]
                    rate = (
                        logs.get("learning_rate") if run.job["as_it_comes"] else rates[state.global_step - 1]
                    )
                    run.tell_step(state.global_step, logs["loss"], rate, logs.get("grad_norm"))

            def on_train_end(self, *_: Any, **__: Any) -> None:
                run.mark("train")

        return StepClock()

    def describe(self, model: Any, args: Any = None, num_steps: int | None = None) -> None:
        """Tell what trains, in which precision, with which versions; `args` are TrainingArguments."""
        import torch

        parameters = list(model.parameters())
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        largest = max(parameters, key=lambda parameter: parameter.numel())
        told = {"bf16": torch.bfloat16, "fp16": torch.float16}
        compute = next((kind for name, kind in told.items() if getattr(args, name, False)), largest.dtype)
        config = getattr(model, "config", None)
        self.tell(
            "model",
            num_steps=num_steps,
            trainable_parameters=sum(parameter.numel() for parameter in trained),
            compute_dtype=str(compute).removeprefix("torch."),
            trained_dtype=str(trained[0].dtype).removeprefix("torch."),
            attention=str(getattr(config, "_attn_implementation", "")),
            device=str(largest.device),
            learning_rate=float(getattr(args, "learning_rate", None) or max(self.job["rates"])),
            threads=torch.get_num_threads(),
            python=platform.python_version(),
            versions=find_versions(),
        )

    def begin_step(self) -> None:
        """Start the clock of a step."""
        synchronize()
        self.batches.clear()
        self.step_seconds = -time.perf_counter()

    def end_step(self) -> None:
        """Stop the clock of a step."""
        synchronize()
        self.step_seconds += time.perf_counter()

    def tell_step(self, step: int, loss: float, rate: float | None, grad_norm: float | None) -> None:
        """Tell of the step that ended last, with a digest of the tokens that it trained."""
        self.tell(
            "step", step=step, loss=loss, learning_rate=rate, grad_norm=grad_norm, seconds=self.step_seconds,
            **prove(self.batches),
        )  # fmt: skip


class Epochs:
    """A sampler: the places of the examples of one epoch after another.

    The last batch of an epoch may be short; a trainer that took all epochs for one would fill it up from the
    next. `number` examples are there: the last epoch ends early where the steps do.
    """

    def __init__(self, per_epoch: int, number: int) -> None:
        self.per_epoch, self.number = per_epoch, number
        self.begun = 0

    def __iter__(self) -> Iterator[int]:
        first = self.begun * self.per_epoch
        self.begun += 1
        yield from range(first, min(first + self.per_epoch, self.number))

    def __len__(self) -> int:
        return self.per_epoch


def watch_batches(run: PeerRun, trainer: Any) -> None:
    """Keep what every call of `trainer.training_step`, transformers' own, is given to train on."""
    step = trainer.training_step

    def training_step(self: Any, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        names = ("input_ids", "labels", "attention_mask", "position_ids")
        run.batches.append({name: inputs[name] for name in names if inputs.get(name) is not None})
        return step(self, model, inputs, *rest, **named)

    trainer.training_step = training_step


def prove(batches: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the tokens of a step and its digest, over token ids and trained positions as Laptime's."""
    digest, counts = hashlib.sha256(), {"tokens": 0, "trained_tokens": 0, "padded_tokens": 0}
    for batch in batches:
        counts["padded_tokens"] += int(batch["input_ids"].numel())
        for ids, trained in split_examples(batch):
            trained[:1] = False  # nothing stands before the first token that could predict it
            counts["tokens"] += len(ids)
            counts["trained_tokens"] += int(trained.sum())
            digest.update(len(ids).to_bytes(4, "little") + ids.tobytes() + trained.tobytes())
    return counts | {"digest": digest.hexdigest()[:16] if batches else ""}


def split_examples(batch: dict[str, Any]) -> Any:
    """Yield (ids, trained) of each example in a batch, without padding; a row may hold many."""
    import numpy

    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in batch.items()}
    for row in range(len(arrays["input_ids"])):
        ids = arrays["input_ids"][row].astype(numpy.uint32)
        trained = arrays["labels"][row] != -100
        starts = numpy.zeros(1, int)
        if "attention_mask" in arrays and arrays["attention_mask"].ndim == 2:
            kept = arrays["attention_mask"][row] != 0
            ids, trained = ids[kept], trained[kept]
        elif "position_ids" in arrays and arrays["position_ids"].ndim == 2:
            starts = numpy.flatnonzero(arrays["position_ids"][row] == 0)
        for begin, end in zip(starts, [*starts[1:], len(ids)], strict=True):
            yield ids[begin:end], trained[begin:end].copy()


def synchronize() -> None:
    """Wait until the GPU, if there is one in use, is idle."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def read_peaks() -> dict[str, int]:
    """Return the peak of this process's memory (Linux), and of what torch has allocated on the GPU."""
    peaks = {}
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            peaks["vm_hwm"] = int(line.split()[1]) * 1024
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        peaks["cuda_allocated"] = torch.cuda.max_memory_allocated()
    return peaks


def find_versions() -> dict[str, str]:
    """Return the versions of what the trainer stands on."""
    from importlib import metadata

    import torch

    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found | {"torch": str(torch.__version__)}
