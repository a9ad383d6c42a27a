"""Runs the command line for tests: as a person does, or as forks of a process that has imported all of it.

The latter spares a test most of a second, and three more for every process that the command starts.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.forks"])


class Command:
    """A command that was begun and goes on; it is asked as a subprocess.Popen is."""

    def __init__(self, words: Sequence[str | Path], cwd: Path | None, environment: Mapping[str, str]) -> None:
        self.words = [*map(str, words)]
        self._folder = tempfile.TemporaryDirectory()
        self._files = [Path(self._folder.name) / name for name in ("out", "errors")]
        arguments = (self.words, str(cwd or Path.cwd()), dict(environment), *map(str, self._files))
        self._process = _context.Process(target=_be_command, args=arguments)
        with contextlib.chdir(REPOSITORY):  # where what is preloaded is found
            self._process.start()

    @property
    def pid(self) -> int:
        """The process that is the command."""
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, None while there is none."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Make it end."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for its end; returns what it printed."""
        self._process.join(timeout)
        if self.returncode is None:
            self.kill()
            raise subprocess.TimeoutExpired(self.words, timeout)
        out, errors = (file.read_text(encoding="utf-8") if file.exists() else "" for file in self._files)
        self._folder.cleanup()
        return out, errors


def run_command(
    words: Sequence[str | Path], cwd: Path | None, environment: Mapping[str, str], timeout: float = 280
) -> subprocess.CompletedProcess[str]:
    """Return the exit code of `laptime` and what it printed, as subprocess.run would."""
    command = Command(words, cwd, environment)
    printed = command.communicate(timeout)
    assert command.returncode is not None
    return subprocess.CompletedProcess(command.words, command.returncode, *printed)


def laptime(folder: Path, *words: str, code: int = 0, forks: bool = False, **variables: str) -> str:
    """Run `laptime` in `folder` as a person does, assert its exit code and return what it printed.

    With `forks` it is a fork, and so are the processes that it starts.
    """
    environment = os.environ | {"COLUMNS": "80"} | variables
    if forks:
        done = run_command(words, folder, environment)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "laptime", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def _be_command(*arguments: str) -> None:
    """Be the command."""
    from tests.forks import become_command  # not before: it puts imports off

    become_command(*arguments)  # type: ignore[arg-type]
