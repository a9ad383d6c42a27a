"""Checkpoints: all that a run needs to go on bit by bit, in safetensors and JSON.

    checkpoints/step-00000042/
      weights.safetensors     what trains, by name, as it is
      optimizer.safetensors   masters where they are not the parameters themselves, moments, loss scale
      random.safetensors      the state of every random number generator
      state.json              where the run stands, and what it is a run of
      manifest.json           written last: size and digest of each file, and its own

Where a model is spread over several processes, each writes its parts of weights and optimizer: those of rank
1 are in weights-1.safetensors and optimizer-1.safetensors, and where a part begins stands in the file's
metadata, under the name and in the form of torch.distributed.checkpoint.

A folder appears under its name only when all of it is on the disk, and older ones go only then: a kill at
any moment leaves the newest whole one. `world_size` says how many processes trained together.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from msgspec import Struct

from laptime.errors import UserError
from laptime.runs.job import CHECKPOINT_NAMES
from laptime.training.tensor_file import FileFacts, TensorFile, read_file_facts, write_file, write_tensors
from laptime.util.atomic import discard_folder, set_aside, sync_way_to, whole_folder
from laptime.util.untrusted import read_whole, tell_special

VERSION = 1
SPREAD_VERSION = 2  # with parts of several ranks; older readers must not take one for the whole
OFFSETS = "DCP_SHARDING_INFO"
PREFIX = "step-"
PARTS = ("weights", "optimizer", "random")
STATE_FILE = "state.json"
MANIFEST_FILE = "manifest.json"
SPREAD_PARTS = ("weights", "optimizer")
FILES = {STATE_FILE, *(f"{part}.safetensors" for part in PARTS)}


class State(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a run stands after `step`; `recomputes`, `micro_batch` and `threads` are decisions that the bits
    depend on.

    `spec` is the resolved RunSpec; `environment` names the versions and the processor. `is_spread`: each of
    the `world_size` processes has written its part.
    """

    rank: int = 0
    world_size: int = 1
    step: int
    spec: dict[str, Any]
    data_digest: str
    model_digest: str
    train_seconds: float  # over all attempts, up to here
    compute_dtype: str
    recomputes: bool
    micro_batch: int = 0  # examples at once where a step is cut to fit
    threads: int
    skipped_steps: int = 0  # fp16: updates left out in a row, up to here
    environment: dict[str, str] = {}
    is_spread: bool = False


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What proves a checkpoint whole; `digest` covers the rest of the manifest."""

    version: int
    files: dict[str, FileFacts]
    digest: str


class SavedState(Struct, frozen=True, kw_only=True):
    """A checkpoint that was found whole."""

    folder: Path
    state: State

    def tensors(self, part: str) -> Mapping[str, torch.Tensor]:
        """Return the whole tensors of one of PARTS."""
        if not self.state.is_spread or part not in SPREAD_PARTS:
            return TensorFile(self.folder / f"{part}.safetensors")
        ranks = range(self.state.world_size)
        return JoinedTensors([TensorFile(self.folder / name_file(part, rank)) for rank in ranks])


class JoinedTensors(Mapping[str, torch.Tensor]):
    """The tensors of which each of several files holds some rows, each joined when it is asked for."""

    def __init__(self, files: Sequence[TensorFile]) -> None:
        self.files = files

    def __getitem__(self, name: str) -> torch.Tensor:
        parts = [file[name] for file in self.files]
        return torch.cat(parts) if parts[0].dim() else parts[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files[0])

    def __len__(self) -> int:
        return len(self.files[0])


class DamagedError(Exception):
    """A checkpoint is not what was written; the message names the file."""


Tensors = Mapping[str, Mapping[str, torch.Tensor]]  # by part and name


def write_checkpoint(home: Path, state: State, tensors: Tensors) -> Path:
    """Write a checkpoint below `home` and return its folder. Raises OSError, leaving no trace."""
    folder = make_place(home, state.step)
    with whole_folder(folder) as aside:
        files = {f"{part}.safetensors": aside / f"{part}.safetensors" for part in PARTS}
        facts = {name: write_tensors(file, tensors[file.stem]) for name, file in files.items()}
        finish_checkpoint(aside, state, facts)
    return folder


def make_place(home: Path, step: int) -> Path:
    """Return the folder that the checkpoint of a step is to have, its parent made. Raises OSError."""
    if not home.exists():
        home.mkdir()
        sync_way_to(home)
    folder = home / f"{PREFIX}{step:08d}"
    if folder.is_symlink():
        set_aside(folder)
    return folder


def finish_checkpoint(aside: Path, state: State, facts: dict[str, FileFacts]) -> None:
    """Write what is read first: state and manifest. Raises OSError."""
    version = SPREAD_VERSION if state.is_spread else VERSION
    facts[STATE_FILE] = write_file(aside / STATE_FILE, [encode(state)])
    manifest = Manifest(version=version, files=facts, digest=digest_manifest(version, facts))
    write_file(aside / MANIFEST_FILE, [encode(manifest)])


def write_parts(
    aside: Path, tensors: Tensors, offsets: Mapping[str, Sequence[int]], rank: int
) -> dict[str, FileFacts]:
    """Write what `rank` holds of a model that is spread; the first one the random numbers of all too.

    `offsets` say at which row and column the part of a weight begins. Raises OSError.
    """
    facts = {}
    for part in PARTS if rank == 0 else SPREAD_PARTS:
        name = name_file(part, rank)
        metadata = None
        if part in SPREAD_PARTS:
            places = {
                one: {"saved_offsets": list(offsets[one.split(".", 1)[1] if part == "optimizer" else one])}
                for one, tensor in tensors[part].items()
                if tensor.dim()
            }
            metadata = {OFFSETS: json.dumps(places)}
        facts[name] = write_tensors(aside / name, tensors[part], metadata)
    return facts


def name_file(part: str, rank: int) -> str:
    """Return the name of a rank's file of one of PARTS."""
    return f"{part}-{rank}.safetensors" if rank else f"{part}.safetensors"


def list_files(num_ranks: int) -> set[str]:
    """Return the names of the files of a checkpoint that so many ranks have written."""
    return FILES | {name_file(part, rank) for part in SPREAD_PARTS for rank in range(1, num_ranks)}


def encode(value: Any) -> bytes:
    """Return a value as the indented JSON that stands in the file."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def digest_manifest(version: int, files: dict[str, FileFacts]) -> str:
    """Return the digest that a manifest gives of itself."""
    return hashlib.sha256(msgspec.json.encode([version, files], order="sorted")).hexdigest()


def list_checkpoints(home: Path) -> list[Path]:
    """Return the folders of all checkpoints, the newest first."""
    return sorted((path for path in home.glob(CHECKPOINT_NAMES) if path.is_dir()), reverse=True)


def discard_checkpoint(folder: Path) -> None:
    """Remove a checkpoint; one that somebody has put something to, or a link, is kept under another name."""
    ours = re.compile(r"(weights|optimizer)-[1-9]\d{0,4}\.safetensors")
    names = [] if folder.is_symlink() else [path.name for path in folder.iterdir()]
    others = [name for name in names if name not in {*FILES, MANIFEST_FILE} and not ours.fullmatch(name)]
    if folder.is_symlink() or others:
        set_aside(folder)
    else:
        discard_folder(folder)


def find_newest(home: Path) -> tuple[SavedState | None, list[str]]:
    """Return the newest whole checkpoint, and what is wrong with each newer one.

    Raises UserError for a checkpoint of another version of the format.
    """
    unusable: list[str] = []
    for folder in list_checkpoints(home):
        try:
            return open_checkpoint(folder), unusable
        except DamagedError as error:
            unusable.append(f"{folder.name}: {error}")
    return None, unusable


def open_checkpoint(folder: Path) -> SavedState:
    """Prove every file of a checkpoint; raises DamagedError, or UserError for another version."""
    if folder.is_symlink():
        raise DamagedError("is a link")
    manifest = read_manifest(folder)
    for name, facts in manifest.files.items():
        try:
            check_size(folder / name, facts.num_bytes)
            found = read_file_facts(folder / name)
        except FileNotFoundError:
            raise DamagedError(f"{name} is missing") from None
        except OSError as error:
            raise DamagedError(f"{name} cannot be read ({error.strerror})") from None
        if found.sha256 != facts.sha256:
            raise DamagedError(f"{name} does not match its digest")
    state = msgspec.json.decode((folder / STATE_FILE).read_bytes(), type=State)
    if set(manifest.files) != list_files(state.world_size if state.is_spread else 1):
        raise DamagedError(f"{MANIFEST_FILE} names other files")
    if folder.name != f"{PREFIX}{state.step:08d}":
        raise DamagedError(f"{STATE_FILE} is of step {state.step}")
    return SavedState(folder=folder, state=state)


def check_size(path: Path, num_bytes: int) -> None:
    """Raise DamagedError for what has no such size; a pipe or a device is not even opened. Raises OSError."""
    if special := tell_special(path):
        raise DamagedError(f"{path.name} is {special}")
    if (found := path.stat().st_size) != num_bytes:
        raise DamagedError(f"{path.name} has {found} bytes instead of {num_bytes}")


def read_manifest(folder: Path) -> Manifest:
    """Read and prove a manifest; raises DamagedError, or UserError for another version."""
    try:
        if special := tell_special(folder / MANIFEST_FILE):
            raise DamagedError(f"{MANIFEST_FILE} is {special}")
        content = read_whole(folder / MANIFEST_FILE)
        manifest = msgspec.json.decode(content, type=Manifest)
    except FileNotFoundError:
        raise DamagedError(f"{MANIFEST_FILE} is missing") from None
    except OSError as error:
        raise DamagedError(f"{MANIFEST_FILE} cannot be read ({error.strerror})") from None
    except UserError as error:
        raise DamagedError(str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise DamagedError(f"{MANIFEST_FILE} is not whole") from None
    if manifest.digest != digest_manifest(manifest.version, manifest.files) or encode(manifest) != content:
        raise DamagedError(f"{MANIFEST_FILE} does not match its digest")
    if manifest.version not in (VERSION, SPREAD_VERSION):
        raise UserError(
            f"{folder}: checkpoint of version {manifest.version}; this laptime reads {VERSION} and "
            f"{SPREAD_VERSION}: resume with the laptime that wrote it"
        )
    if not manifest.files.keys() >= FILES:
        raise DamagedError(f"{MANIFEST_FILE} names other files")
    return manifest


def count_bytes(folder: Path) -> int:
    """Return the bytes of all files of a checkpoint."""
    return sum(file.stat().st_size for file in folder.iterdir())


def prune(home: Path, step: int, keep: int) -> None:
    """Remove all but the `keep` newest checkpoints up to `step`; what claims to be newer is damaged."""
    folders = list_checkpoints(home)
    kept = [folder for folder in folders if folder.name <= f"{PREFIX}{step:08d}"][:keep]
    for folder in folders:
        if folder not in kept:
            discard_checkpoint(folder)
