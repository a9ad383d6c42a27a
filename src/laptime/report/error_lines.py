"""The lines that tell what a user did that cannot work, in the language that was asked for.

They are made in English, wherever something is refused: "PLACE: what is wrong; what to do; or what else".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from laptime.report.phrasebook import Phrasebook
from laptime.report.quantities import Lang

_LONGEST = 1000  # letters of a line that is looked at: more is mostly somebody's text
_BETWEEN = "; "  # clauses
_BEHIND = ": "  # a place


def say_error(line: str, lang: Lang) -> str:
    """Return an error line in a language: places, and clauses that are not known, as they are."""
    if lang == "en" or len(line) > _LONGEST:
        return line
    if whole := _phrasebook(of_lines=True).say(line):
        return whole
    return _BETWEEN.join(_say_clause(clause) for clause in line.split(_BETWEEN))


def _say_clause(clause: str) -> str:
    """Return a clause in Korean, with what stands before it as it is: an option, a file and its line.

    Where it begins is where most of what follows is a phrase's own: a short one may fit a place too.
    """
    found = [(start, said) for start in _starts(clause) if (said := _phrasebook().find(clause[start:]))]
    if not found:
        return clause
    start, said = max(found, key=lambda pair: pair[1].num_letters)
    return clause[:start] + said.korean


def _starts(clause: str) -> Iterator[int]:
    """Yield where a clause may begin: at once, then behind one place, two, and so on."""
    start = 0
    while True:
        yield start
        colon = clause.find(_BEHIND, start)
        if colon < 0:
            return
        start = colon + len(_BEHIND)


@cache
def _phrasebook(of_lines: bool = False) -> Phrasebook:
    """Return the phrases that are clauses, or those that are lines of several."""
    known = find_phrases().items()
    return Phrasebook({english: korean for english, korean in known if (_BETWEEN in english) == of_lines})


@cache
def find_phrases() -> dict[str, str]:
    """Return all phrases of error lines; their files are read for a Korean line alone."""
    from laptime.report import recorded_ko
    from laptime.report.errors_ko import data, files, libraries, options, runs, training

    return {
        english: korean
        for file in (recorded_ko, libraries, files, data, options, runs, training)
        for english, korean in file.PHRASES.items()
    }
