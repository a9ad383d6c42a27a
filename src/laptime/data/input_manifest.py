"""What the preparation of the inputs is told, and what it found; readable without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.models.digest import BaseFile, describe_base, digest_model, find_change
from laptime.models.folder import check_folder
from laptime.models.shape import Shape
from laptime.models.source import ModelSource, locate_model
from laptime.spec import BUILTIN, AnswerSpec, DataSpec, ModelSpec, TrainingSpec
from laptime.util.sealed_file import read_sealed, write_sealed

ENCODED_FILE = "encoded.bin"
MANIFEST_FILE = "facts.json"
VERSION = 2


class InputJob(Struct, kw_only=True):
    """The preparation of the inputs of all runs: encode once, digest once."""

    model: ModelSpec
    data: DataSpec
    answers: AnswerSpec
    training: TrainingSpec
    threads: int | None = None  # of every run, where they were chosen
    precisions: dict[str, str] = {}  # --precision by what a message about that contestant begins with
    libraries: list[str] = []  # that the run needs which its process may do when all is prepared
    folder: str
    spawned: float = 0.0  # time.time() when the process was started; set by who starts it


class Gpu(Struct, frozen=True):
    """A GPU of this machine, as far as it decides how many a training needs."""

    name: str
    num_bytes: int
    formats: list[str]  # in which it computes in hardware


class FormatTrial(Struct, frozen=True, kw_only=True):
    """How long forward and backward of a step of this model took here in each number format."""

    step_seconds: dict[str, float]
    seconds: float  # that the trial took; 0 where an earlier one was found


class ProductTrial(Struct, frozen=True, kw_only=True):
    """How long a layer took here, forward and back, in each number format, by C products and by torch's."""

    c_seconds: dict[str, float]
    torch_seconds: dict[str, float]
    seconds: float  # that the trial took; 0 where an earlier one was found

    def find(self, number_format: str) -> tuple[float, float] | None:
        """Return the seconds by C and by torch in a format; None where it was not tried."""
        ours, theirs = self.c_seconds.get(number_format), self.torch_seconds.get(number_format)
        return None if ours is None or theirs is None else (ours, theirs)


class InputManifest(Struct, kw_only=True):
    """What the preparation found; JSON beside the encoded examples."""

    model_name: str
    model_folder: str
    model_digest: str
    toy: bool
    random_weights: bool
    weight_bytes: int  # bytes of one weight as stored in the base's files
    shape: Shape
    data: dict[str, Any]  # name, digest, template, template_reason, counts, encode_seconds
    begun_in: str = ""  # the folder that relative paths are relative to
    base_files: dict[str, BaseFile] = {}  # of model and tokenizer, by name
    gpus: list[Gpu] = []  # those that torch saw
    format_trial: FormatTrial | None = None  # where the fastest format is not clear from the start
    product_trial: ProductTrial | None = None  # where there are C products
    version: int = 1

    @property
    def tried_formats(self) -> dict[str, float] | None:
        """The seconds of a step in the number formats that were tried, if they were."""
        return self.format_trial.step_seconds if self.format_trial else None


def read_manifest(inputs: Path) -> InputManifest:
    """Read what the preparation found; raises UserError where the file holds anything else."""
    return read_sealed(
        inputs / MANIFEST_FILE,
        InputManifest,
        "facts",
        "put back a whole copy, or begin anew with another --out",
    )


def write_manifest(inputs: Path, manifest: InputManifest) -> None:
    """Write what the preparation found."""
    write_sealed(inputs / MANIFEST_FILE, manifest)


def find_base(manifest: InputManifest, spec: ModelSpec, begun: Path) -> ModelSource:
    """Return the base where `begun` found it, else where its name leads from here.

    The built-in one is always our own: another installation had it elsewhere. Raises UserError where it is
    another by now.
    """
    if spec.model != BUILTIN and Path(manifest.model_folder).is_dir():
        config = check_folder(Path(manifest.model_folder), f"--model {spec.model}", spec.trust_remote_code)
        source = ModelSource(name=spec.model, folder=manifest.model_folder, config=config, toy=manifest.toy)
    else:
        source = locate_model(spec)
    refuse_other_base(manifest, begun, Path(source.folder))
    return source


def follow_base(manifest: InputManifest, spec: ModelSpec, inputs: Path) -> InputManifest:
    """Return the facts with the place where the base lies now, which are written anew where that is another.

    Raises UserError where it is another base by now.
    """
    if spec.model != BUILTIN and (Path(manifest.model_folder).is_dir() or not manifest.base_files):
        refuse_other_base(manifest, inputs.parent)
        return manifest
    source = find_base(manifest, spec, inputs.parent)
    folder = Path(source.folder).resolve()
    if folder == Path(manifest.model_folder):
        return manifest
    files = describe_base(folder, manifest.random_weights)
    if digest_model(source, files) != manifest.model_digest:  # all that facts without files have of it
        raise UserError(
            f"--model {spec.model}: {folder}: another model than {inputs.parent} was begun with; "
            f"put that one back, or begin anew with another --out"
        )
    moved = replace(manifest, model_folder=str(folder), base_files=files, version=VERSION)
    write_manifest(inputs, moved)
    return moved


def refuse_other_base(manifest: InputManifest, begun: Path, base: Path | None = None) -> None:
    """Raise UserError where the base is no longer the one that `begun`, a run or a comparison, began with.

    `base` is its folder where that is another than the one it was found in then.
    """
    folder = base or Path(manifest.model_folder)
    if manifest.base_files and (change := find_change(folder, manifest.base_files, manifest.random_weights)):
        raise UserError(
            f"--model {manifest.model_name}: {folder}: {change} since {begun} was begun; "
            f"put it back as it was, or begin anew with another --out"
        )
