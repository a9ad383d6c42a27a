"""A race as the page shows it: words and drawings made from what its records hold."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from laptime.comparison.result import ComparisonResult
from laptime.errors import UserError
from laptime.live.live_charts import draw_interval, draw_losses, draw_memory
from laptime.live.now_line import share_done, write_now
from laptime.live.race_reader import Now, RaceReader
from laptime.report.colours import number_rows
from laptime.report.headline import Headline, choose_pair, read_ratio, write_headline
from laptime.report.language import Language, choose_language
from laptime.report.page import HTML_NAME, list_banners
from laptime.report.plain_text import clean, keep_unbroken
from laptime.report.quantities import Lang
from laptime.report.rounds_sentences import write_rounds
from laptime.report.sanitising import sanitise
from laptime.report.table import choose_columns, make_rows
from laptime.runs.folder import find_inputs

COLUMNS = ("train", "total", "step", "memory", "loss", "held_out")


class RaceView:
    """Shows one folder; kept between looks, since what was read need not be read again."""

    def __init__(self, folder: Path, lang: Lang) -> None:
        self.folder = folder
        self.lang = lang
        self._reader = RaceReader(folder)
        self._shown: ComparisonResult | None = None
        self._clean: ComparisonResult | None = None

    def look(self) -> dict[str, Any]:
        """Return the race as it stands, in plain values for JSON."""
        now = self._reader.read()
        if now.result is not self._shown:
            self._shown, self._clean = now.result, sanitise(now.result) if now.result else None
        return make_view(replace(now, result=self._clean), self.folder, self.lang)


def make_view(now: Now, folder: Path, lang: Lang) -> dict[str, Any]:
    """Return what the page shows of a race; the texts of `now.result` must be sanitised."""
    language = choose_language(lang, now.result) if now.result else Language(lang)
    told = {
        "state": now.state,
        "state_text": language.say(f"live.state.{now.state}"),
        "trouble": clean(now.trouble),
        "now": write_now(now, language),
        "share": share_done(now),
        "losses": draw_losses(now, language),
        "interval": draw_interval(now.result, language),
        "memory": draw_memory(now, language),
        "report": now.state == "finished" and (folder / HTML_NAME).is_file(),
    }
    if now.result is None:
        return told
    answers = _list_answering(now.result, language) if _can_be_asked(folder) else []
    return told | {"answers": answers} | _tell_result(now.result, language)


def write_verdict(result: ComparisonResult, language: Language) -> Headline:
    """Return the headline so far; of a race that has no ratio yet it does not say that it has none."""
    pair = choose_pair(result)
    if result.complete or (pair is not None and read_ratio(pair, "train") is not None):
        return write_headline(result, language)
    return Headline(language.say("live.no_verdict"), "", "open")


def _tell_result(result: ComparisonResult, language: Language) -> dict[str, Any]:
    """Return headline, table and what must be known to read them."""
    headline = write_verdict(result, language)
    pair = choose_pair(result)
    columns = choose_columns(result)
    shown = [columns.index(name) for name in COLUMNS]
    rounds = write_rounds(result, pair, language) if any(method.rounds for method in result.methods) else []
    return {
        "headline": headline.text,
        "total": headline.total,
        "rounds": " ".join(one.text for one in rounds),
        "banners": [
            {"label": label, "text": text, "command": command}
            for kind, label, text, command in list_banners(result, language)
            if kind != "incomplete"
        ],
        "columns": [language.say(f"column.{name}") for name in COLUMNS],
        "rows": [
            {
                "title": row.title,
                "number": row.number,
                "status": language.plural("live.rounds", len(method.rounds))
                if method.rounds or not method.failures
                else row.status_label,
                "cells": [
                    {"figure": row.cells[i].figure, "below": [*map(keep_unbroken, row.cells[i].below)]}
                    for i in shown
                ],
                "failures": row.failures,
            }
            for row, method in zip(make_rows(result, language), result.methods, strict=True)
        ],
    }


def _can_be_asked(folder: Path) -> bool:
    """Tell whether there is what a question needs; records alone, as they are published, lack it."""
    with suppress(UserError, OSError):
        return find_inputs(folder).is_dir()
    return False


def _list_answering(result: ComparisonResult, language: Language) -> list[dict[str, str]]:
    """Return name, title and colour of those that can be asked: none before a result is saved."""
    numbers = number_rows(result)
    saved = [
        {"name": method.name, "title": language.title(method.name), "number": str(numbers[method.name])}
        for method in result.methods
        if method.saved_paths
    ]
    base = {"name": "base", "title": language.say("title.base"), "number": "b"}
    return [base, *saved] if saved else []
