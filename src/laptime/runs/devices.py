"""By how many processes a run trains, and on which devices: decided before any of them is started."""

from __future__ import annotations

from collections.abc import Sequence

from laptime.data.input_manifest import InputManifest
from laptime.hardware.devices import name_devices, read_devices
from laptime.runs.job import RunJob
from laptime.spec import OURS, RunSpec


def choose_devices(spec: RunSpec, num_examples: int) -> tuple[list[str], str]:
    """Return the devices of a run, [] for a single one, and a sentence where they are fewer than asked for.

    Adapters are trained by sharing out the examples of a step: there is nothing to do for more processes than
    it has. Raises UserError for GPUs that are not there.
    """
    asked = read_devices(spec.training.devices, spec.training.device)
    names = name_devices(asked)
    batch = min(spec.training.batch_size * spec.training.gradient_accumulation, num_examples)
    used = names[: max(1, batch)]
    said = ""
    if len(used) < len(names):
        s = "s"[: batch != 1]
        said = (
            f"{spec.method} trains on {len(used)} of {len(names)} devices: a step of {batch} example{s} "
            f"can't be shared by more (--batch-size or --gradient-accumulation gives it more)"
        )
    chosen = bool(asked.indices) or len(used) > 1
    return (used if chosen else []), said


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
