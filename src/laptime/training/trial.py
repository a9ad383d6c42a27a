"""Tries in which number format a small model trains faster on this machine: before its first run, once.

On a CPU that multiplies bf16 natively a large model is faster in it. In a small one what lies between the
products weighs more than they do, and casts cost more than narrow products save. So its own steps are made
in both. What was found is kept in the user's cache, by all that it depends on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import fmean, median
from typing import TypeVar

import msgspec
import numpy as np
import torch
from msgspec.structs import replace

from laptime.data.batches import TrainStep, make_steps, plan_steps
from laptime.data.encoded import EncodedData
from laptime.data.input_manifest import FormatTrial, InputJob, InputManifest, ProductTrial
from laptime.errors import UserError
from laptime.hardware.device_memory import give_back_memory
from laptime.hardware.machine import describe_machine, describe_processor
from laptime.hardware.precision import native_formats
from laptime.kernels.build import name_library
from laptime.methods.method import make_method
from laptime.models.loading import load_model
from laptime.spec import RunSpec, TrainingSpec
from laptime.speedups.forward import Forward
from laptime.speedups.speedup import apply_all
from laptime.training.setup import make_setup
from laptime.util.sealed_file import read_sealed, write_sealed
from laptime.util.user_cache import user_cache

Trial = TypeVar("Trial", FormatTrial, ProductTrial)
METHOD = "lora"  # the one most often trained; full fine-tuning has the same products
FORMATS = ("float32", "bfloat16")
MOST_NUMBERS = 16_000_000  # of a model's layers: beyond it the products decide
LOOKED_AT, TRIED = 12, 4  # steps
KEPT_LENGTHS = 40  # whose kernels oneDNN has room for, about: 1,024 in all


def try_formats(job: InputJob, manifest: InputManifest, encoded: EncodedData) -> FormatTrial | None:
    """Return in which format the model trains faster here; None where there is no choice to make."""
    if not is_open(job, manifest):
        return None
    file = user_cache() / "formats" / f"{name_trial(job, manifest, encoded)}.json"

    def make() -> FormatTrial:
        try:
            with threads_of_run(job):
                step_seconds = {name: time_steps(job, manifest, encoded, name) for name in FORMATS}
        finally:
            give_back_memory()
        return FormatTrial(step_seconds=step_seconds, seconds=0.0)

    try:
        return try_once(file, FormatTrial, make)
    except Exception:  # a model that can't be tried is trained as ever; the run itself says what is wrong
        return None


def try_once(file: Path, kind: type[Trial], make: Callable[[], Trial]) -> Trial:
    """Return the trial that an earlier preparation left in `file`, else make, time and keep one."""
    with suppress(UserError, OSError):
        return replace(read_sealed(file, kind, "a trial", "remove it"), seconds=0.0)
    begun = time.perf_counter()
    found = make()
    trial = replace(found, seconds=time.perf_counter() - begun)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(file, trial)
    return trial


@contextmanager
def threads_of_run(job: InputJob) -> Iterator[None]:
    """Compute with the threads that the runs will have."""
    before = torch.get_num_threads()
    torch.set_num_threads(job.threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def is_open(job: InputJob, manifest: InputManifest) -> bool:
    """Tell whether some run leaves the format open, and it is not clear from the start."""
    processor = describe_processor(torch.device("cpu"))
    asked = {*job.precisions.values()} or {job.training.precision}
    on_cpu = job.training.device == "cpu" or not torch.cuda.is_available()
    return (
        "auto" in asked
        and on_cpu
        and "bfloat16" in native_formats(processor)
        and sum(rows * columns for rows, columns in manifest.shape.linears.values()) <= MOST_NUMBERS
    )


def name_trial(job: InputJob, manifest: InputManifest, encoded: EncodedData) -> str:
    """Return the name of a trial: by machine, versions, model, lengths and the options of a step."""
    training, machine = job.training, describe_machine(torch.device("cpu"))
    options = [training.plain, training.without, training.speedups, training.batch_size, job.threads]
    options.append(name_library())
    known = ("cpu", "cores", "versions")
    lengths = [int(encoded.examples.lengths.max()), int(median(encoded.examples.lengths.tolist()))]
    shares = round(share_of_new(encoded, training), 1)
    depends = [manifest.shape, options, [machine.get(name) for name in known], lengths, shares]
    return hashlib.sha256(msgspec.json.encode(depends)).hexdigest()[:32]


def time_steps(job: InputJob, manifest: InputManifest, encoded: EncodedData, compute: str) -> float:
    """Return the seconds that forward and backward of a step take in a format, on average over a training."""
    device, training = torch.device("cpu"), job.training
    spec = RunSpec(method=METHOD, model=job.model, training=training)
    method = make_method(METHOD, {})
    base = load_model(job.model, Path(manifest.model_folder), getattr(torch, compute))
    model = method.attach(base.requires_grad_(False))
    setup = make_setup(
        spec, model, method, manifest, encoded, device,
        compute=compute, recomputes=False, folder=Path(job.folder) / "trial",
    )  # fmt: skip
    apply_all(setup)
    steps = choose_steps(make_steps(encoded.examples, training, training.seed, packed=setup.packs_examples))
    model.train()
    make_pass(setup.forward, steps[0])  # the first one of all touches memory that nobody has used yet
    new = fmean(make_pass(setup.forward, step) for step in steps[1:] or steps)
    seen = median(make_pass(setup.forward, step) for step in steps)
    setup.forward.end_training()
    share = share_of_new(encoded, training)
    return share * max(new, seen) + (1 - share) * seen


def choose_steps(steps: Sequence[TrainStep]) -> list[TrainStep]:
    """Return some steps of different numbers of tokens, as many as there are among the first ones."""
    by_tokens: dict[int, TrainStep] = {}
    for place in range(min(LOOKED_AT, len(steps))):
        step = steps[place]
        by_tokens.setdefault(sum(batch.token_ids_BT.numel() for batch in step.batches), step)
    return [*by_tokens.values()][:TRIED]


def make_pass(forward: Forward, step: TrainStep) -> float:
    """Return the seconds of forward and backward of a step."""
    begun = time.perf_counter()
    factor = torch.ones(()) / step.num_trained_tokens
    for batch in step.batches:
        (forward.sum_loss(batch, factor) * factor).backward()
    return time.perf_counter() - begun


def share_of_new(encoded: EncodedData, training: TrainingSpec) -> float:
    """Return about how many of all steps have a number of tokens for which kernels must be made.

    oneDNN makes its bf16 kernels for each number, and keeps those of few.
    """
    lengths = encoded.examples.lengths
    num_lengths = len(np.unique(lengths)) if training.batch_size == 1 else len(lengths)
    num_steps = len(plan_steps(len(lengths), training, training.seed))
    return 1.0 if num_lengths > KEPT_LENGTHS else min(1.0, num_lengths / num_steps)
