"""What every run begins with: its inputs, its device and precision, and the base."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from laptime.data.chat_templates import put_template
from laptime.data.encoded import EncodedData, read_inputs
from laptime.data.input_manifest import InputManifest, refuse_other_base
from laptime.hardware.machine import choose_device, describe_machine, describe_processor
from laptime.hardware.precision import Precision, choose_precision
from laptime.methods.held_base import load_held
from laptime.methods.method import Method
from laptime.models.loading import load_tokenizer
from laptime.models.source import ModelSource
from laptime.runs.events import Machine
from laptime.runs.job import RunJob
from laptime.runs.record import RecordWriter
from laptime.spec import RunSpec
from laptime.speedups.compiled_rounding import find_rounding
from laptime.training.meter import Meter
from laptime.training.random_state import seed_random
from laptime.training.run_state import Checkpoints
from laptime.training.team import Team

if TYPE_CHECKING:
    from transformers import PreTrainedModel


APART = 7919  # between the seeds of processes that train together: dropout must not be the same in all


@dataclass(frozen=True)
class Opened:
    """What a run was given and what it found."""

    job: RunJob
    manifest: InputManifest
    encoded: EncodedData
    device: torch.device
    precision: Precision
    team: Team

    @property
    def spec(self) -> RunSpec:
        """All options of the run."""
        return self.job.spec

    @property
    def folder(self) -> Path:
        """Where its record goes, and the result of the process that leads."""
        return self.team.folder(Path(self.job.folder))

    @property
    def seed(self) -> int:
        """The seed of its round."""
        return self.spec.training.seed + max(self.spec.round, 1) - 1

    @property
    def dtype(self) -> torch.dtype:
        """The format of the arithmetic."""
        dtype: torch.dtype = getattr(torch, self.precision.compute)
        return dtype

    @cached_property
    def tokenizer(self) -> Any:
        """The base's tokenizer, loaded when it is first needed."""
        source = ModelSource(
            name=self.manifest.model_name, folder=self.manifest.model_folder, config={}, toy=self.manifest.toy
        )
        tokenizer = load_tokenizer(self.spec.model, source)
        return put_template(tokenizer, self.encoded.chat_template, self.encoded.turn_end)

    def load_base(self, device: torch.device | None = None, method: Method | None = None) -> PreTrainedModel:
        """Load the base onto the run's device, or another; as it is held by a method that quantises."""
        folder, spec = Path(self.manifest.model_folder), self.spec.model
        quantises = method is not None and method.quantises
        rounding = find_rounding(self.spec, self.device, self.precision.compute) if quantises else None
        return load_held(method, spec, folder, device or self.device, self.dtype, rounding)

    def load_frozen(self, to_be_spread: bool = False, method: Method | None = None) -> PreTrainedModel:
        """Load the base with nothing that trains; random numbers are those of the run's seed from here on.

        What is `to_be_spread` stays on the CPU until each device gets its part.
        """
        model = self.load_base(torch.device("cpu") if to_be_spread else self.device, method)
        seed_random(self.seed)
        return model.requires_grad_(False)

    def part_ways(self) -> None:
        """Let the processes of a team, all alike until now, go on with random numbers of their own."""
        if self.team.rank:
            seed_random(self.seed + APART * self.team.rank)


def open_run(
    job: RunJob,
    record: RecordWriter,
    meter: Meter,
    import_seconds: float,
    checkpoints: Checkpoints | None = None,
    team: Team | None = None,
) -> Opened:
    """Read the inputs, find the checkpoint to go on from, if any, and choose threads, device and precision.

    Raises UserError for inputs that are damaged, or of another base or other work.
    """
    manifest, encoded = read_inputs(Path(job.inputs))
    refuse_other_base(manifest, Path(job.folder))
    if checkpoints:
        checkpoints.find(manifest, encoded)
    team = team or Team()
    use_threads(job, checkpoints.threads if checkpoints else None, team.num_here)
    device = choose_device(job.spec.training.device, team.find_device(job))
    wanted = job.spec.training.precision
    precision = choose_precision(describe_processor(device), wanted, manifest.tried_formats)
    meter.device = device
    if checkpoints:
        checkpoints.describe(precision.compute, device)
    meter.add_phase("import", import_seconds)
    record.write(Machine(facts=describe_machine(device) | free_cores(job)))
    return Opened(job, manifest, encoded, device, precision, team)


def use_threads(job: RunJob, before: int | None, number: int = 1) -> None:
    """Let torch work with the threads asked for, those of an earlier attempt, or those chosen for all.

    The `number` processes on this machine share those of the run; an earlier attempt by as many had so many
    each.
    """
    if threads := before or choose_threads(job):
        torch.set_num_threads(threads if before else max(1, threads // number))


def choose_threads(job: RunJob) -> int | None:
    """Return the threads of a run, None for torch's own number."""
    return job.spec.training.threads or (job.threads.number if job.threads else None)


def free_cores(job: RunJob) -> dict[str, Any]:
    """Return how many cores were free when the threads were chosen, where that was seen."""
    chosen = job.threads
    if chosen is None or chosen.free is None:
        return {}
    return {"free_cores": chosen.free, "physical_cores": chosen.cores}
