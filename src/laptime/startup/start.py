"""Starts the process of a run or of the preparation: first what makes its imports short, then its module.

python -m laptime.startup.start MODULE JOB.json PARENT

PARENT is the process that started it. When that one dies, this one is told, from its first line on: nobody
would read its record.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from laptime.credentials import print_traceback
from laptime.startup.imports import defer_imports
from laptime.startup.page_cache import begin_reading
from laptime.startup.speedup_switches import is_wanted


def main() -> None:
    """Import the module that the command line names and call its `main`."""
    end_with_parent(int(sys.argv.pop()))
    sys.excepthook = print_traceback
    module, job = sys.argv.pop(1), read_job(Path(sys.argv[1]))
    if job["is_rank"] and module.endswith(".run"):
        end_with_parent(os.getppid(), signal.SIGKILL)  # it may wait for others where it hears no signal
    if is_wanted("light_imports", job["training"]):
        defer_imports()
    if job["model_folder"] and is_wanted("read_ahead", job["training"]):
        begin_reading(Path(job["model_folder"]))
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


def read_job(file: Path) -> dict[str, Any]:
    """Return the training options of a job, and the model's folder as far as it is known."""
    job = json.loads(file.read_bytes())
    training = job["training"] if "training" in job else job["spec"]["training"]
    folder = None
    if "inputs" in job and job["spec"].get("trainer", "laptime") == "laptime":
        folder = json.loads((Path(job["inputs"]) / "facts.json").read_bytes())["model_folder"]
    return {"training": training, "model_folder": folder, "is_rank": len(job.get("devices", [])) > 1}


def end_with_parent(parent: int, number: int = signal.SIGTERM) -> None:
    """Ask Linux to end this process when the one that started it dies; end at once where it has."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, number)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGTERM)


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
