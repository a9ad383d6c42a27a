"""Keeps the store at which the processes of a launcher meet, as long as the command goes on.

    python -m laptime.training.hub

The first of them starts it. Where the launcher keeps a store (torchrun does), that one serves; then all that
is left is to say to the others, at the end, that no run will come any more.
"""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import suppress

from torch.distributed import TCPStore

from laptime.runs.given_ranks import GivenRank, given_rank
from laptime.training.board import ANSWER, LOST, WHILE_SECONDS, Board, connect

WAITING, READY = "waiting", "ready"
SOON_SECONDS = 3.0  # before it is said who is missing
KILLED = 137


def main() -> None:
    """Keep the store until nobody is left who could write to this process."""
    given = given_rank()
    assert given is not None
    try:
        kept = None if given.has_store else keep_store(given)
        board = Board(connect(given))
        # What they import would pass for other work on this machine.
        missing = board.await_arrival(given.size, SOON_SECONDS)
        if missing:
            print(WAITING, *missing, flush=True)
            board.await_arrival(given.size, WHILE_SECONDS - SOON_SECONDS)
    except (OSError, *LOST) as error:
        print(f"{given.address}:{given.port} (MASTER_ADDR, MASTER_PORT): {tell_error(error)}", flush=True)
        sys.exit(1)
    print(READY, flush=True)
    code = sys.stdin.read()  # until the command ends, in whatever way
    with suppress(*LOST):
        board.announce_end(int(code) if code.isdigit() else KILLED)
        board.await_leaving(given.size)
    del kept


def tell_error(error: Exception) -> str:
    """Return what an error says, in one line."""
    return (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())


def keep_store(given: GivenRank) -> TCPStore:
    """Return a store that listens at the address that the others were told, or at all of this machine's."""
    try:
        listener = socket.create_server((given.address, given.port))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:  # a name that leads here by a detour
            raise
        listener = socket.create_server(("", given.port))
    return TCPStore(
        given.address, given.port, is_master=True, wait_for_workers=False, timeout=ANSWER,
        master_listen_fd=listener.detach(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
