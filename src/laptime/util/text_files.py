"""A data file as text: what is no regular file, or no UTF-8 text, is refused with its place."""

from __future__ import annotations

from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from laptime.errors import UserError
from laptime.util.packed_files import SUFFIX as PACKED
from laptime.util.packed_files import read_packed
from laptime.util.untrusted import tell_special

# How files begin that hold something else, whatever they are called.
BEGINNINGS: dict[bytes, str] = {
    b"\x1f\x8b": "packed with gzip; name it .gz behind its own suffix (.jsonl.gz), or unpack it (gunzip)",
    b"BZh9": "compressed with bzip2; unpack it first (bunzip2)",
    b"\xfd7zXZ": "compressed with xz; unpack it first (unxz)",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it first (unzstd)",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; save the sheet as CSV",
    b"PAR1": "a Parquet file; name it .parquet",
    b"ARROW1": "an Arrow file; save it as Parquet",
    b"%PDF-": "a PDF; save its text as JSONL or CSV",
    b"version https://git-lfs": "a Git LFS pointer, not the data; fetch them with git lfs pull",
}
HEAD_BYTES = 1 << 16  # of a file that tell what it is
PIECE_BYTES = 1 << 20
MOST_LINE_BYTES = 64_000_000  # no row is longer; a file without line ends is not read into memory


def check_regular(path: Path, name: str, what: str = "data") -> None:
    """Refuse what is no regular file (reading a pipe could wait for ever); raises UserError."""
    try:
        special = tell_special(path)
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror})") from None
    if special:
        raise UserError(f"{name}: {special}; save the {what} in a file")


def read_text(path: Path, name: str) -> str:
    """Return the text of a file without its byte order mark; raises UserError for what is no text."""
    file = TextFile(path, name)
    file.check()
    file.check_letters()
    return b"".join(file.pieces()).decode()


class TextFile:
    """A file that should be text, read a piece at a time, without its byte order mark.

    Making one raises UserError for what surely holds something else; so do `check` and `check_letters`.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.is_blank = True  # until it is checked, as the next one
        self._has_line_feed = False
        self._hint: str | None = None  # on the encoding, once it is looked for
        self._begin = 0  # behind the byte order mark
        self.head = next(self.pieces(HEAD_BYTES), b"")
        _refuse_others(name, self.head)
        if self.head.startswith(BOM_UTF8):
            self._begin, self.head = len(BOM_UTF8), self.head[len(BOM_UTF8) :]

    def pieces(self, num_bytes: int = 0) -> Iterator[bytes]:
        """Yield the bytes of the file, unpacked, so many at a time; raises UserError where it can't."""
        if self.path.suffix.lower() == PACKED:
            yield from read_packed(self.path, self.name, self._begin, num_bytes or PIECE_BYTES)
            return
        try:
            with self.path.open("rb", buffering=0) as stream:
                stream.seek(self._begin)
                while piece := stream.read(num_bytes or PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise UserError(f"{self.name}: cannot be read ({error.strerror})") from None

    def check(self) -> None:
        """Raise UserError for a NUL byte; only `check_letters` finds a wrong byte among right ones."""
        begin = 0
        for piece in self.pieces():
            self._has_line_feed = self._has_line_feed or b"\n" in piece
            if b"\0" in piece:
                self.check_letters()
                line, column = self._locate(begin + piece.index(b"\0"))
                raise UserError(
                    f"{self.name}:{line}: a NUL byte at byte {column} of the line; the file is damaged, "
                    f"or no text"
                )
            self.is_blank = self.is_blank and piece.isspace()
            begin += len(piece)

    def check_letters(self) -> None:
        """Raise UserError with the place of the first byte that is not UTF-8."""
        decoder = getincrementaldecoder("utf-8")()
        begin = 0  # of the piece; the decoder keeps the beginning of a letter that goes on in the next one
        kept = 0
        try:
            for piece in chain(self.pieces(), [b""]):
                kept = len(decoder.getstate()[0])
                if piece.isascii() and piece and not kept:
                    begin += len(piece)
                    continue
                decoder.decode(piece, final=not piece)
                begin += len(piece)
        except UnicodeDecodeError as error:
            line, column = self._locate(begin - kept + error.start)
            raise UserError(
                f"{self.name}:{line}: invalid UTF-8 at byte {column} of the line "
                f"(0x{error.object[error.start]:02x}){self._tell_encoding(error)}"
            ) from None

    def tell_no_text(self, error: UnicodeDecodeError) -> str:
        """Say which byte of a line is no UTF-8, and what the file may be."""
        what = f"invalid UTF-8 at byte {error.start + 1} of the line (0x{error.object[error.start]:02x})"
        if error.reason == "unexpected end of data":
            return f"{what}; the line ends in the middle of a letter"
        if self._hint is None:
            self._hint = self._tell_encoding(error)
        return what + self._hint

    def lines(self) -> Iterator[bytes | None]:
        """Yield every line without its end; None for one of more than MOST_LINE_BYTES.

        Only a line feed ends a line; files of old Macs have carriage returns instead.
        """
        mark = b"\n" if self._has_line_feed else b"\r"
        parts: list[bytes] = []
        num_bytes = 0
        for piece in self.pieces():
            first, *others = piece.split(mark)
            num_bytes += len(first)
            parts = [*parts, first] if num_bytes <= MOST_LINE_BYTES else []
            if not others:
                continue
            yield b"".join(parts) if num_bytes <= MOST_LINE_BYTES else None
            yield from others[:-1]
            parts, num_bytes = others[-1:], len(others[-1])
        yield b"".join(parts) if num_bytes <= MOST_LINE_BYTES else None

    def _locate(self, position: int) -> tuple[int, int]:
        """Return the line of a byte, and which byte of its line it is, both from 1."""
        line, line_begin, begin = 1, 0, 0
        for piece in self.pieces():
            before = piece[: max(0, position - begin)]
            if found := before.count(b"\n"):
                line, line_begin = line + found, begin + before.rindex(b"\n") + 1
            begin += len(piece)
        return line, position - line_begin + 1

    def _tell_encoding(self, error: UnicodeDecodeError) -> str:
        """Say what the bytes may be: cut off in a letter, or CP949, the encoding of Korean spreadsheets."""
        if error.reason == "unexpected end of data":
            return "; the file ends in the middle of a letter"
        decoder, is_korean = getincrementaldecoder("cp949")(), False
        try:
            for piece in chain(self.pieces(), [b""]):
                text = decoder.decode(piece, final=not piece)
                is_korean = is_korean or any("가" <= letter <= "힣" for letter in text)
        except UnicodeDecodeError:
            return "; save the file as UTF-8"
        return "; it reads as CP949: iconv -f CP949 -t UTF-8" if is_korean else "; save the file as UTF-8"


def _refuse_others(name: str, data: bytes) -> None:
    """Refuse other formats and encodings by how the file begins."""
    for beginning, what in BEGINNINGS.items():
        if data.startswith(beginning):
            raise UserError(f"{name}: {what}")
    if data[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise UserError(f"{name}: an HTML page, not data; download the file itself")
    if encoding := _wide_encoding(data):
        raise UserError(f"{name}: {encoding} text; save it as UTF-8 (iconv -f {encoding} -t UTF-8)")


def _wide_encoding(data: bytes) -> str:
    """Name UTF-16 or UTF-32 by the byte order mark or, without one, by the zeros in the first letters."""
    if data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "UTF-32"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    zeros = tuple(index for index, byte in enumerate(data[:4]) if not byte)
    without_mark = {(1, 3): "UTF-16LE", (0, 2): "UTF-16BE", (1, 2, 3): "UTF-32LE", (0, 1, 2): "UTF-32BE"}
    return without_mark.get(zeros, "")
