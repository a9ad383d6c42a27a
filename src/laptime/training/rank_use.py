"""What each of several processes that trained together held and did: a line for each in one record."""

from __future__ import annotations

import socket

import torch

from laptime.runs.events import RankUse
from laptime.runs.given_ranks import given_rank
from laptime.runs.record import RecordWriter
from laptime.training.opening import Opened

COUNTERS = ("vm_hwm", "cuda_allocated", "cuda_reserved", "process_device")  # of memory
UNKNOWN = -1  # by a counter that one process lacks: the driver may tell of one device and not of another


def tell_ranks(
    opened: Opened, num_held: int, seconds: float, record: RecordWriter, peaks: dict[str, int]
) -> dict[str, int]:
    """Record the use that every process of a team makes of its device; returns the highest peaks of memory.

    `num_held` numbers of the model are held here, `seconds` were trained in this very process. All processes
    must call it; alone, nothing is recorded.
    """
    team = opened.team
    if team.size == 1:
        return peaks
    own = [seconds, team.total_wait(), num_held, *(peaks.get(name, UNKNOWN) for name in COUNTERS)]
    by_rank = [one.tolist() for one in team.gather(torch.tensor(own, dtype=torch.float64))]
    places = map(str.splitlines, team.gather_texts(tell_place(opened.device)))
    for rank, ((device, host, name), (trained, exchanged, held, *bytes_held)) in enumerate(
        zip(places, by_rank, strict=True)
    ):
        use = RankUse(
            rank=rank,
            device=device,
            name=name.strip(),
            host=host.strip(),
            train_seconds=trained,
            exchange_seconds=exchanged,
            parameters=int(held),
            peak_bytes={
                name: int(peak) for name, peak in zip(COUNTERS, bytes_held, strict=True) if peak != UNKNOWN
            },
        )
        record.write(use)
    return {
        name: int(max(one[place] for one in by_rank))
        for place, name in enumerate(COUNTERS, 3)
        if name in peaks
    }


def tell_place(device: torch.device) -> str:
    """Return three lines: a device, its machine where there may be several, and the name of a GPU."""
    host = socket.gethostname() if given_rank() else ""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return f"{device}\n{host[:63]} \n{name} "
