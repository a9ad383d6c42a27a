"""What the preparation of the inputs is told, and what it found; readable without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from laptime.inputs.shape import Shape
from laptime.spec import AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.untrusted import parse, read_whole

ENCODED_FILE = "encoded.bin"
FACTS_FILE = "facts.json"


class InputJob(Struct, kw_only=True):
    """The preparation of the inputs of all runs: encode once, digest once."""

    model: ModelSpec
    data: DataSpec
    answers: AnswerSpec
    training: TrainingSpec
    folder: str
    spawned: float = 0.0  # time.time() when the process was started; set by who starts it


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
    begun_in: str = ""  # the folder that relative paths are relative to


def read_facts(inputs: Path) -> InputFacts:
    """Read what the preparation found; raises UserError where the file holds anything else."""
    path = inputs / FACTS_FILE
    return parse(path, "facts", lambda: msgspec.json.decode(read_whole(path), type=InputFacts))
