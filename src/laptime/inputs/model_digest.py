"""Which base a run began with, to the last bit: a SHA-256 over its configuration and its weights.

SHA-256 reads a third of a gigabyte a second on a CPU without instructions for it, so it runs beside the
rest of the preparation, and a file that has not changed since is not read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from laptime.inputs.model_folder import find_weights
from laptime.inputs.model_source import ModelSource
from laptime.user_cache import user_cache
from laptime.whole_file import write_whole

FILE_NAME = "digests.json"
SETTLED_SECONDS = 2.0  # a younger file might change again within one tick of its file system's clock


def begin_digest(source: ModelSource, random_weights: bool) -> Future[str]:
    """Begin the digest in a thread that nobody must wait for: a refusal in the meantime ends at once."""
    future: Future[str] = Future()

    def work() -> None:
        try:
            future.set_result(digest_model(source, random_weights))
        except OSError as error:
            future.set_exception(error)

    threading.Thread(target=work, name="digest", daemon=True).start()
    return future


def digest_model(source: ModelSource, random_weights: bool) -> str:
    """Return a SHA-256 over the config and the weights (config alone for random weights).

    The hub's cache names weight files by their SHA-256; then the name is taken and nothing is read.
    """
    digest = hashlib.sha256(json.dumps(source.config, sort_keys=True).encode())
    files = [] if random_weights else find_weights(Path(source.folder))
    for file in files:
        blob = file.resolve().name
        digest.update(blob.encode() if len(blob) == 64 else hash_once(file).encode())
    return digest.hexdigest()


def hash_once(file: Path) -> str:
    """Return the SHA-256 of a file's content, from an earlier time where the file is still the same."""
    path, identity = str(file.resolve()), identify(file)
    known = read_known()
    if known.get(path, {}).get("identity") == identity:
        return str(known[path]["sha256"])
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if identify(file) == identity and time.time() - file.stat().st_mtime > SETTLED_SECONDS:
        with suppress(OSError):  # a home that cannot be written costs the next run some seconds
            user_cache().mkdir(parents=True, exist_ok=True)
            entries = {path: {"identity": identity, "sha256": sha256}}
            write_whole(user_cache() / FILE_NAME, json.dumps(read_known() | entries).encode())
    return sha256


def identify(file: Path) -> list[int]:
    """Return what changes with a file's content; the change time cannot be set back by its owner."""
    about: os.stat_result = file.stat()
    return [about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns]


def read_known() -> dict[str, Any]:
    """Return the digests of earlier runs whose files still exist; empty where there are none."""
    try:
        known = json.loads((user_cache() / FILE_NAME).read_bytes())
        return {path: entry for path, entry in known.items() if Path(path).exists() and "sha256" in entry}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
