"""Whether the disk holds what the runs will leave, asked before the first of them starts."""

from __future__ import annotations

import shutil
from pathlib import Path

from laptime.comparison.plan import RUNS_FOLDER, PlannedRun
from laptime.errors import UserError
from laptime.inputs.facts import InputFacts
from laptime.job import CHECKPOINTS_FOLDER
from laptime.methods.method import make_method
from laptime.spec import CompareSpec

SPARE_DISK_BYTES = 200_000_000  # records, logs, the report
CHECKPOINT_BYTES = 14  # for each trained number at the most: half a weight, its master, two moments


def check_disk(spec: CompareSpec, facts: InputFacts, folder: Path, waiting: list[PlannedRun]) -> None:
    """Refuse to start what the disk cannot hold; a method's options are checked against the model too."""
    saved, checkpoints = 0, 0
    for planned in waiting:
        if planned.role == "measured":
            method = make_method(planned.method, spec.method_options.get(planned.method, {}))
            cost = method.cost(facts.shape, 4)
            saved += cost.saved_bytes  # float32 at the most
            checkpoints = max(checkpoints, cost.trainable_parameters * CHECKPOINT_BYTES)
    # A run's checkpoints go when its result is there; a new one is written before the oldest goes.
    kept = (spec.training.keep_checkpoints + 1) * checkpoints if spec.training.save_every else 0
    needed = saved + kept + SPARE_DISK_BYTES if waiting else 0
    free = shutil.disk_usage(folder).free + sum(bytes_below(place) for place in checkpoint_folders(folder))
    if needed > free:
        of_it = f" ({kept / 1e9:.1f} GB of it checkpoints)" if kept else ""
        advice = "a lower --keep-checkpoints, " if kept else ""
        raise UserError(
            f"--out {folder}: the runs save {needed / 1e9:.1f} GB{of_it}, {free / 1e9:.1f} GB are free; "
            f"use {advice}fewer --rounds or another disk"
        )


def checkpoint_folders(folder: Path) -> list[Path]:
    """Return where runs that were stopped left their checkpoints: space that their successors take over."""
    return [folder / CHECKPOINTS_FOLDER, *folder.glob(f"{RUNS_FOLDER}/*/{CHECKPOINTS_FOLDER}")]


def bytes_below(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
