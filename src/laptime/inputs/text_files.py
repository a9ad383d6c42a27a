"""A data file as text: what is no regular file, or no UTF-8 text, is refused with its place."""

from __future__ import annotations

from codecs import BOM_UTF8
from pathlib import Path

from laptime.errors import UserError
from laptime.untrusted import tell_special

# How files begin that hold something else, whatever they are called.
BEGINNINGS: dict[bytes, str] = {
    b"\x1f\x8b": "compressed with gzip; unpack it first (gunzip)",
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


def check_regular(path: Path, name: str) -> None:
    """Refuse what is no regular file (reading a pipe could wait for ever); raises UserError."""
    try:
        special = tell_special(path)
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror})") from None
    if special:
        raise UserError(f"{name}: {special}; save the data in a file")


def read_bytes(path: Path, name: str) -> bytes:
    """Read a file that should be text, without its byte order mark; raises UserError for what surely is none.

    Only `decode` finds a wrong byte among right ones.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror})") from None
    _refuse_others(name, data)
    data = data.removeprefix(BOM_UTF8)
    if b"\0" in data:
        decode(data, name)
        at = data.index(b"\0")
        raise UserError(
            f"{_place(name, data, at)}: a NUL byte at byte {_column(data, at)} of the line; "
            f"the file is damaged, or no text"
        )
    return data


def decode(data: bytes, name: str) -> str:
    """Return the text of a file; raises UserError with the place of the first byte that is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{_place(name, data, error.start)}: invalid UTF-8 at byte {_column(data, error.start)} of "
            f"the line (0x{data[error.start]:02x}){_tell_encoding(data, error)}"
        ) from None


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


def _place(name: str, data: bytes, position: int) -> str:
    """Return the file and the line of a byte."""
    line = data.count(b"\n", 0, position) + 1
    return f"{name}:{line}"


def _column(data: bytes, position: int) -> int:
    """Return which byte of its line a byte is, from 1."""
    return position - data.rfind(b"\n", 0, position)


def _tell_encoding(data: bytes, error: UnicodeDecodeError) -> str:
    """Say what the bytes may be: cut off in a letter, or CP949, the encoding of Korean spreadsheets."""
    if error.reason == "unexpected end of data":
        return "; the file ends in the middle of a letter"
    try:
        text = data.decode("cp949")
    except UnicodeDecodeError:
        return "; save the file as UTF-8"
    korean = sum("가" <= letter <= "힣" for letter in text)
    return "; it reads as CP949: iconv -f CP949 -t UTF-8" if korean else "; save the file as UTF-8"
