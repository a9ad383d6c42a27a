"""Where trackers have put a comparison: `trackers.json` beside the records, which the report shows.

Nothing is read from a tracker: what stands here is what it said when it was told.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from laptime.errors import UserError
from laptime.util.atomic import write_json
from laptime.util.untrusted import read_whole

FILE_NAME = "trackers.json"
VERSION = 1
MOST_LINKS = 500


class Link(Struct, kw_only=True, forbid_unknown_fields=True):
    """An address at which a part of the comparison can be looked at."""

    title: str
    url: str


class Published(Struct, kw_only=True, forbid_unknown_fields=True):
    """What one tracker was told: `path` lies in its folder, in which `command` opens or sends it."""

    time: float  # seconds since 1970
    path: str = ""
    command: str = ""
    links: list[Link] = []


class TrackerLinks(Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    version: int = VERSION
    trackers: dict[str, Published] = {}


def keep_links(
    folder: Path, tracker: str, *, path: str = "", command: str = "", links: dict[str, str] | None = None
) -> None:
    """Note where `tracker` has put the comparison in `folder`, in place of what stood there of it.

    `links` are addresses by title, beside those of earlier calls. Raises UserError where a file of somebody
    else's lies in the way.
    """
    known = _read(folder)
    before = known.trackers.get(tracker)
    addresses = {link.title: link.url for link in before.links} if before else {}
    addresses |= links or {}
    shown = [Link(title=title, url=url) for title, url in addresses.items() if is_address(url)]
    known.trackers[tracker] = Published(time=time.time(), path=path, command=command, links=shown)
    write_json(folder / FILE_NAME, known)


def read_links(folder: Path) -> dict[str, Published]:
    """Return what trackers were told, by tracker; nothing where that is not known."""
    with suppress(UserError):
        known = _read(folder).trackers
        for published in known.values():
            published.links = [link for link in published.links[:MOST_LINKS] if is_address(link.url)]
        return known
    return {}


def is_address(url: str) -> bool:
    """Tell whether a page may lead there: the web's addresses alone, without a login."""
    return bool(re.fullmatch(r"https?://[^\s/@\"'<>]+(/[^\s\"'<>]*)?", url))


def _read(folder: Path) -> TrackerLinks:
    """Return the file; raises UserError where it is not one of ours."""
    path = folder / FILE_NAME
    try:
        known = msgspec.json.decode(read_whole(path), type=TrackerLinks)
    except FileNotFoundError:
        return TrackerLinks()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UserError(f"{path}: not a list of trackers that laptime wrote; move it away") from None
    if known.version != VERSION:
        raise UserError(f"{path}: version {known.version}; this laptime reads {VERSION}")
    return known
