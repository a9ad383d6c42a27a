"""The inputs of all runs: encoded once, or taken from an earlier start where they are whole and the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from laptime.data.encoded import find_damage
from laptime.data.formats import check_examples, count_bytes
from laptime.data.input_manifest import (
    ENCODED_FILE,
    MANIFEST_FILE,
    InputJob,
    InputManifest,
    follow_base,
    read_manifest,
)
from laptime.errors import UserError, without_remedy
from laptime.hardware.processors import Threads
from laptime.methods.method import name_libraries
from laptime.models.config_shape import foresee_shape
from laptime.models.shape import Shape
from laptime.models.source import locate_model
from laptime.runs.disk import check_disk
from laptime.runs.folder import INPUTS_FOLDER
from laptime.runs.runner import Listener, Runner
from laptime.spec import BUILTIN, CompareSpec, DataSpec, ModelSpec, RunSpec


def make_input_job(
    spec: RunSpec | CompareSpec,
    folder: Path,
    threads: Threads | None,
    precisions: Mapping[str, str] | None = None,
) -> InputJob:
    """Return what the preparation of the runs in `folder` is told; `threads` are those of each of them.

    `precisions` holds --precision by what a message about that run begins with, where several race.
    """
    return InputJob(
        model=spec.model,
        data=spec.data,
        answers=spec.answers,
        training=spec.training,
        threads=threads.number if threads else None,
        precisions=dict(precisions or {}),
        libraries=name_libraries(spec.method, spec.training.optimizer) if isinstance(spec, RunSpec) else [],
        folder=str(folder / INPUTS_FOLDER),
    )


def prepare_inputs(
    job: InputJob,
    runner: Runner,
    listener: Listener,
    examples_digest: str,
    fresh: bool,
    waiting: Sequence[RunSpec] = (),
    remedies: Sequence[str] = (),
) -> InputManifest:
    """Encode the inputs, or take those of an earlier start: whole, and of the same data.

    `waiting` are the runs that are still to be done, `remedies` as for `check_disk`. Raises UserError.
    """
    inputs = Path(job.folder)
    manifest = None if fresh else read_whole_inputs(inputs, listener)
    if manifest is None:
        check_disk(waiting, find_shape(job.model), inputs.parent, remedies, estimate_bytes(job.data))
        return runner.prepare(job)
    examples_digest = examples_digest or check_examples(job.data, seed=job.training.seed)
    if manifest.data.get("records_digest") != examples_digest:
        name = f"--data {job.data.named}"
        if given := job.data.chat_template:
            name += f" or --chat-template {given}"
        raise UserError(f"{name}: changed since {inputs.parent} was begun; give a new --out")
    return follow_base(manifest, job.model, inputs)


def find_shape(model: ModelSpec) -> Shape | None:
    """Return the shape of a model where a config.json that is here tells it; what is wrong others say."""
    if model.model != BUILTIN and not Path(model.model).is_dir():
        return None  # no second look over the network
    with suppress(UserError):
        return foresee_shape(locate_model(model, download=False).config)
    return None


def estimate_bytes(data: DataSpec) -> int:
    """Return about how much the encoded examples will take, 0 where that is not known."""
    with suppress(UserError):
        return count_bytes(data)
    return 0


def read_whole_inputs(inputs: Path, listener: Listener) -> InputManifest | None:
    """Return what an earlier preparation found; None where it is to be done again, which is said."""
    if not (inputs / MANIFEST_FILE).exists():
        return None
    try:
        manifest = read_manifest(inputs)
        if damage := find_damage(inputs):
            raise UserError(f"{inputs / ENCODED_FILE}: {damage}")
    except UserError as error:
        listener.say(f"{without_remedy(str(error))}; the inputs are prepared anew")
        return None
    return manifest
