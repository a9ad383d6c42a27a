"""Hands a finished comparison to trackers, each in a process of its own that can't harm it.

Nothing starts before the last measured run is over, and a tracker that fails, hangs or dies costs one
line and some seconds: neither the results nor the exit code depend on it.

    python -m laptime.trackers.publication NAME FOLDER NETWORK_SECONDS
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from laptime.comparison import result as results
from laptime.comparison.collection import collect, collect_single
from laptime.credentials import hide
from laptime.errors import UserError
from laptime.runs import plan as plans
from laptime.runs.process import kill_group
from laptime.runs.watchdog import LOOK_SECONDS, End, HungError, Life
from laptime.trackers.tracker import find_tracker

SILENT_SHARE = 0.8  # of the deadline: silence is noticed late, and its end takes time
MODULE = "laptime.trackers.publication"
WRITING_SECONDS = 60.0  # for what a tracker writes to the disk; only a network gets a shorter deadline


def publish(
    folder: Path,
    names: tuple[str, ...],
    deadline_seconds: float = 10.0,
    writing_seconds: float = WRITING_SECONDS,
) -> list[str]:
    """Hand the comparison or the run in `folder` to each tracker; returns lines for the user, never raises.

    A tracker may lose `deadline_seconds` to a network that stays silent. One that does nothing at all for
    so long is ended with its whole process group, and any after `writing_seconds` more.
    """
    lines = []
    for name in names:
        try:
            lines += _publish_one(folder, name, deadline_seconds, writing_seconds)
        except OSError as error:
            lines.append(f"{name}: could not be started ({error.strerror})")
    return lines


def _publish_one(folder: Path, name: str, deadline_seconds: float, writing_seconds: float) -> list[str]:
    """Run one tracker in its own session and return what it has to say."""
    # -P: a file of the present folder named like a library must not be imported in its place.
    command = [sys.executable, "-P", "-m", MODULE, name, str(folder), str(deadline_seconds)]
    with tempfile.TemporaryFile() as said:  # no pipe: a grandchild that holds it open would hold us up
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.DEVNULL, start_new_session=True
        )
        trouble = _wait(process, deadline_seconds, deadline_seconds + writing_seconds)
        lines = _read_lines(said)
    if trouble:
        return [*lines, f"{name}: {trouble}; the results in {folder} are complete"]
    if process.returncode and not lines:
        return [f"{name}: failed (exit code {process.returncode}); the results in {folder} are complete"]
    return lines


def _wait(process: subprocess.Popen[bytes], silent_seconds: float, most_seconds: float) -> str:
    """Wait for a tracker; returns "" or why it was ended. What it leaves running is ended with it."""
    begun = time.monotonic()
    life, end = Life(process.pid, SILENT_SHARE * silent_seconds / 60), End(process)
    try:
        while not end.wait(LOOK_SECONDS):
            life.look()
            if time.monotonic() - begun > most_seconds:
                return f"ended after {most_seconds:g} s"
    except HungError:
        return f"ended after {time.monotonic() - begun:.0f} s without a sign of life"
    finally:
        end.close()
        kill_group(process)
    return ""


def _read_lines(file: IO[bytes]) -> list[str]:
    """Return the lines of a file that are not empty."""
    file.seek(0)
    return [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]


def load_result(folder: Path) -> results.ComparisonResult:
    """Return the comparison in `folder` from its records, which alone are proof of what was measured.

    The folder of a single run gives a comparison of one. Raises UserError when it holds neither.
    """
    return collect(folder) if (folder / plans.FILE_NAME).is_file() else collect_single(folder)


def main(arguments: list[str]) -> int:
    """Publish in this process; prints the lines for the user, or the one line that says what failed."""
    name, folder, network_seconds = arguments[0], Path(arguments[1]), float(arguments[2])
    try:
        with contextlib.redirect_stdout(sys.stderr):  # a library's chatter is no line for the user
            lines = find_tracker(name).publish(folder, load_result(folder), network_seconds)
    except UserError as error:
        lines = [f"{name}: {error}"]
    except OSError as error:
        place = error.filename or folder
        print(f"{name}: {place}: {error.strerror or error}; the results in {folder} are complete")
        return 1
    except Exception as error:  # whatever a library raises: one line, no traceback
        what = hide(" ".join(str(error).split())) or "no message"
        print(f"{name}: failed ({type(error).__name__}: {what}); the results in {folder} are complete")
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
