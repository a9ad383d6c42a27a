"""Where trackers show a comparison, for the page: addresses, and commands for what lies in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from laptime.report.plain_text import clean_all
from laptime.trackers.links import read_links

FIRST = ("report", "summary")  # of all that has an address, what shows most
MOST_SHOWN = 24


def list_trackers(folder: Path) -> list[dict[str, Any]]:
    """Return what each tracker was told of the comparison in `folder`; empty where there is none."""
    rows = []
    known: dict[str, Any] = clean_all(msgspec.to_builtins(read_links(folder)))  # type: ignore[assignment]
    for name, published in sorted(known.items()):
        links = sorted(published["links"], key=lambda link: (link["title"] not in FIRST, link["title"]))
        shown = [(link["title"], link["url"]) for link in links[:MOST_SHOWN]]
        more = len(links) - len(shown)
        command = published["command"].replace("`", "'")  # which would end the code that it stands in
        rows.append({"name": name, "links": shown, "more": more, "command": command})
    return rows
