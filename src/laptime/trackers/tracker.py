"""The seam of the trackers: what one must offer, and how trackers are found.

A tracker is one file in this folder with one object called `TRACKER`. It imports its library inside its
functions only, so that the list of trackers costs nothing and works without any of the libraries.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from laptime.errors import UserError, suggest

if TYPE_CHECKING:
    from laptime.comparison.result import ComparisonResult


SEAM = {"tracker", "publication", "links", "live", "parts"}  # what here is no tracker


class Tracker(Protocol):
    """A reader of records that shows them elsewhere; it runs in a process of its own after the last run."""

    name: str

    def check(self) -> None:
        """Raise UserError, naming the extra to install, when the tracker's library is absent."""

    def publish(self, folder: Path, result: ComparisonResult, network_seconds: float) -> list[str]:
        """Hand over the comparison (or the single run) in `folder`; returns lines for the user.

        A network that stays silent may cost `network_seconds` at the most.
        """


def require(library: str, extra: str) -> None:
    """Raise UserError when `library` is not installed; `extra` is the name of laptime's extra."""
    if importlib.util.find_spec(library) is None:
        raise UserError(f"--track {extra}: {library} is not installed; pip install 'laptime[{extra}]'")


def tracker_names() -> list[str]:
    """Return the names of all trackers, those of their files, without importing them."""
    package = importlib.import_module("laptime.trackers")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name not in SEAM)


def find_trackers() -> dict[str, Tracker]:
    """Return every tracker by name."""
    return {name: importlib.import_module(f"laptime.trackers.{name}").TRACKER for name in tracker_names()}


def find_tracker(name: str) -> Tracker:
    """Return the tracker called `name`; raises UserError with the nearest name."""
    trackers = find_trackers()
    if name not in trackers:
        raise UserError(f"--track: no tracker '{name}'{suggest(name, trackers)}")
    return trackers[name]


def check_trackers(names: tuple[str, ...]) -> None:
    """Raise UserError, before anything runs, for a name that is unknown or a library that is absent."""
    for name in names:
        find_tracker(name).check()
