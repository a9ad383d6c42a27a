"""The ranks of a run on the processes that a launcher has started, as the first of them leads them."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

from msgspec.structs import replace

from laptime.credentials import print_traceback
from laptime.runs.events import Failed
from laptime.runs.given_ranks import GivenRank
from laptime.runs.job import RunJob
from laptime.training.board import (
    ARRIVAL,
    LOST,
    Announcement,
    Board,
    Ending,
    Orders,
    connect,
    digest_file,
    make_hello,
)
from laptime.training.crew import Crew, Sight
from laptime.training.keeper import Keeper
from laptime.training.rank_watch import LOOK_SECONDS

BEGIN_SECONDS = 60.0  # that the starter of a rank may take to tell of it for the first time
LOST_SECONDS = 8.0  # that it may tell nothing later


class DistantCrew(Crew):
    """All ranks of a run, wherever they are: their starters tell how they are, and are told what to do."""

    def __init__(self, board: Board, number: int, size: int) -> None:
        self.board, self.number, self.size = board, number, size
        self.is_announced = False
        self.asked = 0
        self.lost: set[int] = set()  # whose starter gives no sign of life any more
        self.orders = Orders()
        self._sights = board.read_sights(number, size)
        self._count = 0
        self._silences: dict[int, tuple[float, float]] = {}  # what was told last when, and seconds since
        self._looked = time.monotonic()

    def look(self) -> list[Sight]:
        """Return where each rank stood when its starter last told; tells the starters that it still looks."""
        now = time.monotonic()
        # Not more than two looks' worth: while this process itself was stopped, nobody looked.
        passed, self._looked = min(now - self._looked, 2 * LOOK_SECONDS), now
        self._count += 1
        with suppress(*LOST):  # where nobody can meet any more, the thread of the first rank notices too
            self.board.beat(self.number, self._count)
            self._sights = self.board.read_sights(self.number, self.size)
            self.asked = max(sight.asked for sight in self._sights)
            for sight in self._sights if self.is_announced else ():
                self._listen(sight, passed)
        return [replace(sight, is_lost=sight.rank in self.lost) for sight in self._sights]

    def _listen(self, sight: Sight, passed: float) -> None:
        """Note for how long the starter of a rank has told nothing; of one that has ended it need not."""
        told, silent = self._silences.get(sight.rank, (0.0, 0.0))
        silent = silent + passed if sight.told == told else 0.0
        self._silences[sight.rank] = sight.told, silent
        is_silent = silent > (LOST_SECONDS if sight.told else BEGIN_SECONDS) and sight.rank not in self.lost
        if is_silent and not self.board.find_ends(self.number, [sight.rank]):
            self.lost.add(sight.rank)
            self.board.miss(sight.rank)

    def end(self, sight: Sight) -> None:
        """Have a rank ended at once."""
        self._order(replace(self.orders, ended=[*self.orders.ended, sight.rank]))

    def end_all(self) -> None:
        """Have all ranks ended at once."""
        self._order(replace(self.orders, all_ended=True))

    def hand_on(self, number: int) -> None:
        """Have a signal given to each rank once."""
        self._order(replace(self.orders, number=number))

    def _order(self, orders: Orders) -> None:
        if orders != self.orders:
            self.orders = orders
            with suppress(*LOST):
                self.board.give_orders(self.number, orders)


class GivenAgent(Thread):
    """Waits for the other processes, announces the run, and does the part of the first rank in it."""

    def __init__(self, job: RunJob, file: Path, given: GivenRank, crew: DistantCrew) -> None:
        super().__init__()
        self.codes: dict[int, int] = {}  # of the ranks that ended badly
        self.error: BaseException | None = None
        self.failure: Failed | None = None
        self._file, self._given, self._crew, self._size = file, given, crew, len(job.devices)

    def run(self) -> None:
        """Do so, and note how the ranks ended."""
        try:
            self._lead(Board(connect(self._given)))  # a connection waits for one thread at a time
        except LOST:
            self.failure = tell_loss(self._given)
        except BaseException as error:  # in a thread it would end nothing
            self.error = error
            print_traceback(type(error), error, error.__traceback__)

    def _lead(self, board: Board) -> None:
        self.failure = self._find_absence(board)
        announcement = self._make_announcement()
        board.announce(announcement)
        if announcement.size:
            self._crew.is_announced = True
            Keeper(board, self._given, announcement).keep()
            self._judge(board, self._await_ends(board))

    def _make_announcement(self) -> Announcement:
        """Return what is said of the run; where it does not begin, nobody is to wait for its number."""
        is_begun = not (self.failure or self._crew.orders.number)
        return Announcement(
            number=self._crew.number,
            file=str(self._file),
            digest=digest_file(self._file),
            folder=str(Path.cwd()),
            size=self._size if is_begun else 0,
        )

    def _find_absence(self, board: Board) -> Failed | None:
        """Wait for all that take part; returns why the run can't begin, None where they are all alike."""
        board.come(0)
        own, missing = make_hello(), [*range(self._size)]
        end = time.monotonic() + ARRIVAL.total_seconds()
        while missing and time.monotonic() < end and not self._crew.orders.number:
            for rank in missing:
                hello = board.find_hello(rank)
                if hello and board.is_missed(rank):
                    why = f"rank {rank} on {hello.host} is gone since an earlier run"
                    return Failed(reason="unreachable", message=why)
                if hello and hello.versions != own.versions:
                    why = f"rank {rank} on {hello.host} has {hello.versions}, rank 0 {own.versions}"
                    return Failed(reason="error", message=why)
            missing = [rank for rank in missing if board.find_hello(rank) is None]
            time.sleep(LOOK_SECONDS if missing else 0.0)
        if not missing:
            return None
        names, minutes = ", ".join(map(str, missing[:8])), ARRIVAL.total_seconds() / 60
        return Failed(reason="unreachable", message=f"rank {names} did not come within {minutes:.0f} minutes")

    def _await_ends(self, board: Board) -> dict[int, Ending]:
        """Wait until each rank has ended, or is lost."""
        while True:
            ends = board.find_ends(self._crew.number, range(self._size))
            if len(ends.keys() | self._crew.lost) == self._size:
                return ends
            time.sleep(LOOK_SECONDS)

    def _judge(self, board: Board, ends: dict[int, Ending]) -> None:
        """Note how they ended; whoever is lost, or refused to begin, is to blame."""
        self.codes = {rank: ending.code for rank, ending in ends.items() if ending.code}
        for rank, ending in ends.items():
            if ending.refusal:
                self.failure = Failed(reason="error", message=f"rank {rank} {ending.refusal}")
        for rank in sorted(self._crew.lost - ends.keys()):
            host = self._find_host(board, rank)
            silent = f"rank {rank}{host} gave no sign of life for {LOST_SECONDS:.0f} s; all were ended"
            self.failure = self.failure or Failed(reason="unreachable", message=silent)

    def _find_host(self, board: Board, rank: int) -> str:
        hello = board.find_hello(rank)
        return f" on {hello.host}" if hello else ""

    def tell_failure(self) -> Failed | None:
        """Return why the run failed, where that is known here."""
        return self.failure


def tell_loss(given: GivenRank) -> Failed:
    """Return the failure of a run whose processes have no place any more at which they meet."""
    place = f"{given.address}:{given.port}"
    return Failed(
        reason="unreachable",
        message=f"the store at {place}, where the processes meet, is gone: its machine or launcher has ended",
    )


def gather_given(job: RunJob, file: Path, given: GivenRank) -> tuple[GivenAgent, DistantCrew]:
    """Return who leads a run on processes that are there, and what is seen of them."""
    board = Board(connect(given))
    size = len(job.devices)
    crew = DistantCrew(board, board.begin_run(size), size)
    return GivenAgent(job, file, given, crew), crew
