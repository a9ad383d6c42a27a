"""Examples that cannot be trained on: counted by what is wrong with them, all kept with their places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

from msgspec import Struct

from laptime.data.examples import ExampleNote, ExamplesError
from laptime.data.spool import Spool
from laptime.errors import SHOWN_SOURCES, name_sources, without_remedy

MOST_REASONS = 20  # that are told apart
OTHER = "other reasons"
_NUMBER = re.compile(r"\d[\d,]*")


class Reason(Struct):
    """How many examples share what is wrong with them, and where the first of them stand."""

    count: int = 0
    sources: list[str] = []


class Skipped:
    """Bad examples as they are found; `what` calls them by their name: rows of a file, examples of a set."""

    def __init__(self, what: str = "bad row") -> None:
        self.what = what
        self.example_notes = Spool(ExampleNote)
        self.reasons: dict[str, Reason] = {}

    def __len__(self) -> int:
        return len(self.example_notes)

    def add(self, source: str, text: str) -> None:
        """Keep one with its place and what is wrong with it."""
        self.example_notes.append(ExampleNote(source, text))
        # A column or a length differs from example to example.
        key = _NUMBER.sub("N", without_remedy(text))
        if key not in self.reasons and len(self.reasons) >= MOST_REASONS:
            key = OTHER
        reason = self.reasons.setdefault(key, Reason())
        reason.count += 1
        if len(reason.sources) < SHOWN_SOURCES:
            reason.sources.append(source)

    def tell(self) -> Iterator[str]:
        """Yield a sentence for each reason, the most frequent one first."""
        for key, reason in sorted(self.reasons.items(), key=lambda item: -item[1].count):
            count = f"{reason.count:,} example{'s'[: reason.count > 1]}"
            sources = name_sources(reason.sources, count=reason.count)
            yield f"left out (--skip-bad): {key}: {count} ({sources})"

    def refuse(self, has_all: bool = True) -> NoReturn:
        """Raise ExamplesError for all of them; `has_all` tells whether everything was looked at."""
        first, more = self.example_notes[0], len(self.example_notes) - 1
        least = "" if has_all else "at least "
        others = f"{least}{more:,} more {self.what}{'s'[: more > 1]}; laptime data lists them" if more else ""
        raise ExamplesError(
            f"{first.source}: {first.text}{f' (and {others})' if others else ''}", self.example_notes, has_all
        )

    def refuse_all(self, where: str) -> NoReturn:
        """Raise ExamplesError where all of them are bad, so that nothing is left to train on."""
        first, count = self.example_notes[0], len(self.example_notes)
        all_of_it = f"all {count:,} examples are bad" if count > 1 else "its one example is bad"
        raise ExamplesError(
            f"{where}: nothing left to train on: {all_of_it}; {first.source}: {first.text}",
            self.example_notes,
        )


def as_example_notes(skipped: Iterable[ExampleNote]) -> Iterator[ExampleNote]:
    """Yield what is to be said of examples that were left out."""
    return (ExampleNote(note.source, f"left out: {without_remedy(note.text)}") for note in skipped)
