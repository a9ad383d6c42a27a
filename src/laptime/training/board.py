"""The store at which processes that a launcher has started meet: what the first says to all, and they to it.

It is torch's TCPStore: the launcher's own, or one that the first process keeps (`hub.py`). Whoever can reach
its port can read and write there, as with everything that torch.distributed does: a network of one's own.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
import torch
from msgspec import Struct
from torch.distributed import DistNetworkError, DistStoreError, PrefixStore, Store, TCPStore

from laptime import __version__
from laptime.runs.given_ranks import GivenRank
from laptime.runs.heartbeats import State
from laptime.training.crew import Sight

ARRIVAL = timedelta(minutes=10)  # machines are not all there at once
ANSWER = timedelta(seconds=30)
LOST = (DistNetworkError, DistStoreError)  # what the store raises where it is gone
WHILE_SECONDS = 20.0
LOOK_SECONDS = 0.25
CALL_SECONDS = 5.0  # that a machine may take to answer a call
T = TypeVar("T")


class Hello(Struct, kw_only=True):
    """What a process says of itself when it comes."""

    host: str
    laptime: str
    torch: str

    @property
    def versions(self) -> str:
        """Return what must be the same in all."""
        return f"laptime {self.laptime} and torch {self.torch}"


def make_hello() -> Hello:
    """Return what this process says of itself."""
    return Hello(host=socket.gethostname(), laptime=__version__, torch=str(torch.__version__))


class Announcement(Struct, kw_only=True):
    """A run that the first `size` ranks do together: 0 for one that has not begun after all.

    With `is_last` none will come any more, and `code` is how the command has ended.
    """

    number: int
    file: str = ""
    digest: str = ""  # of the file: another machine may see an older one for a while
    folder: str = ""  # the present one, from which paths may lead
    size: int = 0
    is_last: bool = False
    code: int = 0


class Orders(Struct, kw_only=True):
    """What those who started the ranks of a run are to do with them."""

    ended: list[int] = []
    all_ended: bool = False
    number: int = 0  # a signal to hand on to each


class Ending(Struct, kw_only=True):
    """How a rank has ended: the exit code of its process, or why there was none."""

    code: int = 0
    refusal: str = ""


def digest_file(file: Path) -> str:
    """Return the SHA-256 of a file, "" where none can be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def connect(given: GivenRank, patience: timedelta = ANSWER) -> Store:
    """Return the store of the command; raises one of LOST where nobody keeps it within `patience`.

    Until somebody listens there torch would wait in C++, where no signal is heard.
    """
    await_listener(given, patience)
    store = TCPStore(given.address, given.port, is_master=False, timeout=ANSWER)
    return PrefixStore(f"laptime/{given.attempt}", store)


def await_listener(given: GivenRank, patience: timedelta) -> None:
    """Wait until somebody listens where all are to meet; raises DistNetworkError after `patience`."""
    end = time.monotonic() + patience.total_seconds()
    while True:
        try:
            socket.create_connection((given.address, given.port), timeout=CALL_SECONDS).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                minutes = patience.total_seconds() / 60
                raise DistNetworkError(f"nobody listened for {minutes:g} minutes: {error.strerror}") from None
        time.sleep(LOOK_SECONDS)


def meet(given: GivenRank) -> Store:
    """Return the store by which the ranks of a run find each other; nothing of another run is in it."""
    return PrefixStore(f"meeting/{given.job}", connect(given))


class Board:
    """What is written at the store: of the command, and of the run with a number."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def come(self, rank: int) -> None:
        """Say that this process is there, and on which machine."""
        self._put(f"hello/{rank}", make_hello())

    def find_hello(self, rank: int) -> Hello | None:
        """Return what a rank has said of itself; None before it has come."""
        return self._find(f"hello/{rank}", Hello)

    def miss(self, rank: int) -> None:
        """Say that a rank gives no sign of life any more."""
        self.store.set(f"missed/{rank}", "")

    def is_missed(self, rank: int) -> bool:
        """Tell whether that was said of a rank."""
        return self.store.check([f"missed/{rank}"])

    def begin_run(self, size: int) -> int:
        """Return the number of a new run of `size` ranks, of which nothing is announced yet."""
        number = self.store.add("runs", 1)
        for rank in range(size):
            self.tell_sight(number, Sight(rank=rank, process=0, state=State.STARTING, exchanges=0, time=0.0))
        self.give_orders(number, Orders())
        return number

    def announce(self, announcement: Announcement) -> None:
        """Say to all which run begins, or that none will come any more."""
        self._put(f"run/{announcement.number}", announcement)

    def announce_end(self, code: int) -> None:
        """Say to all that none will come any more."""
        self.announce(Announcement(number=self.store.add("runs", 1), is_last=True, code=code))

    def find_announcement(self, number: int) -> Announcement | None:
        """Return what was announced; None before it was."""
        return self._find(f"run/{number}", Announcement)

    def tell_sight(self, number: int, sight: Sight) -> None:
        """Say where a rank stands."""
        self._put(f"sight/{number}/{sight.rank}", sight)

    def read_sights(self, number: int, size: int) -> list[Sight]:
        """Return where each rank stood when its starter last told."""
        names = [f"sight/{number}/{rank}" for rank in range(size)]
        return [msgspec.json.decode(one, type=Sight) for one in self.store.multi_get(names)]

    def give_orders(self, number: int, orders: Orders) -> None:
        """Say what is to be done with the ranks of a run."""
        self._put(f"orders/{number}", orders)

    def read_orders(self, number: int) -> Orders:
        """Return what is to be done with them."""
        return msgspec.json.decode(self.store.get(f"orders/{number}"), type=Orders)

    def end(self, number: int, rank: int, ending: Ending) -> None:
        """Say how a rank has ended."""
        self._put(f"end/{number}/{rank}", ending)

    def refuse(self, number: int, rank: int, why: str) -> None:
        """Say why a rank could not be started."""
        self.tell_sight(
            number, Sight(rank=rank, process=0, state=State.FAILED, exchanges=0, time=time.time())
        )
        self.end(number, rank, Ending(code=1, refusal=why))

    def find_ends(self, number: int, ranks: Sequence[int]) -> dict[int, Ending]:
        """Return how those of `ranks` have ended that have."""
        found = ((rank, self._find(f"end/{number}/{rank}", Ending)) for rank in ranks)
        return {rank: ending for rank, ending in found if ending}

    def leave(self, rank: int) -> None:
        """Say that this process waits for nothing any more."""
        self.store.set(f"bye/{rank}", "")

    def await_leaving(self, size: int) -> None:
        """Wait a while for all ranks but the first to leave, and for none that is gone or has not come."""
        come = [rank for rank in range(1, size) if self.find_hello(rank)]
        self._await_all("bye", [rank for rank in come if not self.is_missed(rank)], WHILE_SECONDS)

    def await_arrival(self, size: int, seconds: float) -> list[int]:
        """Wait for all ranks but the first to come; returns those that have not."""
        return self._await_all("hello", range(1, size), seconds)

    def _await_all(self, what: str, ranks: Sequence[int], seconds: float) -> list[int]:
        end = time.monotonic() + seconds
        while not self.store.check([f"{what}/{rank}" for rank in ranks]) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
        return [rank for rank in ranks if not self.store.check([f"{what}/{rank}"])]

    def beat(self, number: int, count: int) -> None:
        """Say that who leads the run is there."""
        self.store.set(f"lead/{number}", str(count))

    def read_beat(self, number: int) -> bytes:
        """Return what was said last; b"" before the first time."""
        name = f"lead/{number}"
        return self.store.get(name) if self.store.check([name]) else b""

    def _put(self, name: str, value: Struct) -> None:
        self.store.set(name, msgspec.json.encode(value).decode())

    def _find(self, name: str, kind: type[T]) -> T | None:
        return msgspec.json.decode(self.store.get(name), type=kind) if self.store.check([name]) else None
