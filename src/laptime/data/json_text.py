"""A JSON text read value by value, of which no more is in memory than the value that is looked at."""

from __future__ import annotations

import json
import re
from codecs import getincrementaldecoder
from typing import Any

from laptime.errors import UserError
from laptime.util.strict_json import parse_json_at, tell_syntax, tell_value
from laptime.util.text_files import MOST_LINE_BYTES, TextFile

_BLANK = re.compile(r"[ \t\n\r]*")
FORGOTTEN_AT_ONCE = 1 << 20  # letters
# Takes what strict JSON refuses: it tells where a value ends.
_LENIENT = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=len)
LONGEST_TOKEN = 64  # letters at the end of what is read that may go on in what is not: a literal, an escape


class JsonText:
    """A place in the text of a file; what lies before it is forgotten."""

    def __init__(self, file: TextFile) -> None:
        self.name = file.name
        self._pieces = file.pieces()
        self._decoder = getincrementaldecoder("utf-8")()
        self._text = ""
        self._position = 0
        self._counted = 0  # up to where line feeds are counted
        self._line = 1  # of what is counted
        self._first_line = 1  # of the text that is still there
        self._first_column = 0  # letters of its first line that are forgotten
        self._has_ended = False

    @property
    def next(self) -> str:
        """The next letter, "" at the end."""
        if self._position == len(self._text):
            self._read()
        return self._text[self._position : self._position + 1]

    @property
    def line(self) -> int:
        """The line of the next letter, from 1."""
        self._line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._line

    def skip(self, letters: int = 0) -> None:
        """Go beyond some letters and the white space behind them."""
        self._position += letters
        while True:
            found = _BLANK.match(self._text, self._position)
            self._position = found.end() if found else self._position
            if self._position < len(self._text) or not self._read():
                return

    def parse(self) -> Any:
        """Parse the next value; raises UserError with its line where no end of it can be told.

        Raises ValueError for a value that is whole and must not be taken; the place is behind it then.
        """
        self._forget()
        while True:
            try:
                value, end = parse_json_at(self._text, self._position)
                if end < len(self._text) or self._has_ended:
                    self._position = end
                    return value
            except json.JSONDecodeError as error:
                may_go_on = error.msg.startswith("Unterminated") or (
                    error.pos + LONGEST_TOKEN > len(self._text)
                )
                if self._has_ended or not may_go_on:
                    raise self._tell(error) from None
            except RecursionError:
                raise UserError(f"{self.name}: malformed JSON: nested too deeply") from None
            except ValueError as error:
                if end := self._find_end():
                    self._position = end
                    raise ValueError(tell_value(error)) from None
            self._read()

    def _find_end(self) -> int:
        """Return where the next value ends, whatever it holds; 0 where more has to be read for that."""
        try:
            return _LENIENT.raw_decode(self._text, self._position)[1]
        except json.JSONDecodeError as error:
            if self._has_ended:
                raise self._tell(error) from None
            return 0

    def check_end(self) -> None:
        """Refuse what stands behind the whole: it would be left unread without a word."""
        self.skip()
        if self.next:
            raise self.error("Extra data")

    def error(self, message: str) -> UserError:
        """Make the one line for what is wrong at the next letter."""
        return self._tell(json.JSONDecodeError(message, self._text, self._position))

    def _tell(self, error: json.JSONDecodeError) -> UserError:
        """Make the one line for broken JSON."""
        column = error.colno + (self._first_column if error.lineno == 1 else 0)
        line = self._first_line + error.lineno - 1
        return UserError(f"{self.name}:{line}: {tell_syntax(error, f'column {column}')}")

    def _read(self) -> bool:
        """Read as much again as there is; tells whether more came."""
        if len(self._text) - self._position > MOST_LINE_BYTES:
            raise UserError(
                f"{self.name}:{self.line}: a value of more than {MOST_LINE_BYTES // 10**6} MB; one example a "
                f"line (.jsonl) can be read whatever stands beside it"
            )
        parts, wanted = [self._text], max(1, len(self._text) - self._position)
        while wanted > 0 and not self._has_ended:
            piece = next(self._pieces, b"")
            self._has_ended = not piece
            parts.append(self._decoder.decode(piece, final=not piece))
            wanted -= len(parts[-1])
        before = len(self._text)
        self._text = "".join(parts)
        return len(self._text) > before

    def _forget(self) -> None:
        """Drop what lies before the next letter, when that is much."""
        if self._position < FORGOTTEN_AT_ONCE:
            return
        self._first_line = self.line
        line_begin = self._text.rfind("\n", 0, self._position) + 1
        kept = self._first_column if line_begin == 0 else 0
        self._first_column = self._position - line_begin + kept
        self._text = self._text[self._position :]
        self._position = self._counted = 0
