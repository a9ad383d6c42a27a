"""Runs of W&B that are shown while they run, and are taken away when the whole ones have arrived."""

from __future__ import annotations

import threading
from pathlib import Path

from laptime.util.atomic import remove_folder

LIVE_FILE = "live.txt"  # of FOLDER/wandb: entity/project/id of each run that was shown live, one a line


def note_live(place: Path, path: str) -> None:
    """Note a run that is shown live, so that it can be taken away."""
    with (place / LIVE_FILE).open("a") as file:
        file.write(f"{path}\n")


def take_live_away(place: Path, seconds: float) -> str:
    """Delete the runs that were shown live from the server; returns "" or what is left of them.

    In a thread: the library waits for as long as it likes.
    """
    file = place / LIVE_FILE
    if not file.is_file():
        return ""
    paths = file.read_text().split()
    gone: list[str] = []

    def delete() -> None:
        import wandb

        for path in paths:
            try:
                wandb.Api(timeout=max(1, int(seconds))).run(path).delete()
            except Exception:  # whatever the library raises: it stays noted
                continue
            gone.append(path)

    thread = threading.Thread(target=delete, daemon=True)
    thread.start()
    thread.join(seconds)
    for path in list(gone):
        for folder in place.glob(f"run-*-{path.rpartition('/')[2]}"):
            remove_folder(folder)
    left = [path for path in paths if path not in gone]
    if not left:
        file.unlink()
        return ""
    file.write_text("".join(f"{path}\n" for path in left))
    return f"{len(left)} of the runs that were shown live could not be taken away: {', '.join(left)}"
