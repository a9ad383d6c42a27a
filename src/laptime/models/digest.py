"""Which base a run began with, to the last bit: a SHA-256 of each file that makes it.

SHA-256 reads a third of a gigabyte a second on a CPU without instructions for it, so it runs beside the
rest of the preparation, and a file that has not changed since is not read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from laptime.models.folder import find_weights
from laptime.models.source import ModelSource
from laptime.util.atomic import write_whole
from laptime.util.user_cache import user_cache

FILE_NAME = "digests.json"
SETTLED_SECONDS = 2.0  # a younger file might change again within one tick of its file system's clock
# What a model and its tokenizer are made of, beside the weights.
SMALL_FILES = (
    "config.json", "generation_config.json", "*.index.json", "*token*", "vocab*", "merges*", "*.model",
    "chat_template*", "additional_chat_templates/*", "*.py",
)  # fmt: skip
HUB_BLOB = re.compile("[0-9a-f]{64}")


class BaseFile(Struct, frozen=True):
    """One file of a base; `identity` spares reading it again, and is empty where it says too little."""

    sha256: str
    identity: list[int] = []


def begin_digest(source: ModelSource, random_weights: bool) -> Future[dict[str, BaseFile]]:
    """Begin `describe_base` in a thread that nobody must wait for: a refusal in the meantime ends at once."""
    future: Future[dict[str, BaseFile]] = Future()

    def work() -> None:
        try:
            future.set_result(describe_base(Path(source.folder), random_weights))
        except OSError as error:
            future.set_exception(error)

    threading.Thread(target=work, name="digest", daemon=True).start()
    return future


def describe_base(folder: Path, random_weights: bool) -> dict[str, BaseFile]:
    """Return every file that the base in `folder` is made of, by name; random weights have no files."""
    return {name: describe_file(file) for name, file in list_base(folder, random_weights).items()}


def list_base(folder: Path, random_weights: bool) -> dict[str, Path]:
    """Return the files that a base and its tokenizer are loaded from, by their names within `folder`."""
    files = {file for pattern in SMALL_FILES for file in folder.glob(pattern) if file.is_file()}
    files |= set() if random_weights else set(find_weights(folder))
    return {file.relative_to(folder).as_posix(): file for file in sorted(files)}


def describe_file(file: Path) -> BaseFile:
    """Return the digest of one file, and what tells that it is still the same."""
    sha256, identity = hash_once(file), identify(file)
    return BaseFile(sha256, identity if is_settled(file) else [])


def digest_model(source: ModelSource, files: dict[str, BaseFile]) -> str:
    """Return a SHA-256 over the config and the weights among `files` (config alone for random weights)."""
    digest = hashlib.sha256(json.dumps(source.config, sort_keys=True).encode())
    for file in find_weights(Path(source.folder)):
        if file.name in files:
            digest.update(files[file.name].sha256.encode())
    return digest.hexdigest()


def find_change(folder: Path, files: dict[str, BaseFile], random_weights: bool) -> str:
    """Return which file of the base in `folder` is no longer as in `files`, and how; "" for none."""
    now = list_base(folder, random_weights)
    for name in sorted(now.keys() | files.keys()):
        if name not in now:
            return f"{name} is gone"
        if name not in files:
            return f"{name} is new"
        try:
            if identify(now[name]) != files[name].identity and hash_once(now[name]) != files[name].sha256:
                return f"{name} has changed"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return ""


def hash_once(file: Path) -> str:
    """Return the SHA-256 of a file's content, from an earlier time where the file is still the same.

    The hub's cache names files by their SHA-256: as long as such a file was not changed, nothing is read.
    """
    path, identity = str(file.resolve()), identify(file)
    known = read_known()
    if known.get(path, {}).get("identity") == identity:
        return str(known[path]["sha256"])
    blob = Path(path)
    if path not in known and blob.parent.name == "blobs" and HUB_BLOB.fullmatch(blob.name):
        sha256 = blob.name
    else:
        with file.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if identify(file) == identity and is_settled(file):
        with suppress(OSError):  # a home that cannot be written costs the next run some seconds
            user_cache().mkdir(parents=True, exist_ok=True)
            entries = {path: {"identity": identity, "sha256": sha256}}
            write_whole(user_cache() / FILE_NAME, json.dumps(read_known() | entries).encode())
    return sha256


def identify(file: Path) -> list[int]:
    """Return what changes with a file's content; the change time cannot be set back by its owner."""
    about: os.stat_result = file.stat()
    return [about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns]


def is_settled(file: Path) -> bool:
    """Tell whether the last change, of content or of date, is long enough ago for the next to be seen."""
    about = file.stat()
    return time.time() - max(about.st_mtime, about.st_ctime) > SETTLED_SECONDS


def read_known() -> dict[str, Any]:
    """Return the digests of earlier runs whose files still exist; empty where there are none."""
    try:
        known = json.loads((user_cache() / FILE_NAME).read_bytes())
        return {path: entry for path, entry in known.items() if Path(path).exists() and "sha256" in entry}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
