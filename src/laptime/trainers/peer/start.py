"""Starts another trainer in its own Python: `python start.py JOB.json`, the job that Laptime wrote.

Nothing of Laptime is installed there. This folder, which Python puts on its path, holds no name that a
trainer's packages have; the file of the trainer is loaded by its path, for it is called as the trainer is.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path

from peer_run import PeerRun


def main() -> None:
    """Train as the job says; what fails ends the process with its traceback."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    run = PeerRun(job)
    run.end_with_parent()
    file = Path(job["trainer_file"])
    spec = importlib.util.spec_from_file_location(f"trainer_{file.stem}", file)
    assert spec and spec.loader
    trainer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(trainer)
    try:
        trainer.train(run)
    except Exception:
        traceback.print_exc()
        sys.stdout.flush()
        os._exit(1)  # at once: progress bars, put away in their turn, would write below the reason
    run.close()


if __name__ == "__main__":
    main()
