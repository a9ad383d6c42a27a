"""Where processes meet that all run on this machine: in memory alone.

A store that listens would do so on all of the machine's networks; one in a file of the user's disk is broken
for good, and waits for ever, when that disk is full.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from torch.distributed import FileStore, HashStore, Store
from torch.distributed.elastic.rendezvous import (
    RendezvousHandler,
    RendezvousInfo,
    RendezvousParameters,
    RendezvousStoreInfo,
    rendezvous_handler_registry,
)

from laptime.runs.heartbeats import MEETING_FILE, RANKS_FOLDER

VARIABLE = "LAPTIME_MEETING"  # what the processes are told of the file by which they meet
BACKEND = "memory"
HERE = "127.0.0.1"


class MemoryRendezvous(RendezvousHandler):
    """What torch's launcher asks for the others who start processes: there are none."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.store = HashStore()

    def get_backend(self) -> str:
        """Return the name by which the launcher knows this."""
        return BACKEND

    def next_rendezvous(self) -> RendezvousInfo:
        """Return this process's place: the only one."""
        return RendezvousInfo(self.store, 0, 1, RendezvousStoreInfo.build(0, self.store, HERE))

    def is_closed(self) -> bool:
        """Tell whether nobody can meet any more."""
        return False

    def set_closed(self) -> None:
        """Let nobody meet any more."""

    def num_nodes_waiting(self) -> int:
        """Return how many came too late."""
        return 0

    def get_run_id(self) -> str:
        """Return the name of the run."""
        return self.run_id

    def shutdown(self) -> bool:
        """Let go of everything."""
        return True


def make_rendezvous(parameters: RendezvousParameters) -> RendezvousHandler:
    """Return the rendezvous that the launcher asks for by BACKEND."""
    return MemoryRendezvous(parameters.run_id)


def open_meeting(run_folder: Path) -> None:
    """Make the file by which the processes that this one starts meet, and tell them of it.

    On Linux it lies in memory and is gone with this process; elsewhere in the folder of the run.
    """
    rendezvous_handler_registry.register(BACKEND, make_rendezvous)
    if sys.platform == "linux":
        file = Path(f"/proc/{os.getpid()}/fd/{os.memfd_create(MEETING_FILE)}")
    else:
        file = run_folder / RANKS_FOLDER / MEETING_FILE
        file.unlink(missing_ok=True)
    os.environ[VARIABLE] = str(file)


def find_store(num_ranks: int) -> Store:
    """Return the store by which a process meets the others."""
    return FileStore(os.environ[VARIABLE], num_ranks)
