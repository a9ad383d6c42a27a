"""What keeps comparisons apart: one at a time on a machine's processor, one on each of its GPUs.

Two at once would falsify both. A training compares nothing and holds no lock; it is told who measures there.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from laptime.errors import UserError
from laptime.hardware.device_choice import read_devices
from laptime.hardware.inventory import list_gpus
from laptime.runs.lock import LOOK_SECONDS, Owner, file_lock, is_free, read_owner
from laptime.spec import TrainingSpec
from laptime.util.temporary import temporary_folder

MACHINE = "machine.lock"
GPU_LOCKS = "*gpu-*.lock"


@contextmanager
def machine_lock(device: str, waits: bool = False, devices: Collection[str] = ()) -> Iterator[None]:
    """Keep other comparisons off what --device means here; raises UserError naming another.

    `devices` are the values of --devices. With `waits` that is waited for. Several GPUs, or such as cannot be
    told apart, count as the whole machine.
    """
    folder, gpu = private_folder(), name_gpu(device, devices)
    with ExitStack() as stack:
        if gpu:
            stack.enter_context(file_lock(folder / f"{gpu}.lock", "this GPU", waits=waits))
        # Comparisons on GPUs share the machine; one on its processor has it to itself.
        stack.enter_context(
            file_lock(folder / MACHINE, "this machine", shared=bool(gpu), waits=waits, owners=GPU_LOCKS)
        )
        yield


def make_room(training: TrainingSpec, waits: bool, say: Callable[[str], None]) -> list[str]:
    """Return a note for a training on who measures where it is about to begin.

    With `waits` that is said at once, and waited until nobody does.
    """
    device, devices = training.device, (training.devices,)
    if (owner := find_owner(device, devices)) is None:
        return []
    if not waits:
        return [f"note: {owner} compares on this machine; the times of both are off (--wait waits for it)"]
    say(f"waiting for {owner}, which compares on this machine")
    while find_owner(device, devices):
        time.sleep(LOOK_SECONDS)
    return []


def find_owner(device: str, devices: Collection[str] = ()) -> Owner | None:
    """Return who compares where a training is about to be; None where nobody does."""
    folder, gpu = private_folder(), name_gpu(device, devices)
    locks = {folder / MACHINE: bool(gpu)} | ({folder / f"{gpu}.lock": False} if gpu else {})
    for path, shared in locks.items():
        if not is_free(path, shared):
            owners = [read_owner(one) for one in (path, *folder.glob(GPU_LOCKS))]
            return next((owner for owner in owners if owner and owner.is_alive), None)
    return None


def name_gpu(device: str, devices: Collection[str] = ()) -> str:
    """Return the name of the one GPU that runs with --device and these --devices train on, as for a file.

    "" for none or several, and for one that could be another: CUDA counts different GPUs by their speed.
    """
    if any(asked.indices or (asked.number or 1) > 1 for asked in (read_devices(one) for one in devices)):
        return ""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = "0" if visible is None else visible.split(",")[0].strip()
    gpus = list_gpus()
    if device == "cpu" or not gpus:
        return ""
    if first.startswith("MIG-"):
        return re.sub(r"[^\w-]", "-", f"gpu-{first}")[:100]
    uuids = list(gpus)
    if first.isdigit():
        is_counted_alike = len(set(gpus.values())) == 1 or os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
        found = uuids[int(first) :][:1] if is_counted_alike else []
    else:
        found = [uuid for uuid in uuids if first and uuid.startswith(first)]
    return re.sub(r"[^\w-]", "-", f"gpu-{found[0]}")[:100] if len(found) == 1 else ""


def private_folder() -> Path:
    """Return this user's own folder among the temporary files: nobody else can plant a link in it."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = temporary_folder() / f"laptime-{user}"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); set TMPDIR to a folder") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or found.st_mode & 0o022:
        raise UserError(f"{folder}: not a folder of yours alone; remove it, or set TMPDIR to another place")
    return folder
