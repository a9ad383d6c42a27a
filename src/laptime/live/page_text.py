"""The page of the live view before anything has happened: its frame, in English or Korean."""

from __future__ import annotations

from importlib import resources

import jinja2

from laptime.live.desk import Desk
from laptime.methods.method import find_methods


def render_page(desk: Desk) -> str:
    """Return the HTML; every text is escaped by the template engine."""
    source = (resources.files("laptime.live") / "page" / "live.html.j2").read_text(encoding="utf-8")
    templates = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    language = desk.language
    methods = [(name, language.title(name), name in ("full", "lora")) for name in find_methods()]
    return templates.from_string(source).render(lang=desk.lang, say=language.say, methods=methods)
