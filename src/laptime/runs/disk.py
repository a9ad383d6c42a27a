"""Whether the disk holds what the runs will leave and keep, asked before the first of them starts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from laptime.errors import UserError
from laptime.methods.method import make_method
from laptime.models.shape import Shape
from laptime.runs.job import CHECKPOINTS_FOLDER
from laptime.runs.plan import RUNS_FOLDER
from laptime.spec import OURS, RunSpec
from laptime.startup.speedup_switches import is_wanted
from laptime.util.disk import show_size
from laptime.util.user_cache import shared_prefixes

SPARE_DISK_BYTES = 200_000_000  # records, logs, the report
LITTLE_BYTES = 1_000_000  # not worth a word
# Of the bytes of the data, what their tokens are sure to take: columns are left out, long texts are cut.
SURE_SHARE = 0.1
MOMENT_BYTES = 4  # for each trained number: float32 at the most
CHECKPOINT_BYTES = 14  # for each trained number at the most: half a weight, its master, two moments


def check_disk(
    waiting: Sequence[RunSpec],
    shape: Shape | None,
    folder: Path,
    remedies: Sequence[str] = (),
    inputs_bytes: int = 0,
    moments: int = 0,
) -> None:
    """Refuse to start the runs of `waiting` where the disk cannot hold what they leave and keep.

    A method's options are checked against the model too; `shape` is None where it is not known yet.
    `remedies` are options of the command that would leave less. Before the data are encoded, `inputs_bytes`
    is about what they will take. At so many `moments` a training keeps its weights. Raises UserError.
    """
    saved, kept = count_results(waiting, shape, moments) if shape else (0, 0)
    needed, free = (saved + kept + SPARE_DISK_BYTES if waiting else 0), count_free(folder)
    if needed + SURE_SHARE * inputs_bytes > free:
        left = [f"{show_size(saved)} of results" if shape else "their results"]
        what = "checkpoints and moments" if moments else "checkpoints"
        left += [f"{show_size(kept)} of {what}"] if kept else []
        left += (
            [f"about {show_size(inputs_bytes)} of encoded examples"] if inputs_bytes > LITTLE_BYTES else []
        )
        fewest = (
            saved + count_results([with_one_checkpoint(spec) for spec in waiting], shape, moments)[1]
            if shape
            else 0
        )
        helps = needed > fewest + SPARE_DISK_BYTES and fewest + SPARE_DISK_BYTES <= free
        advice = [
            *(["a lower --keep-checkpoints"] if helps else []),
            *(["fewer --moments"] if moments else []),
        ]
        advice += remedies
        raise UserError(
            f"--out {folder}: the runs leave {' and '.join(left)}, with "
            f"{show_size(SPARE_DISK_BYTES)} to spare for records and the report; {show_size(free)} are free; "
            f"use {', '.join(advice)}{' or ' if advice else ''}another disk"
        )


def with_one_checkpoint(spec: RunSpec) -> RunSpec:
    """Return a spec that keeps no more than one checkpoint."""
    return replace(spec, training=replace(spec.training, keep_checkpoints=1))


def count_results(runs: Sequence[RunSpec], shape: Shape, moments: int = 0) -> tuple[int, int]:
    """Return the bytes that runs leave, and those that they need for checkpoints and moments on the way."""
    costs = [make_method(spec.method, spec.method_options).cost(shape, 4) for spec in runs]
    saved = sum(cost.saved_bytes for cost in costs)  # float32 at the most
    # A run's checkpoints go when its result is there; a new one is written before the oldest goes.
    kept = [
        cost.trainable_parameters
        * (
            moments * MOMENT_BYTES * (spec.trainer == OURS)
            + (spec.training.keep_checkpoints + 1) * CHECKPOINT_BYTES * bool(spec.training.save_every)
        )
        for spec, cost in zip(runs, costs, strict=True)
    ]
    return saved, max(kept, default=0)


def count_free(folder: Path) -> int:
    """Return the bytes free for a comparison in `folder`, with those that its checkpoints will give back."""
    return shutil.disk_usage(folder).free + sum(bytes_below(place) for place in checkpoint_folders(folder))


def check_cache(spec: RunSpec) -> None:
    """Refuse --reuse-cache where nothing would be kept; raises UserError."""
    if not spec.method_options.get("reuse_cache"):
        return
    training = msgspec.structs.asdict(spec.training)
    for name in ("fused_blocks", "prefix_cache"):  # the second works inside the first
        if not is_wanted(name, training):
            option = f"--without {name}" if name in spec.training.without else "--plain"
            raise UserError(f"--reuse-cache: {option} leaves nothing to keep; leave one of the two out")
    folder = shared_prefixes()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(
            f"--reuse-cache: {folder} cannot be written to ({error.strerror}); set XDG_CACHE_HOME to a folder"
        ) from None


def checkpoint_folders(folder: Path) -> list[Path]:
    """Return where runs that were stopped left their checkpoints: space that their successors take over."""
    return [folder / CHECKPOINTS_FOLDER, *folder.glob(f"{RUNS_FOLDER}/*/{CHECKPOINTS_FOLDER}")]


def bytes_below(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
