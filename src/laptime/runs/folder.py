"""The folder of a comparison or of a training: told from a user's by a marker, never silently overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from laptime.data.general import FILE_NAME as GENERAL_FILE
from laptime.data.input_manifest import ENCODED_FILE, MANIFEST_FILE
from laptime.errors import UserError
from laptime.runs.heartbeats import RANKS_FOLDER
from laptime.runs.job import CHECKPOINT_NAMES, CHECKPOINTS_FOLDER, JOB_FILE, LOG_FILE, SAVED_FOLDER
from laptime.runs.lock import MARKER_FILE, file_lock, is_marker
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.plan import RUNS_FOLDER, Plan, read_plan, read_spec
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.runs.record import has_first_line, read_record
from laptime.runs.spec_changes import name_changes
from laptime.util.atomic import UNFINISHED, discard_folder, find_unused, remove_files

INPUTS_FOLDER = "inputs"
REHEARSAL = "rehearsal-"  # inputs/rehearsal-<method> holds a run that ends before it trains
FIRST_WORDS = b'{"event":"started",'
BEGINNING = (RECORD_FILE, JOB_FILE, LOG_FILE)  # what a run writes before its first step
INPUT_FILES = (JOB_FILE, LOG_FILE, ENCODED_FILE, MANIFEST_FILE, GENERAL_FILE)


def choose_folder(out: str | None, stem: str) -> Path:
    """Return the folder of --out, or the first of stem, stem-2, ... that does not exist."""
    return Path(out) if out else find_unused(Path(stem))


def claim(folder: Path, spec: dict[str, Any]) -> Plan | None:
    """Return the plan that `folder` already follows, or None where it is new.

    Raises UserError when it holds something else, or a plan of another spec (naming the keys).
    """
    if not (folder / PLAN_FILE).exists():
        for name in foreign_names(folder):
            raise UserError(f"--out {folder}: holds something else ({name}); give a new or empty folder")
        return None
    plan = read_plan(folder)
    try:
        read_spec(plan)
    except UserError as error:
        raise UserError(f"--out {folder}: {error}; go on with that version, or give a new folder") from None
    if changed := name_changes(plan.spec, spec):
        raise UserError(
            f"--out {folder}: begun with other options ({', '.join(changed)}); "
            f"give another folder, or the options it was begun with"
        )
    return plan


def find_comparison(folder: Path) -> Path | None:
    """Return the folder of the comparison that `folder` is a run of, None where it is of none."""
    near = folder if len(folder.parts) > 2 else folder.resolve()
    home = near.parent.parent
    return home if near.parent.name == RUNS_FOLDER and (home / PLAN_FILE).is_file() else None


def find_inputs(folder: Path) -> Path:
    """Return the inputs of a comparison, of a run in one, or of a training; raises UserError for none."""
    home = find_comparison(folder) or folder
    if (home / INPUTS_FOLDER / MANIFEST_FILE).is_file():
        return home / INPUTS_FOLDER
    raise UserError(
        f"{folder}: no {INPUTS_FOLDER}/{MANIFEST_FILE} here: records alone, as they are published, can't "
        f"be asked; ask where they were made, or do the same again with another --out and ask that"
    )


def refuse_records_alone(folder: Path) -> None:
    """Raise UserError for a published comparison, which has nothing that another run would need."""
    if (
        (folder / PLAN_FILE).exists()
        and not (folder / INPUTS_FOLDER).exists()
        and not (folder / MARKER_FILE).exists()
    ):
        raise UserError(
            f"--out {folder}: the records of a comparison alone, as they are published: nothing goes on "
            f"there; give a new or empty folder"
        )


def foreign_names(folder: Path) -> list[str]:
    """Return what lies in `folder` besides the traces of a start of ours that got no further than its inputs.

    Without our marker all is the user's, whatever it is called. With it, nothing is passed over here that a
    start would write over.
    """
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise UserError(f"--out {folder}: a file; give a folder")
    names = sorted(path.name for path in folder.iterdir())
    if not is_marker(folder / MARKER_FILE):
        return names
    ours = {MARKER_FILE, INPUTS_FOLDER}
    if is_first_line_cut(folder / RECORD_FILE):
        ours.add(RECORD_FILE)
    return [name for name in names if name not in ours and not name.startswith(f"{PLAN_FILE}{UNFINISHED}")]


def is_first_line_cut(record: Path) -> bool:
    """Tell whether a record is one of ours that was killed before it said anything."""
    with suppress(OSError):
        return not has_first_line(record) and FIRST_WORDS.startswith(record.read_bytes()[: len(FIRST_WORDS)])
    return False


@contextmanager
def locked(folder: Path, option: str = "--out") -> Iterator[None]:
    """Keep others out of `folder`.

    When the block is left by an error, a start that got no further than its inputs leaves no trace: what this
    very command made is removed, file by file. Who does not get the lock touches nothing.
    """
    made = make_folder(folder)
    try:
        with file_lock(folder / MARKER_FILE, f"{option} {folder}", hands_on=True) as is_new:
            if is_new:
                refuse_marking(folder)
            try:
                yield
            except BaseException:
                if is_new and not is_begun(folder):
                    forget_start(folder)
                raise
    finally:
        with suppress(OSError):  # those that hold something by now stay
            for path in made:
                path.rmdir()


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; returns those that were not there, the innermost first."""
    try:
        absent = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: cannot be written to ({error.strerror})") from None
    return absent


def is_begun(folder: Path) -> bool:
    """Tell whether a comparison or a training in `folder` got further than its inputs."""
    return (folder / PLAN_FILE).exists() or (folder / RECORD_FILE).exists()


def refuse_marking(folder: Path) -> None:
    """Take back a marker that would make ours what is a user's; raises UserError."""
    names = sorted(path.name for path in folder.iterdir() if path.name != MARKER_FILE)
    if names and not is_begun(folder):
        (folder / MARKER_FILE).unlink()
        raise UserError(f"--out {folder}: holds something else ({names[0]}); give a new or empty folder")


def forget_start(folder: Path) -> None:
    """Take away the traces of a start that got no further than its inputs."""
    inputs = folder / INPUTS_FOLDER
    for rehearsal in inputs.glob(f"{REHEARSAL}*"):
        remove_files(rehearsal, BEGINNING)
    remove_files(inputs, INPUT_FILES)
    (folder / MARKER_FILE).unlink(missing_ok=True)


def forget_beginning(run_folder: Path) -> None:
    """Remove what a run writes before its first step, and nothing else: it would bar the same command."""
    for name in BEGINNING:
        (run_folder / name).unlink(missing_ok=True)
    if (run_folder / RANKS_FOLDER).is_dir():
        discard_folder(run_folder / RANKS_FOLDER)


def has_checkpoint(run_folder: Path) -> bool:
    """Tell whether a run left a checkpoint, whole or not."""
    return any((run_folder / CHECKPOINTS_FOLDER).glob(CHECKPOINT_NAMES))


def has_done_nothing(folder: Path) -> bool:
    """Tell whether a run left nothing that took it a step; a record that cannot be read may tell of some."""
    if (folder / SAVED_FOLDER).exists() or has_checkpoint(folder):
        return False
    with suppress(UserError):
        return not (folder / RECORD_FILE).exists() or not read_record(folder).steps
    return False
