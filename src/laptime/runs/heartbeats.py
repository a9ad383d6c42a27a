"""Signs of life of the processes that train one model together, in a file that all of them have mapped.

A rank writes where it stands before each exchange with the others and behind it, those that gather a layer of
a spread model included: memory alone, so that it costs no time in a step. Who looks can tell the one that all
others wait for.
"""

from __future__ import annotations

import mmap
import struct
import time
from enum import IntEnum
from pathlib import Path

from msgspec import Struct

RANKS_FOLDER = "ranks"  # in the folder of a run: what its other processes leave
FILE_NAME = "heartbeats"
MEETING_FILE = "meeting"  # by which they find each other: nothing listens for it
_FORMAT = struct.Struct("<qqqd")  # process, state, exchanges begun, time


def beats_file(run_folder: Path) -> Path:
    """Return where the ranks of a run write that are all on one machine."""
    return run_folder / RANKS_FOLDER / FILE_NAME


class State(IntEnum):
    """What a rank does; three are ends, of which only the process itself knows the reason."""

    STARTING = 0
    WORKING = 1
    WAITING = 2  # in an exchange, for the others
    DONE = 3
    FAILED = 4  # for a reason of its own, which its record tells
    LEFT_ALONE = 5  # another one was gone
    SAVING = 6  # it may wait for a disk for as long as that takes


class Beat(Struct, frozen=True):
    """Where one rank stood last."""

    rank: int
    process: int  # 0 before it has begun
    state: State
    exchanges: int
    time: float


class Heartbeats:
    """The places of all ranks in the file; each writes its own alone."""

    def __init__(self, file: Path, num_ranks: int) -> None:
        self.num_ranks = num_ranks
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), num_ranks * _FORMAT.size)

    @classmethod
    def begin(cls, file: Path, num_ranks: int) -> Heartbeats:
        """Begin anew in a file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(num_ranks * _FORMAT.size))
        return cls(file, num_ranks)

    def write(self, rank: int, process: int, state: State, exchanges: int) -> None:
        """Say where a rank stands."""
        _FORMAT.pack_into(self._map, rank * _FORMAT.size, process, state, exchanges, time.time())

    def read(self) -> list[Beat]:
        """Return where each rank stands."""
        places = (_FORMAT.unpack_from(self._map, rank * _FORMAT.size) for rank in range(self.num_ranks))
        return [
            Beat(rank, process, State(state), exchanges, at)
            for rank, (process, state, exchanges, at) in enumerate(places)
        ]
