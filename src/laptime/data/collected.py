"""Rows on their way to examples: what is kept, what is counted, where the reading stops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from msgspec.structs import replace

from laptime.data.cells import RowError
from laptime.data.columns import Layout, UnknownShapeError, read_example, recognise, with_context
from laptime.data.examples import Example, ExampleNote, ExamplesDigest
from laptime.data.files import TEXT, suffix_of
from laptime.data.rows import Row
from laptime.data.side_columns import tell_beside
from laptime.data.skipped import Reason, Skipped, as_example_notes
from laptime.data.spool import Spool, join_spools
from laptime.errors import SHOWN_SOURCES, UserError, name_sources
from laptime.spec import DataSpec

MOST_LETTERS = 4_000_000  # of an example: more tokens than any model holds, and a tokenizer takes a while
# Behind the first bad row the refusal is certain: it is not kept waiting for the end of a large file.
ROWS_LOOKED_ON = 100_000
MOST_BAD = 1000


class CollectedRows:
    """Examples so far, or with `keeps` False only the first of them, and the rows that are none.

    `is_whole`: the files are read to their end.
    """

    def __init__(self, spec: DataSpec, keeps: bool, is_whole: bool = True) -> None:
        self.spec = spec
        self.keeps = keeps
        self.is_whole = is_whole
        self.examples = Spool(Example)
        self.kind = ""
        self.digest = ExamplesDigest()
        self.layout: Layout | None = None
        self.layouts: dict[tuple[str, ...], Layout] = {}  # by the columns of a row
        self.shapes: list[str] = []  # the sentences of layouts that are over
        self.columns: dict[str, None] = {}
        self.used: set[str] = set()
        self.beside: dict[str, Reason] = {}  # what columns that are left out hold, by the sentence on it
        self.unread: dict[str, None] = {}  # what turns hold that nothing is made of: messages[].language
        self.example_notes = Spool(ExampleNote)
        self.bad = Skipped()
        self.num_good = 0
        self.num_looked_on = 0
        self.has_all = True

    @property
    def skips(self) -> bool:
        """Tell whether bad rows are left out."""
        return self.spec.skip_bad

    @property
    def shape(self) -> str:
        """Say how the columns are understood."""
        last = [self.layout.sentence] if self.layout else []
        return "; ".join(dict.fromkeys([*self.shapes, *last]))

    def begin(self) -> None:
        """Forget how columns were understood: other data begin, with columns of their own."""
        self.shapes += [self.layout.sentence] if self.layout else []
        self.layout, self.layouts = None, {}

    def add(self, file: str, rows: Iterable[Row]) -> None:
        """Turn the rows of a file into examples; raises ExamplesError where none of them is one."""
        rows, num_good, num_bad = iter(rows), self.num_good, len(self.bad)
        if self.skips or not num_bad:
            for row in rows:
                if not self._take(row, file) and not self.skips:
                    break
        if self.bad and not self.skips:
            self._look_on(rows, file)
        elif self.is_whole and len(self.bad) > num_bad and self.num_good == num_good:
            self.bad.refuse_all(file)

    def finish(self) -> None:
        """Raise ExamplesError for bad rows, unless they are left out."""
        if self.bad and not self.skips:
            self.bad.refuse(has_all=self.has_all)

    def tell(self) -> Iterator[str]:
        """Yield what a user should know of the rows."""
        yield from self.bad.tell() if self.skips else ()
        for text, reason in self.beside.items():
            count = f"{reason.count:,} example{'s'[: reason.count > 1]}"
            yield f"{text}: {count} ({name_sources(reason.sources, count=reason.count)})"
        yield from _sum_up(self.example_notes)

    def all_notes(self) -> Spool[ExampleNote]:
        """Return what is to be said of single rows, those that were left out among them."""
        return (
            join_spools(ExampleNote, as_example_notes(self.bad.example_notes), self.example_notes)
            if self.bad
            else self.example_notes
        )

    def ignored(self) -> list[str]:
        """Return the columns that nothing is made of and nothing is said of."""
        texts = [*self.beside, *self.bad.reasons]
        told = {column for text in texts for column in self.columns if text.startswith(f"'{column}' ")}
        unused = [column for column in self.columns if column not in self.used | told]
        return [*unused, *self.unread]

    def _look_on(self, rows: Iterator[Row], file: str) -> None:
        """Look for more bad rows, so far as nobody waits long for it."""
        left = ROWS_LOOKED_ON - self.num_looked_on
        try:
            for row in islice(rows, max(0, left)):
                self.num_looked_on += 1
                self._take(row, file)
                if len(self.bad) >= MOST_BAD:
                    break
            self.has_all = self.has_all and next(rows, None) is None
        except UserError:  # what stands first in the data is said first
            self.has_all = False

    def _take(self, row: Row, file: str) -> bool:
        """Turn a row into an example, or keep what is wrong with it; tells which."""
        if row.values is None:
            self.bad.add(row.source, row.fault)
            return False
        columns = tuple(row.values)
        try:
            layout = self.layouts.get(columns) or self._lay_out(columns, row.values, file)
            self._keep(read_example(row.values, layout, row.source))
        except RowError as error:
            self.bad.add(row.source, str(error))
            return False
        except UnknownShapeError as error:
            if not self.skips:
                raise
            self.bad.add(row.source, str(error).removeprefix(f"{file}: "))
            return False
        if layout.noted:
            self._note(row, layout)
        return True

    def _keep(self, example: Example) -> None:
        """Add an example; raises RowError for one of another kind, and for one no training could hold."""
        self.kind = self.kind or example.kind
        if example.kind != self.kind:
            raise RowError(f"holds {example.kind}, the rows before it {self.kind}")
        if example.num_letters > MOST_LETTERS:
            raise RowError(
                f"{example.num_letters:,} letters in one example, more than the {MOST_LETTERS:,} that are "
                f"read; split it into several examples"
            )
        self.num_good += 1
        self.digest.add(example)
        if self.keeps or not self.examples:
            self.examples.append(example)
        if example.note:
            self.example_notes.append(ExampleNote(example.source, example.note))

    def _note(self, row: Row, layout: Layout) -> None:
        """Count what columns hold that are left out and would change what is learnt."""
        assert row.values is not None
        for column in layout.noted:
            if told := tell_beside(column, row.values.get(column)):
                reason = self.beside.setdefault(told, Reason())
                reason.count += 1
                if len(reason.sources) < SHOWN_SOURCES:
                    reason.sources.append(row.source)

    def _lay_out(self, columns: tuple[str, ...], values: dict[str, Any], file: str) -> Layout:
        """Say how rows with these columns are read; the first row's shape holds for all."""
        if self.layout is None:
            has_columns = suffix_of(file) != TEXT
            layout = recognise(values, self.spec, file)
            self.layout = replace(layout, unread=self.unread, has_columns=has_columns)
        layout = self.layouts[columns] = with_context(self.layout, values)
        self.layout = layout
        self.used |= layout.used
        self.columns.update(dict.fromkeys(columns))
        return layout


def _sum_up(example_notes: Iterable[ExampleNote]) -> Iterator[str]:
    """Yield one sentence for each kind of note, with the first examples that it is about."""
    first: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for note in example_notes:
        counts[note.text] += 1
        if counts[note.text] <= SHOWN_SOURCES:
            first.setdefault(note.text, []).append(note.source)
    for text, sources in first.items():
        count = f"{counts[text]} example{'s'[: counts[text] > 1]}"
        yield f"{text}: {count} ({name_sources(sources, count=counts[text])})"
