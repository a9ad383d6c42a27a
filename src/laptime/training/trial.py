"""Tries in which number format a small model trains faster on this machine: before its first run, once.

On a CPU that multiplies bf16 natively a large model is faster in it. In a small one what lies between the
products weighs more than they do, and casts cost more than narrow products save. So its own steps are made
in both. What was found is kept in the user's cache, by all that it depends on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import msgspec
import torch
from msgspec.structs import replace

from laptime.data.batches import make_steps
from laptime.data.encoded import EncodedData
from laptime.data.input_manifest import FormatTrial, InputJob, InputManifest
from laptime.errors import UserError
from laptime.hardware.device_memory import give_back_memory
from laptime.hardware.machine import describe_machine, describe_processor
from laptime.hardware.precision import native_formats
from laptime.methods.method import make_method
from laptime.models.loading import load_model
from laptime.spec import RunSpec
from laptime.speedups.speedup import apply_all
from laptime.training.setup import make_setup
from laptime.util.sealed_file import read_sealed, write_sealed
from laptime.util.user_cache import user_cache

METHOD = "lora"  # the one most often trained; full fine-tuning has the same products
FORMATS = ("float32", "bfloat16")
MOST_NUMBERS = 16_000_000  # of a model's layers: beyond it the products decide
MOST_SECONDS = 0.6  # for the steps of a format
WARM, FEWEST, STEPS = 2, 4, 12  # those that prepare for a length are left out


def try_formats(job: InputJob, manifest: InputManifest, encoded: EncodedData) -> FormatTrial | None:
    """Return in which format the model trains faster here; None where there is no choice to make."""
    if not is_open(job, manifest):
        return None
    file = user_cache() / "formats" / f"{name_trial(job, manifest, encoded)}.json"
    with suppress(UserError, OSError):
        return replace(read_sealed(file, FormatTrial, "a trial", "remove it"), seconds=0.0)
    begun = time.perf_counter()
    try:
        with threads_of_run(job):
            step_seconds = {name: time_steps(job, manifest, encoded, name) for name in FORMATS}
    except Exception:  # a model that can't be tried is trained as ever; the run itself says what is wrong
        return None
    finally:
        give_back_memory()  # this process may go on as a run, whose peak is told
    trial = FormatTrial(step_seconds=step_seconds, seconds=time.perf_counter() - begun)
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
    known = ("cpu", "cores", "versions")
    lengths = [int(encoded.examples.lengths.max()), int(median(encoded.examples.lengths.tolist()))]
    depends = [manifest.shape, options, [machine.get(name) for name in known], lengths]
    return hashlib.sha256(msgspec.json.encode(depends)).hexdigest()[:32]


def time_steps(job: InputJob, manifest: InputManifest, encoded: EncodedData, compute: str) -> float:
    """Return the median seconds of forward and backward passes in a format, as a run would make them."""
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
    # One step again and again: a library prepares for each length that it meets, once in a training.
    step = make_steps(encoded.examples, training, training.seed, packed=setup.packs_examples)[0]
    seconds: list[float] = []
    model.train()
    while len(seconds) < FEWEST or (len(seconds) < STEPS and sum(seconds) < MOST_SECONDS):
        begun = time.perf_counter()
        for batch in step.batches:
            setup.forward.sum_loss(batch).backward()
        seconds.append(time.perf_counter() - begun)
    setup.forward.end_training()
    return median(seconds[WARM:])
