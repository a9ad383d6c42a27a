"""What another trainer's process is told, as JSON: peer/peer_run.py reads it without Laptime."""

from __future__ import annotations

from msgspec import Struct


class LoraJob(Struct, kw_only=True, frozen=True):
    """The shape of the adapters; `targets` are the last words of the names of the layers."""

    rank: int
    alpha: float
    dropout: float
    targets: list[str]
    all_linear: bool


class PeerJob(Struct, kw_only=True):
    """One run of another trainer.

    `records` is a JSONL file of input_ids and labels: those of all steps in their order, or, where the
    trainer is to do `as_it_comes`, those of one epoch. The last batch of an epoch may be short.
    `rates` holds the learning rate of each step.
    `spawned` is when the process was started, in seconds since 1970.
    """

    trainer_file: str
    model: str
    trust_remote_code: bool
    records: str
    events: str
    out: str
    scratch: str
    method: str
    lora: LoraJob | None
    precision: str  # fp32, bf16, fp16
    device: str  # cpu, cuda
    threads: int | None
    batch_size: int
    gradient_accumulation: int
    num_steps: int
    epochs: int
    max_steps: int | None
    records_per_epoch: int
    rates: list[float]
    weight_decay: float
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    max_grad_norm: float
    gradient_checkpointing: bool
    seed: int
    longest: int  # tokens of the longest example
    as_it_comes: bool
    parent: int
    spawned: float = 0.0  # set by who starts it
