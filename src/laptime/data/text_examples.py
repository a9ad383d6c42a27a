"""Plain text files: an example a paragraph where blank lines stand between them, else an example a line.

A line an example is what other tools read a text file as; text that is written in paragraphs would be torn
apart by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from laptime.data.rows import Row
from laptime.util.text_files import MOST_LINE_BYTES, TextFile

BY_PARAGRAPH = "an example a paragraph (blank lines stand between them)"
BY_LINE = "an example a line (no blank line stands between them)"
MOST_BYTES = MOST_LINE_BYTES  # of an example


def tell_separation(file: TextFile) -> str:
    """Say what an example of the file is."""
    has_text = has_gap = False
    for line in file.lines():
        is_blank = line is not None and (not line or line.isspace())
        if has_gap and not is_blank:
            return BY_PARAGRAPH
        has_text = has_text or not is_blank
        has_gap = has_text and is_blank
    return BY_LINE


def read_text_rows(file: TextFile, separation: str) -> Iterator[Row]:
    """Yield the examples of the file, each with the line where it begins."""
    lines: list[bytes] = []
    num_bytes = begin = 0
    for number, line in enumerate(chain(file.lines(), [b""]), start=1):
        is_blank = line is not None and (not line or line.isspace())
        if num_bytes and (is_blank or separation == BY_LINE):
            yield _make_row(f"{file.name}:{begin}", lines, num_bytes)
            lines, num_bytes = [], 0
        if is_blank:
            continue
        begin = begin if num_bytes else number
        num_bytes += MOST_BYTES + 1 if line is None else len(line) + 1
        if num_bytes > MOST_BYTES:
            lines = []
        elif line is not None:
            lines.append(line)


def _make_row(source: str, lines: list[bytes], num_bytes: int) -> Row:
    """Make a row of the lines of an example; line ends and the blanks at its end are no part of it."""
    if num_bytes > MOST_BYTES:
        return Row(source, None, f"more than {MOST_BYTES // 10**6} MB of text in one example")
    return Row(source, {"text": b"\n".join(line.rstrip(b"\r") for line in lines).decode().rstrip()})
