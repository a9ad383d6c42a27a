"""The command and the processes that it starts, as forks of one that has imported what they need.

Nothing but imports differs from what the command starts by itself: each is a process of its own, begins
as `laptime.startup.start` and is watched, stopped and waited for by the product. Imports take most of what a
tiny run takes; how they go is tested on runs that are begun as a person begins them.

To import this module puts imports off, as the product does before a run: only processes of tests' own do so.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, NoReturn

from laptime.cli import main as cli
from laptime.runs import process as processes
from laptime.runs.lock import descriptors_to_hand_on
from laptime.startup import start
from laptime.startup.imports import defer_imports

LOOK_SECONDS = 0.005

gc.disable()
os.environ["HF_HUB_OFFLINE"] = "1"  # read while importing: no fork needs a network
defer_imports()
for module in ("api", "cli.running", "interview", "training.preprocess", "training.run"):
    importlib.import_module(f"laptime.{module}")
gc.freeze()
gc.enable()


def become_command(words: list[str], cwd: str, environment: dict[str, str], out: str, errors: str) -> None:
    """Be the command: its place, its variables, its streams and its arguments."""
    os.chdir(cwd)
    for number, file in ((1, out), (2, errors)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    begin_anew(["laptime", *words], environment)
    processes.start = start_fork  # type: ignore[assignment]
    cli.main()


def begin_anew(words: list[str], environment: Mapping[str, str]) -> None:
    """Forget the arguments and the variables of the process that this one is a fork of."""
    sys.argv = words
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None


class Fork:
    """What the product asks of a process that it has started, as subprocess.Popen answers it."""

    def __init__(self, pid: int, stdin: BinaryIO | None) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while there is none."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code."""
        begun = time.monotonic()
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() - begun > timeout:
                raise subprocess.TimeoutExpired([], timeout)
            time.sleep(LOOK_SECONDS)
        return code


def start_fork(module: str, job: Path, log: BinaryIO, environment: dict[str, str], stdin: int) -> Fork:
    """Do what `laptime.runs.process.start` does, without another interpreter."""
    words = ["laptime.startup.start", module, str(job), str(os.getpid())]
    if stdin == subprocess.PIPE:
        reads, writes = os.pipe()
        given: BinaryIO | None = os.fdopen(writes, "wb", buffering=0)
    else:
        reads, given = os.open(os.devnull, os.O_RDONLY), None
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        become_run(words, environment, (reads, log.fileno(), log.fileno()))
    os.close(reads)
    return Fork(pid, given)


def become_run(words: list[str], environment: Mapping[str, str], streams: Iterable[int]) -> NoReturn:
    """Be the process of a run or of the preparation: its session, its streams, the locks that it inherits."""
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        close_all_but({0, 1, 2, *descriptors_to_hand_on()})
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        begin_anew(words, environment)
        start.main()
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def close_all_but(kept: set[int]) -> None:
    """Close what a new program would not inherit."""
    for number, following in itertools.pairwise([*sorted(kept), os.sysconf("SC_OPEN_MAX")]):
        os.closerange(number + 1, following)
