"""The one door to the terminal: whatever passes it is shown as it stands and does nothing else.

Paths, names, questions and messages hold what a user, a file or a model wrote. They are never read as
markup, bring no control sequences and turn no text around, and no password of an address passes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from laptime.credentials import hide
from laptime.report.plain_text import clean
from laptime.report.quantities import ABSENT

NAME_WIDTH = 20  # of the first column of a table
_BLANKS_AT_END = re.compile(r" (?: |\x1b\[[0-9;]*m)*$", re.MULTILINE)  # with colours among them


class Screen(Console):
    """A console that takes no string for markup and lets no control character through."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Turn a string into text as it stands."""
        return super().render_str(hide(clean(text)), **settings | {"markup": False, "emoji": False})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render what a caller made itself; only the console's own segments hold control sequences."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=clean(segment.text))

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        """Return what is written: rich fills lines up with blanks, which no line ends in here."""
        return _BLANKS_AT_END.sub(lambda found: found[0].replace(" ", ""), super()._render_buffer(buffer))

    def say(self, text: object) -> None:
        """Print a line that is neither wrapped nor cut, so that it can be copied."""
        self.print(str(text), soft_wrap=True)


class LastingOutput:
    """A stream whose reader may leave (`| head`), or whose disk may fill, without ending the work."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written; where that fails, print into nothing from here on."""
        try:
            self.stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


def console(lasting: bool = False) -> Screen:
    """Return a console for standard output."""
    output: Any = LastingOutput(sys.stdout) if lasting and sys.stdout else None
    return Screen(file=output)


def make_plain_table(gap: int = 1) -> Table:
    """Return a table without lines, its columns `gap` blanks apart."""
    return Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="dim")


def least_width(table: Table) -> int:
    """Return the columns of the terminal in which no figure of a table is cut."""
    widths = []
    for column in table.columns:
        longest = max(cell_len(str(cell)) for cell in (column.header, *column.cells))
        most = column.max_width if column.no_wrap else NAME_WIDTH  # what is folded needs no more
        widths.append(min(longest, most or longest))
    return sum(widths) + len(widths) - 1


def print_fitting(table: Table, console: Console) -> None:
    """Print a table, or a block a row with a figure a line where its columns would be cut."""
    if least_width(table) <= console.width:
        console.print(table)
        return
    names, *columns = table.columns
    for number, name in enumerate(names.cells):
        console.print(name)
        for column in columns:
            cell = str(list(column.cells)[number])
            if cell not in ("", ABSENT):
                console.print(Text(f"  {column.header}  {cell}".replace("    ", "  ")))
