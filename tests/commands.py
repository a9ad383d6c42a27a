"""Runs the command line for tests: as a person does, or in processes that have imported it already.

The latter spares a test most of a second.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["laptime.cli", "laptime.api"])  # neither imports torch


def run_command(
    words: Sequence[str], cwd: Path | None, environment: Mapping[str, str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Return the exit code of `laptime` and what it printed, as subprocess.run would."""
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder) / "out", Path(folder) / "errors"
        arguments = (list(words), str(cwd or Path.cwd()), dict(environment), str(out), str(errors))
        process = _context.Process(target=_run, args=arguments)
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(list(words), timeout)
        printed = (file.read_text(encoding="utf-8") for file in (out, errors))
        return subprocess.CompletedProcess(list(words), process.exitcode, *printed)


def laptime(folder: Path, *words: str, code: int = 0, **variables: str) -> str:
    """Run `laptime` in `folder` as a person does, assert its exit code and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "laptime.cli", *words],
        cwd=folder,
        env=os.environ | {"COLUMNS": "80"} | variables,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def _run(words: list[str], cwd: str, environment: dict[str, str], out: str, errors: str) -> None:
    """Be the command: its place, its variables, its streams and its arguments."""
    from laptime.cli import main

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, file in ((1, out), (2, errors)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["laptime", *words]
    main()
