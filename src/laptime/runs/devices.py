"""By how many processes a run trains, and on which devices: decided before any of them is started."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from laptime.data.input_manifest import InputManifest
from laptime.errors import UserError
from laptime.hardware.device_choice import Devices, name_devices, read_devices
from laptime.hardware.devices import lacks_cuda
from laptime.memory_estimate import FLOAT32_BYTES, HALF_BYTES, SPARE, MemoryEstimate
from laptime.methods.method import find_method, make_method
from laptime.runs.given_ranks import given_rank
from laptime.runs.job import RunJob
from laptime.spec import OURS, RunSpec, TrainingSpec


def choose_devices(spec: RunSpec, manifest: InputManifest) -> tuple[list[str], str]:
    """Return the devices of a run, [] for a single one, and a sentence on what they do, "" for one.

    Adapters are trained by sharing out the examples of a step: there is nothing to do for more processes than
    it has. A whole model is spread over them, however few examples there are. Where no number was asked for,
    a model that does not fit one GPU is spread over as few as it fits. Raises UserError for GPUs that are not
    there.
    """
    asked = ask_devices(spec.training)
    method = find_method(spec.method)
    number, why = 1, ""
    spreads = method.spreads_weights and spec.training.optimizer == "adamw"
    if asked.number is None and asked.kind != "cpu" and spreads:
        number, why = count_needed(spec, manifest)
    names = list_devices(structs.replace(asked, number=asked.number or number))
    if method.spreads_weights:
        used = names
        said = f"{spec.method}: {why}weights, gradients and moments are spread over {len(names)} devices"
    else:
        examples_of_step = spec.training.batch_size * spec.training.gradient_accumulation
        batch = min(examples_of_step, manifest.data["num_records"])
        used = names[: max(1, batch)]
        said = f"{spec.method}: the examples of a step are shared by {len(used)} devices"
        if len(used) < len(names):
            examples = f"{batch} example{'s'[: batch != 1]}"
            said = (
                f"{spec.method} trains on {len(used)} of {len(names)} devices: a step of {examples} can't be "
                f"shared by more (--batch-size or --gradient-accumulation gives it more)"
            )
    if len(used) > 1 or asked.indices:
        return used, said if len(names) > 1 else ""
    return [], said if len(names) > 1 else ""


def ask_devices(training: TrainingSpec) -> Devices:
    """Return what --devices asks for, of processes that a launcher has started: all of them, unless it says.

    Raises UserError for more than there are, or for GPUs by number, which differ from machine to machine.
    """
    asked, given = read_devices(training.devices, training.device), given_rank()
    if given is None:
        return asked
    named = f"--devices {training.devices}"
    if asked.indices:
        raise UserError(
            f"{named}: the {given.size} processes that were started have GPUs of their own; give their "
            f"number, or leave it out"
        )
    if (asked.number or 1) > given.size:
        raise UserError(
            f"{named}: {given.size} processes were started (WORLD_SIZE); start as many, or ask for fewer"
        )
    return structs.replace(asked, number=asked.number or given.size)


def list_devices(asked: Devices) -> list[str]:
    """Return the devices as torch names them; processes that a launcher has started choose their own.

    Raises UserError where this machine has not so many GPUs.
    """
    if given_rank() is None:
        return name_devices(asked)
    return ["cpu" if asked.kind == "cpu" or lacks_cuda() else "cuda"] * (asked.number or 1)


def count_needed(spec: RunSpec, manifest: InputManifest) -> tuple[int, str]:
    """Return over how many of the GPUs here a model must be spread, and why, as a clause; all where none do.

    The estimate is that of activations kept, in whole batches; what does not fit all GPUs either recomputes
    them there, then cuts its steps.
    """
    gpus, training = manifest.gpus, spec.training
    if len(gpus) < 2 or "longest" not in manifest.data:
        return 1, ""
    room = min(gpu.num_bytes for gpu in gpus)
    half = {"bfloat16", "float16"} & {*gpus[0].formats} and training.precision != "fp32"
    estimates = [
        MemoryEstimate(
            shape=manifest.shape,
            method=make_method(spec.method, spec.method_options),
            element_bytes=HALF_BYTES if half else FLOAT32_BYTES,
            batch_size=min(training.batch_size, manifest.data["num_records"]),
            accumulation=training.gradient_accumulation,
            longest=manifest.data["longest"],
            recomputes=bool(training.gradient_checkpointing),
            plain=training.plain,
            on_cuda=True,
            num_ranks=number,
        )
        for number in range(1, len(gpus) + 1)
    ]
    needed = [estimate.needed_bytes(room) for estimate in estimates]
    number = next((place for place, one in enumerate(needed, 1) if one <= SPARE * room), len(gpus))
    why = f"about {needed[0] / 1e9:.1f} GB don't fit one GPU of {room / 1e9:.1f} GB, so "
    return number, why if number > 1 else ""


def place_job(job: RunJob, manifest: InputManifest) -> list[str]:
    """Give a job its devices; returns what is to be said of them. What trains nothing has one."""
    if job.role == "base" or job.spec.trainer != OURS:
        return []
    job.devices, said = choose_devices(job.spec, manifest)
    asked = ask_devices(job.spec.training).number or 1
    job.device_note = said if asked > max(1, len(job.devices)) else ""
    return [said] if said else []


def tell_devices(specs: Sequence[RunSpec], manifest: InputManifest) -> list[str]:
    """Return what is to be said of the devices of all runs, each sentence once."""
    said = [choose_devices(spec, manifest)[1] for spec in specs if spec.trainer == OURS]
    return [*dict.fromkeys(filter(None, said))]
