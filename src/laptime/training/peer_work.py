"""What another trainer is told: the work of our own run of the same round, or to do as it comes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from laptime.data.batches import StepPlans, find_first, plan_steps
from laptime.data.encoded import EncodedExample, read_inputs
from laptime.data.input_manifest import InputManifest, refuse_other_base
from laptime.hardware.machine import choose_device, describe_processor
from laptime.hardware.precision import choose_precision
from laptime.methods.lora import ALL_LINEAR, Lora
from laptime.methods.method import Method, make_method
from laptime.models.shape import last_word
from laptime.runs.job import SAVED_FOLDER, RunJob
from laptime.runs.process import MEMORY_SETTINGS, OFFLINE
from laptime.trainers.environments import (
    Environment,
    clean_environment,
    find_environment,
    tell_absence,
)
from laptime.trainers.peer_job import LoraJob, PeerJob
from laptime.trainers.trainer import Trainer, find_trainer
from laptime.training.opening import Opened, choose_threads
from laptime.training.optimizer import scheduled_rate
from laptime.training.run import choose_rate
from laptime.training.team import Team

SCRATCH_FOLDER = "scratch"  # for what the trainer writes beside its result
# Beside what keeps our own runs off the network.
ALONE = {
    "HF_DATASETS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_MODE": "disabled",
    "TQDM_DISABLE": "1",  # a bar would stand where the log says why it failed
}


class UnavailableError(Exception):
    """A trainer cannot run here, for it is not installed or lacks a device."""


@dataclass(frozen=True)
class Around(Opened):
    """What a run of another trainer is made of, found out before it starts."""

    trainer: Trainer
    environment: Environment
    method: Method

    @property
    def scratch(self) -> Path:
        """Where the trainer writes; a trainer may change its folder, so all paths are whole."""
        return self.folder.absolute() / SCRATCH_FOLDER

    @property
    def aside(self) -> Path:
        """Where the trainer leaves its result."""
        return self.scratch / SAVED_FOLDER

    @property
    def plans(self) -> StepPlans:
        """The steps of our own run of the same round."""
        examples = self.encoded.examples
        return plan_steps(
            len(examples), self.spec.training, self.seed, first=find_first(examples, self.spec.training)
        )


def look_around(job: RunJob) -> Around:
    """Find the trainer, its environment, the inputs and the device; raises UnavailableError and UserError."""
    trainer = find_trainer(job.spec.trainer)
    environment = find_environment(trainer.name)
    if environment is None:
        raise UnavailableError(tell_absence(trainer))
    manifest, encoded = read_inputs(Path(job.inputs))
    refuse_other_base(manifest, Path(job.folder))
    device = choose_device(job.spec.training.device)
    if trainer.needs_cuda and device.type != "cuda":
        raise UnavailableError(f"{trainer.title} trains on CUDA GPUs alone, and there is none to use")
    wanted = job.spec.training.precision
    precision = choose_precision(describe_processor(device), wanted, manifest.tried_formats)
    method = make_method(job.spec.method, job.spec.method_options)
    return Around(job, manifest, encoded, device, precision, Team(), trainer, environment, method)


def make_peer_job(around: Around) -> PeerJob:
    """Return what the trainer is told: the same work as our own run of this round, or to do as it comes."""
    spec, manifest, scratch = around.spec, around.manifest, around.scratch
    training, method, num_steps = spec.training, around.method, len(around.plans)
    peak = choose_rate(around, method)
    return PeerJob(
        trainer_file=str(around.trainer.file),
        model=str(Path(manifest.model_folder).absolute()),
        trust_remote_code=spec.model.trust_remote_code,
        records=str(scratch / "records.jsonl"),
        events=str(scratch / "events.jsonl"),
        out=str(around.aside),
        scratch=str(scratch),
        method=spec.method,
        lora=make_lora_job(method, manifest),
        precision={"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}[around.precision.compute],
        device=around.device.type,
        threads=choose_threads(around.job),
        batch_size=training.batch_size,
        gradient_accumulation=training.gradient_accumulation,
        num_steps=num_steps,
        epochs=training.epochs,
        max_steps=training.max_steps,
        records_per_epoch=len(around.encoded.examples),
        rates=[scheduled_rate(peak, step, num_steps, training) for step in range(1, num_steps + 1)],
        weight_decay=training.weight_decay,
        adam_beta1=training.adam_beta1,
        adam_beta2=training.adam_beta2,
        adam_epsilon=training.adam_epsilon,
        max_grad_norm=training.max_grad_norm,
        gradient_checkpointing=bool(training.gradient_checkpointing),
        seed=around.seed,
        longest=int(around.encoded.examples.lengths.max()),
        as_it_comes=spec.as_it_comes,
        parent=os.getpid(),
    )


def make_lora_job(method: Method, manifest: InputManifest) -> LoraJob | None:
    """Return the shape of the adapters; None where the whole model trains."""
    if not isinstance(method, Lora):
        return None
    options = method.options
    return LoraJob(
        rank=options.lora_rank,
        alpha=options.lora_alpha or 2 * options.lora_rank,
        dropout=options.lora_dropout,
        targets=sorted({last_word(name) for name in method.targets(manifest.shape)}),
        all_linear=options.lora_targets == (ALL_LINEAR,),
    )


def write_examples(around: Around) -> None:
    """Write ids and labels of every example of every step, in order; as it comes, those of one epoch."""
    examples = around.encoded.examples
    order: Iterator[int] = iter(range(len(examples)))
    if not around.spec.as_it_comes:
        order = (i for plan in around.plans for micro_batch in plan.micro_batches for i in micro_batch)
    with (around.scratch / "records.jsonl").open("wb") as file:
        for number in order:
            file.write(msgspec.json.encode(label(examples[number])) + b"\n")


def label(example: EncodedExample) -> dict[str, list[int]]:
    """Return an example in the names that trainers know; -100 marks a token that carries no loss."""
    ids = example.token_ids
    labels = [token if on else -100 for token, on in zip(ids, example.trained, strict=True)]
    return {"input_ids": ids, "labels": labels}


def make_environment(around: Around, threads: int | None, temporary: str) -> dict[str, str]:
    """Return the variables of the trainer's process: off the network, and malloc as it comes."""
    kept = {name: value for name, value in clean_environment().items() if MEMORY_SETTINGS.get(name) != value}
    scratch = around.scratch
    folders = {
        "TMPDIR": temporary,
        "HF_DATASETS_CACHE": scratch / "datasets",
        "MODELSCOPE_CACHE": scratch,
    }
    number = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS") if threads}
    own = {name: str(folder) for name, folder in folders.items()}
    # As ours it has the first GPU alone, or none: some take all that they see, whatever they are told.
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    own["CUDA_VISIBLE_DEVICES"] = first if around.device.type == "cuda" else ""
    return kept | OFFLINE | ALONE | number | own | dict(around.trainer.environment)
