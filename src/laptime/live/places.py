"""The folder that the live view looks into: which races lie there, and which names a new one may have."""

from __future__ import annotations

import hashlib
from pathlib import Path

from laptime.errors import UserError, check_path
from laptime.live.race_reader import is_at_work, is_ours
from laptime.runs.lock import MARKER_FILE
from laptime.runs.machine_lock import private_folder
from laptime.runs.plan import FILE_NAME as PLAN_FILE
from laptime.runs.record import FILE_NAME as RECORD_FILE
from laptime.util.atomic import find_unused

MOST_RACES = 100
STEM = "laptime-comparison"


class Places:
    """The races in one folder, by the names of theirs; one that was named itself is shown first.

    Names come from a browser: none leads anywhere but to a folder that lies here and is one of Laptime's.
    """

    def __init__(self, given: Path) -> None:
        if not given.is_dir():
            why = "a file; give the folder that it lies in" if given.is_file() else "no such folder"
            raise UserError(f"{given}: {why}")
        self.first = ""
        self.root = given
        if is_ours(given):
            whole = given.resolve()
            self.first = whole.name
            self.root = given.parent if given.name == whole.name else whole.parent

    def list_names(self) -> list[str]:
        """Return the names of the races here: those at work first, then the newest ones."""
        found = [
            path for path in self.root.iterdir() if not path.is_symlink() and path.is_dir() and is_ours(path)
        ]
        found.sort(key=lambda path: (not is_at_work(path), -_begun(path)))
        return [path.name for path in found[:MOST_RACES]]

    def find(self, name: str) -> Path | None:
        """Return the folder of a race, None for a name that is none of a race here."""
        if not _is_plain(name):
            return None
        folder = self.root / name
        is_given = name == self.first
        return folder if is_ours(folder) and (is_given or not folder.is_symlink()) else None

    def choose(self, name: str) -> Path:
        """Return where a new race goes: the folder of that name, else the first unused one of Laptime's own.

        Raises UserError for a name that is no plain one. What already lies there is for the race to judge.
        """
        if not name:
            return find_unused(self.root / STEM)
        check_path(name, "--out")
        if not _is_plain(name):
            raise UserError(f"--out {name}: give the name of a folder, which is made in {self.root}")
        return self.root / name


def _is_plain(name: str) -> bool:
    return bool(name) and name not in (".", "..") and not any(letter in name for letter in "/\\\0")


def _begun(folder: Path) -> float:
    """Return when a folder was begun, in seconds since 1970; 0 where nothing tells."""
    times = []
    for name in (PLAN_FILE, RECORD_FILE, MARKER_FILE):
        try:
            times.append((folder / name).stat().st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)


def private_file(folder: Path, ending: str) -> Path:
    """Return the file of this user's own that holds what the live view keeps of a race beside its folder."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return private_folder() / f"live-{digest}.{ending}"
