"""The seam of the trackers: what one must offer, and how trackers are found.

A tracker is one file in this folder with one object called `TRACKER`. It imports its library inside its
functions only, so that the list of trackers costs nothing and works without any of the libraries.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from laptime.errors import UserError, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laptime.comparison.result import ComparisonResult
    from laptime.runs.record import RunRecord


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


@runtime_checkable
class Follower(Protocol):
    """A tracker that can also show a race while it runs; see `trackers/live.py`."""

    def follow(self, folder: Path, result: ComparisonResult, records: Sequence[RunRecord]) -> None:
        """Show the runs of these `records`, which have grown; called again and again in one process.

        `result` says whose race it is; what it measured is of the time of the first call. All that is shown
        gives way to what `publish` writes when the race is over.
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


def check_trackers(names: tuple[str, ...], follow: bool = False) -> None:
    """Raise UserError, before anything runs, for a name that is unknown or a library that is absent.

    And, where they are to `follow` what runs, for those that can't, or for none.
    """
    for name in names:
        find_tracker(name).check()
        if follow and not isinstance(find_tracker(name), Follower):
            raise UserError(f"--track-live: {name} shows runs when all is over; leave one of the two out")
    if follow and not names:
        raise UserError("--track-live: no tracker is named that could; add --track tensorboard")
