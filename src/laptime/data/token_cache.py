"""Tokens of earlier preparations, kept in the user's cache: the same data are not encoded twice.

An entry is a whole file of encoded examples, whose digest is checked when it is taken. It is named by all
that its content depends on: files of the data, the examples read from them, tokenizer, options and versions.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import msgspec

from laptime import __version__
from laptime.data.encoded import EncodedData, copy_encoded, read_encoded
from laptime.data.examples import ExampleSet
from laptime.errors import UserError
from laptime.models.digest import hash_once, list_base
from laptime.spec import AnswerSpec, DataSpec
from laptime.util.user_cache import user_cache

MOST_BYTES = 4 << 30  # of all entries together; those not used for longest give way
PACKAGES = ("transformers", "tokenizers", "fastokens")


def name_entry(
    examples: ExampleSet,
    data_files: Iterable[Path],
    model_folder: Path,
    data: DataSpec,
    answers: AnswerSpec,
    model_max_length: int | None,
) -> str:
    """Return the name of the entry for encoded `examples`; raises OSError where a file is gone meanwhile."""
    base = {name: hash_once(file) for name, file in list_base(model_folder, random_weights=True).items()}
    files = [(file.name, hash_once(file)) for file in data_files]  # the lines of which sources name
    read = [examples.digest, examples.name, examples.held_out_name, examples.shape, examples.notes]
    depends = [__version__, _date_of_code(), _versions(), base, files, read, data, answers, model_max_length]
    return hashlib.sha256(msgspec.json.encode(depends)).hexdigest()[:32]


def find_entry(name: str) -> EncodedData | None:
    """Return what the cache has under `name`; None where that is nothing, another entry, or damaged."""
    path = _path(name)
    if not path.is_file():
        return None
    try:
        encoded = read_encoded(path)
        if encoded.cache_name != name:
            raise UserError(f"{path}: kept under another name")
    except UserError:
        path.unlink(missing_ok=True)
        return None
    with suppress(OSError):
        os.utime(path)  # it was used now
    return encoded


def give_entry(name: str, place: Path) -> None:
    """Put a copy of the entry called `name` at `place`: what is done to one does nothing to the other."""
    copy_encoded(_path(name), place)


def keep_entry(name: str, file: Path) -> None:
    """Keep an encoded file under `name`; a cache that cannot be written costs the next run some seconds."""
    path = _path(name)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        copy_encoded(file, path)
        _make_room(path.parent)


def _make_room(folder: Path) -> None:
    """Remove the entries that were not used for longest, until the others are small enough."""
    about = sorted((file.stat().st_mtime, file.stat().st_size, file) for file in folder.glob("*.bin"))
    total = sum(size for _, size, _ in about)
    for _, size, file in about[:-1]:
        if total > MOST_BYTES:
            file.unlink(missing_ok=True)
            total -= size


def _path(name: str) -> Path:
    """Return the file of an entry."""
    return user_cache() / "tokens" / f"{name}.bin"


def _versions() -> dict[str, str]:
    """Return the versions of what makes tokens."""
    found = {}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _date_of_code() -> list[int]:
    """Return when the code that reads and encodes was changed: a version in the making has no number."""
    source = Path(__file__).parents[1]
    return sorted(
        file.stat().st_mtime_ns
        for folder in ("data", "models", "util")
        for file in (source / folder).glob("*.py")
    )
