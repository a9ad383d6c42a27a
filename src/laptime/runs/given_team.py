"""What a command does first that a launcher has started several times: it leads the others, or follows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from laptime.errors import UserError
from laptime.runs.given_ranks import GivenRank, given_rank, read_ranks, read_slurm, take_rank

MOST_NAMED = 8
END_SECONDS = 30.0  # for the others to hear that no run will come any more


class Hub:
    """The process that keeps the place where all meet, as long as the command goes on."""

    def __init__(self, given: GivenRank) -> None:
        self.given = given
        words = [sys.executable, "-m", "laptime.training.hub"]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def await_ready(self) -> None:
        """Wait until others can come, and a while until they have; raises UserError where they can't."""
        said = self._read_line()
        if said.startswith("waiting"):
            print(tell_missing(said.split()[1:]), file=sys.stderr)
            said = self._read_line()
        if said != "ready":
            why = said or f"the place where the {self.given.size} processes meet could not be kept"
            raise UserError(f"{why}; give MASTER_ADDR and MASTER_PORT an address of rank 0 that is free")

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    def close(self, code: int) -> None:
        """Say to all that no run will come any more, and with which code they are to end as well.

        A launcher waits for minutes for those that end badly where others have ended well.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(str(code).encode())
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def tell_missing(ranks: Sequence[str]) -> str:
    """Return the line on the ranks that have not come yet."""
    names = f"rank{'s'[: len(ranks) > 1]} {', '.join(ranks[:MOST_NAMED])}"
    more = f" and {len(ranks) - MOST_NAMED} more" if len(ranks) > MOST_NAMED else ""
    return f"waiting for {names}{more}, 10 minutes at most"


@contextmanager
def team_of_command() -> Iterator[None]:
    """Lead what a launcher has started beside this process, or become one that follows and never return.

    Alone nothing happens. Raises UserError for variables that give no place.
    """
    given = take_rank()
    if given is None:
        yield
        return
    if given.rank:
        os.execv(sys.executable, [sys.executable, "-m", "laptime.training.follow"])
    hub, code = Hub(given), 0
    try:
        hub.await_ready()
        yield
    except BaseException as error:
        code = find_exit_code(error)
        raise
    finally:
        hub.close(code)


def find_exit_code(error: BaseException) -> int:
    """Return the code with which a command ends that is left by an exception."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 130 if isinstance(error, KeyboardInterrupt) else 2


def refuse_given(function: str) -> None:
    """Raise UserError where a launcher has started several processes that call a `function` of Python."""
    given = given_rank() or read_ranks(os.environ) or read_slurm(os.environ)
    if given and given.size > 1:
        raise UserError(
            f"{function}: {given.size} processes were started; only the command takes them (torchrun ... -m "
            f"laptime train), from Python devices={given.size} starts as many on this machine"
        )
