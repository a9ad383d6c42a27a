"""Starts the process of a run or of the preparation: first what makes its imports short, then its module.

python -m laptime.training.start MODULE JOB.json
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import signal
import sys
import threading

from laptime.training.imports import defer_imports


def main() -> None:
    """Import the module that the command line names and call its `main`."""
    module = sys.argv.pop(1)
    defer_imports()
    gc.disable()  # nothing of what is imported goes away again
    imported = importlib.import_module(module)
    gc.freeze()
    gc.enable()
    try:
        imported.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    leave(code)


def end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it dies: nobody would read its record."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def leave(code: int) -> None:
    """End the process at once: to take two thousand modules apart would cost it a second."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
