"""The devices that trained one model together: what each held, and how long it computed and waited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class OnDevice(Protocol):
    """What says which device it had: a line of a record, or of a comparison."""

    device: str
    name: str


class RankResult(Struct, kw_only=True):
    """One of several processes that trained a contestant together; figures are medians over rounds.

    `parameters` of the model are those that it holds between two steps, None where no record tells.
    `compute_seconds` and `exchange_seconds` (gradients, and waiting for the others) make up `train_seconds`;
    what a spread model gathers within its passes is in the latter on a processor, in the former on GPUs.
    """

    rank: int
    device: str  # as torch names it: cpu, cuda:0
    name: str = ""  # of a GPU
    host: str = ""  # its machine, where a launcher has started the processes
    train_seconds: float | None
    compute_seconds: float | None
    exchange_seconds: float | None
    parameters: int | None = None
    peak_bytes: int | None = None  # by the counter of its row


def count_devices(ranks: Sequence[OnDevice]) -> str:
    """Return on which devices a model was trained, by kind: "2× CPU", "2× Tesla T4"; "1" for no ranks."""
    kinds = Counter(name_kind(rank) for rank in ranks)
    return ", ".join(f"{number}× {kind}" for kind, number in kinds.items()) or "1"


def name_kind(rank: OnDevice) -> str:
    """Return what kind of device one had."""
    return "CPU" if rank.device == "cpu" else rank.name or "GPU"
