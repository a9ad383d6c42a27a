"""Processes of `laptime` that the live view starts: races, which outlive it, and short ones, which do not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from msgspec import Struct

from laptime.util.atomic import open_log

LIMIT_SECONDS = 600.0  # of a short one
COMMAND = (sys.executable, "-m", "laptime")


class Ended(Struct):
    """What a short process printed, and its exit code."""

    code: int
    out: str
    error: str


def start_race(words: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a race in a session of its own: it goes on when this process ends, however it ends."""
    with open_log(log) as file:
        return subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class Children:
    """The short processes that are at work; they end with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alive: set[subprocess.Popen[str]] = set()
        self._closed = False

    def start(self, words: list[str]) -> subprocess.Popen[str]:
        """Start a short process whose words are read as they come; `end` it."""
        with self._lock:
            if self._closed:
                raise InterruptedError
            process = subprocess.Popen(
                [*COMMAND, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
                env=os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "1000"},
            )
            self._alive.add(process)
        return process

    def run(self, words: list[str]) -> Ended:
        """Run a short process to its end; one that takes too long is ended."""
        process = self.start(words)
        try:
            out, error = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.end(process)
            return Ended(1, "", f"ended after {LIMIT_SECONDS:.0f} s")
        finally:
            self.end(process)
        return Ended(process.returncode, out, error)

    def end(self, process: subprocess.Popen[str]) -> None:
        """End a short process with all that it has started, where it has not ended by itself."""
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5.0)
            if process.poll() is None:
                process.kill()
                process.wait()
        with self._lock:
            self._alive.discard(process)

    def close(self) -> None:
        """End all of them; none starts from here on."""
        with self._lock:
            self._closed, left = True, list(self._alive)
        for process in left:
            self.end(process)


def last_line(text: str) -> str:
    """Return the last line that says something, as the line of an error: without what begins it."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("laptime: error: ").removeprefix("laptime: 오류: ") if lines else ""
