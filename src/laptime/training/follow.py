"""What a process that a launcher has started does where another one leads: its part of every run.

python -m laptime.training.follow
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from laptime.runs.given_ranks import GivenRank, given_rank
from laptime.training.board import ARRIVAL, LOST, Announcement, Board, connect, digest_file
from laptime.training.keeper import Keeper
from laptime.training.rank_watch import LOOK_SECONDS

SHARED = "--out must lie on a disk that all machines share, under the same path"
SEEN_SECONDS = 20.0  # that a file of another machine may take to be seen here


class Follower:
    """One process, from its first run to its last."""

    def __init__(self, given: GivenRank, board: Board) -> None:
        self.given = given
        self.board = board
        self.keeper: Keeper | None = None
        self.asked = 0  # the signal that asked this process to stop

    def listen(self) -> None:
        """Hear signals from here on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        if self.keeper:
            self.keeper.asked = number  # it ends when its rank has saved

    def follow(self) -> int:
        """Do its part of each run that is announced; returns the code with which the command has ended."""
        self.board.come(self.given.rank)
        number = 1
        while not self.asked:
            if (announcement := self.board.find_announcement(number)) is None:
                time.sleep(LOOK_SECONDS)
                continue
            if announcement.is_last:
                return announcement.code
            if self.given.rank < announcement.size:
                self.take_part(announcement)
            number += 1
        return 128 + self.asked

    def take_part(self, announcement: Announcement) -> None:
        """Do its part of one run, or say why it can't."""
        with suppress(OSError):  # where it is not there, neither is what is looked for
            os.chdir(announcement.folder)
        if not is_seen(Path(announcement.file), announcement.digest):
            why = f"{Path(announcement.file).parent} is not there as rank 0 has written it: {SHARED}"
            self.board.refuse(announcement.number, self.given.rank, f"on {socket.gethostname()}: {why}")
            return
        self.keeper = Keeper(self.board, self.given, announcement)
        self.keeper.keep()
        self.keeper = None


def is_seen(file: Path, digest: str) -> bool:
    """Wait until a file is there as another machine has written it; tells whether it is."""
    end = time.monotonic() + SEEN_SECONDS
    while not (seen := digest_file(file) == digest) and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return seen


def main() -> None:
    """Follow until no run comes any more; exit code 1 where the one that leads is gone."""
    given = given_rank()
    assert given is not None
    try:
        try:
            follower = Follower(given, Board(connect(given, ARRIVAL)))
        except KeyboardInterrupt:  # nobody waits for it yet
            sys.exit(128 + signal.SIGINT)
        follower.listen()
        code = follower.follow()
        follower.board.leave(given.rank)
    except LOST as error:
        place = f"rank {given.rank} on {socket.gethostname()}"
        line = next(iter(str(error).splitlines()), "")
        print(f"laptime: {place}: rank 0 at {given.address}:{given.port} is gone ({line})", file=sys.stderr)
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
