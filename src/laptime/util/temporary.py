"""Where temporary files lie: in TMPDIR, or where Python goes when nothing can be written there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from laptime.errors import UserError
from laptime.util.disk import no_room

ELSEWHERE = "make room, or set TMPDIR to another folder"


def temporary_folder() -> Path:
    """Return the folder of temporary files; raises UserError where none can be written to."""
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        given = f"TMPDIR {os.environ['TMPDIR']}: " if os.environ.get("TMPDIR") else ""
        raise UserError(
            f"{given}no temporary file can be written ({error.strerror}); set TMPDIR to a folder"
        ) from None


def no_temporary_room(needs: str, why: str = "") -> UserError:
    """Return the refusal of the folder of temporary files, as `no_room` does."""
    folder = temporary_folder()
    return no_room(str(folder), folder, needs, why, ELSEWHERE)


def tell_passed_over() -> list[str]:
    """Return the note on a TMPDIR that nothing can be written to; raises UserError where no folder does."""
    folder, given = temporary_folder(), os.environ.get("TMPDIR")
    if not given or os.path.abspath(given) == str(folder) or not (why := find_fault(given)):  # noqa: PTH100
        return []
    return [f"note: TMPDIR {given}: nothing can be written there ({why}); temporary files go to {folder}"]


def find_fault(folder: str) -> str:
    """Return why nothing can be written to a folder, "" where something can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"tried")
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return ""
