"""Phrases that a record holds in English, in the language of the report."""

from __future__ import annotations

from functools import cache

from laptime.report.language import Language
from laptime.report.phrasebook import Phrasebook
from laptime.report.recorded_ko import PHRASES

_LONGEST = 600  # letters of a phrase that is put into another language: more is somebody's text


def say_recorded(text: str, language: Language) -> str:
    """Return a phrase of a record in the language of the report; one that is not known stays as it is."""
    return text if language.code == "en" or len(text) > _LONGEST else _phrasebook().say(text) or text


@cache
def _phrasebook() -> Phrasebook:
    return Phrasebook(PHRASES)
