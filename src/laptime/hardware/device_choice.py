"""What --devices asks for: how many devices train together, or which of the GPUs.

Imports no torch: a command that starts the processes of a run must know their number.
"""

from __future__ import annotations

import os
import re
from typing import Literal

from msgspec import Struct

from laptime.errors import UserError
from laptime.hardware.devices import lacks_cuda
from laptime.hardware.inventory import list_gpus
from laptime.hardware.system_memory import free_bytes

MOST = 1024
PROCESS_BYTES = 200_000_000  # Python and torch, of each that trains on a CPU
EXPECTED = "expected auto, cpu, how many (2) or which GPUs (0,1)"


class Devices(Struct, frozen=True, kw_only=True):
    """What was asked for; `number` is None for as few as the job fits, `indices` are those of GPUs."""

    kind: Literal["auto", "cpu", "cuda"] = "auto"
    number: int | None = None
    indices: tuple[int, ...] = ()


def read_devices(text: str, device: str = "auto") -> Devices:
    """Read --devices, beside the value of --device; raises UserError."""
    words = text.strip()
    if words == "auto":
        return Devices(kind=_kind(device))
    if words == "cpu":
        if device == "cuda":
            raise UserError("--devices cpu: --device cuda says otherwise; leave one of the two out")
        return Devices(kind="cpu", number=1)
    if re.fullmatch(r"\d{1,9}", words):
        if not 1 <= int(words) <= MOST:
            more = " (GPU 0 by its number is written '0,')" if int(words) == 0 else ""
            raise UserError(f"--devices {words}: give a number from 1 to {MOST}{more}")
        return Devices(kind=_kind(device), number=int(words))
    if not re.fullmatch(r"\d{1,9}( *, *\d{1,9})* *,?", words):
        raise UserError(f"--devices: {EXPECTED} (got '{text}')")
    if device == "cpu":
        raise UserError(f"--devices {text}: names GPUs, and --device cpu has none; give a number")
    indices = tuple(int(word) for word in words.rstrip(", ").split(","))
    if len(set(indices)) < len(indices):
        raise UserError(f"--devices {text}: names a GPU twice; name each once")
    return Devices(kind="cuda", number=len(indices), indices=indices)


def _kind(device: str) -> Literal["auto", "cpu", "cuda"]:
    """Return the value of --device as the type has it."""
    return "cpu" if device == "cpu" else "cuda" if device == "cuda" else "auto"


def name_devices(asked: Devices) -> list[str]:
    """Return the devices as torch names them, a single one where as few as possible were asked for.

    Raises UserError where this machine has not so many GPUs.
    """
    number = asked.number or 1
    if asked.kind == "cpu" or (asked.kind == "auto" and lacks_cuda()):
        refuse_too_many(number)
        return ["cpu"] * number
    indices = asked.indices or tuple(range(number))
    num_gpus = count_gpus()
    if num_gpus is not None and max(indices) >= num_gpus:
        named = ",".join(map(str, asked.indices)) or str(number)
        if not num_gpus:
            raise UserError(f"--devices {named}: no GPU here; give how many processes train on the CPU (2)")
        has = f"{num_gpus} GPU{'s'[: num_gpus != 1]}"
        raise UserError(f"--devices {named}: {has} here; name those that are there")
    return [f"cuda:{index}" for index in indices]


def refuse_too_many(num_processes: int) -> None:
    """Raise UserError where the processes of a CPU would not even fit before they train."""
    free, needed = free_bytes(), num_processes * PROCESS_BYTES
    if num_processes > 1 and free is not None and needed > free:
        raise UserError(
            f"--devices {num_processes}: so many processes take about {needed / 1e9:.0f} GB before they "
            f"train, and {free / 1e9:.1f} GB are there; ask for at most {max(1, free // PROCESS_BYTES)}"
        )


def count_gpus() -> int | None:
    """Count the GPUs that the driver shows and CUDA_VISIBLE_DEVICES leaves to this process.

    None where only torch can tell: not every driver lists them.
    """
    if lacks_cuda():
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return len(list_gpus()) or None
    return len([one for one in visible.split(",") if one.strip() and one.strip() != "-1"])
