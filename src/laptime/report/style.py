"""The files in templates/: pages, and the style of charts and page."""

from __future__ import annotations

from importlib import resources


def read_template(name: str) -> str:
    """Return one of the files in templates/."""
    return (resources.files("laptime.report") / "templates" / name).read_text(encoding="utf-8")
