"""What one process is told to do; written to a file by whoever starts it, so that starting needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from laptime.inputs.shape import Shape
from laptime.record import Role
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, RunSpec

ENCODED_FILE = "encoded.msgpack"
FACTS_FILE = "facts.json"


class RunJob(Struct, kw_only=True):
    """One run: what to do, where its inputs lie and where its record and result go."""

    run: str
    spec: RunSpec
    folder: str
    inputs: str  # the folder that an InputJob filled
    role: Role = "measured"
    spawned: float = 0.0  # time.time() when the process was started; set by who starts it


class InputJob(Struct, kw_only=True):
    """The preparation of the inputs of all runs: encode once, digest once."""

    model: ModelSpec
    data: DataSpec
    answers: AnswerSpec
    seed: int
    folder: str


class InputFacts(Struct, kw_only=True):
    """What the preparation found; JSON beside the encoded records."""

    model_name: str
    model_folder: str
    model_digest: str
    toy: bool
    random_weights: bool
    weight_bytes: int  # bytes of one weight as stored in the base's files
    shape: Shape
    data: dict[str, Any]  # name, digest, template, template_reason, counts, encode_seconds


def write_job(path: Path, job: Struct) -> None:
    """Write a job as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(job)))


def read_facts(inputs: Path) -> InputFacts:
    """Read what the preparation found."""
    return msgspec.json.decode((inputs / FACTS_FILE).read_bytes(), type=InputFacts)
