"""By how many processes a run trains, and on which devices: decided before any of them is started."""

from __future__ import annotations

from collections.abc import Sequence

from laptime.data.input_manifest import InputManifest
from laptime.hardware.device_choice import name_devices, read_devices
from laptime.methods.method import find_method
from laptime.runs.job import RunJob
from laptime.spec import OURS, RunSpec


def choose_devices(spec: RunSpec, num_examples: int) -> tuple[list[str], str]:
    """Return the devices of a run, [] for a single one, and a sentence on what they do, "" for one.

    Adapters are trained by sharing out the examples of a step: there is nothing to do for more processes than
    it has. A whole model is spread over them, however few examples there are. Raises UserError for GPUs that
    are not there.
    """
    asked = read_devices(spec.training.devices, spec.training.device)
    names = name_devices(asked)
    if find_method(spec.method).spreads_weights:
        used = names
        said = f"{spec.method}: weights, gradients and moments are spread over {len(names)} devices"
    else:
        batch = min(spec.training.batch_size * spec.training.gradient_accumulation, num_examples)
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


def place_job(job: RunJob, manifest: InputManifest) -> list[str]:
    """Give a job its devices; returns what is to be said of them. What trains nothing has one."""
    if job.role == "base" or job.spec.trainer != OURS:
        return []
    job.devices, said = choose_devices(job.spec, manifest.data["num_records"])
    return [said] if said else []


def tell_devices(specs: Sequence[RunSpec], manifest: InputManifest) -> list[str]:
    """Return what is to be said of the devices of all runs, each sentence once."""
    said = [choose_devices(spec, manifest.data["num_records"])[1] for spec in specs if spec.trainer == OURS]
    return [*dict.fromkeys(filter(None, said))]
