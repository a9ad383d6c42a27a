"""Checkpoints: all that a run needs to go on bit by bit, in safetensors and JSON.

    checkpoints/step-00000042/
      weights.safetensors     what trains, by name, as it is
      optimizer.safetensors   masters where they are not the parameters themselves, moments, loss scale
      random.safetensors      the state of every random number generator
      state.json              where the run stands, and what it is a run of
      manifest.json           written last: size and digest of each file, and its own

A folder appears under its name only when all of it is on the disk, and older ones go only then: a kill at
any moment leaves the newest whole one. A folder stands for one rank; `world_size` says of how many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
PREFIX = "step-"
PARTS = ("weights", "optimizer", "random")
STATE_FILE = "state.json"
MANIFEST_FILE = "manifest.json"
FILES = {STATE_FILE, *(f"{part}.safetensors" for part in PARTS)}


class State(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a run stands after `step`; `recomputes` and `threads` are decisions that the bits depend on.

    `spec` is the resolved RunSpec; `environment` names the versions and the processor.
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
    threads: int
    skipped_steps: int = 0  # fp16: updates left out in a row, up to here
    environment: dict[str, str] = {}


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What proves a checkpoint whole; `digest` covers the rest of the manifest."""

    version: int
    files: dict[str, FileFacts]
    digest: str


class SavedState(Struct, frozen=True, kw_only=True):
    """A checkpoint that was found whole."""

    folder: Path
    state: State

    def tensors(self, part: str) -> TensorFile:
        """Return the tensors of one of PARTS."""
        return TensorFile(self.folder / f"{part}.safetensors")


class DamagedError(Exception):
    """A checkpoint is not what was written; the message names the file."""


def write_checkpoint(home: Path, state: State, tensors: Mapping[str, Mapping[str, torch.Tensor]]) -> Path:
    """Write a checkpoint below `home` and return its folder. Raises OSError, leaving no trace."""
    if not home.exists():
        home.mkdir()
        sync_way_to(home)
    folder = home / f"{PREFIX}{state.step:08d}"
    if folder.is_symlink():
        set_aside(folder)
    with whole_folder(folder) as aside:
        files = {f"{part}.safetensors": aside / f"{part}.safetensors" for part in PARTS}
        facts = {name: write_tensors(file, tensors[file.stem]) for name, file in files.items()}
        facts[STATE_FILE] = write_file(aside / STATE_FILE, [encode(state)])
        manifest = Manifest(version=VERSION, files=facts, digest=digest_manifest(VERSION, facts))
        write_file(aside / MANIFEST_FILE, [encode(manifest)])
    return folder


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
    if folder.is_symlink() or any(path.name not in {*FILES, MANIFEST_FILE} for path in folder.iterdir()):
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
    if manifest.version != VERSION:
        raise UserError(
            f"{folder}: checkpoint of version {manifest.version}; this laptime reads {VERSION}: "
            f"resume with the laptime that wrote it"
        )
    if set(manifest.files) != FILES:
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
