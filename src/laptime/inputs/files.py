"""Rows from files: JSONL, JSON, CSV, TSV and Parquet, each row with the place where it stands."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from laptime.errors import UserError, readable
from laptime.inputs.strict_json import parse_json, parse_json_at, parse_plain, tell_syntax, tell_value
from laptime.inputs.text_files import check_regular, decode, read_bytes

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar")
SPLITS = ("train", "test", "validation", "valid", "val", "dev", "eval", "held_out", "heldout")
METADATA = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json"}
_QUOTED = re.compile(r'"[^"]*"')
WHITE_SPACE = " \t\r\n\ufeff"  # files put together have byte order marks in their middle
_BLANK = re.compile(r"[ \t\n\r]*")


class Row(Struct):
    """One row as it stands in the file; `fault` says why there are no values."""

    source: str
    values: dict[str, Any] | None
    fault: str = ""


def choose_files(names: Sequence[str], split: str) -> list[str]:
    """Return those of `names` that hold the split: named after it, else those named after no split."""
    data = sorted(name for name in names if _holds_records(name))
    named = [name for name in data if _names_split(name, split)]
    return named or [name for name in data if not any(_names_split(name, other) for other in SPLITS)]


def read_rows(path: Path, name: str) -> Iterator[Row]:
    """Yield the rows of one file in order, by its `name`; one that cannot be read at all raises UserError."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        what = f"cannot read '{suffix}' files" if suffix else "no suffix tells what it holds"
        unpack = "; unpack it first" if suffix in PACKED else ""
        raise UserError(f"{name}: {what}; expected {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}{unpack}")
    check_regular(path, name)
    if suffix == ".parquet":
        yield from _read_parquet(path, name)
        return
    data = read_bytes(path, name)
    if not data or data.isspace():
        raise UserError(f"{name}: the file is empty")
    if suffix in (".csv", ".tsv"):
        yield from _read_csv(name, decode(data, name), "\t" if suffix == ".tsv" else None)
    elif suffix == ".json" and not _is_lines(data):
        yield from _read_json(name, decode(data, name))
    else:
        yield from _read_lines(name, data)


def find_unreadable(names: Sequence[str], split: str) -> list[str]:
    """Return those of `names` that would be read for the split if they were not packed."""
    packed = {name[: -len(Path(name).suffix)]: name for name in names if name.lower().endswith(PACKED)}
    return [packed[name] for name in choose_files([*names, *packed], split) if name in packed]


def _holds_records(name: str) -> bool:
    """Tell a data file from a hidden one and from the files that describe a data set."""
    path = Path(name)
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    return path.suffix.lower() in SUFFIXES and path.name.lower() not in METADATA and not hidden


def _names_split(name: str, split: str) -> bool:
    """Tell whether a part of the path is named after `split` (train-00000.parquet, but not training)."""
    return re.search(rf"(?<![a-z]){re.escape(split.lower())}(?![a-z])", name.lower()) is not None


def _is_lines(data: bytes) -> bool:
    """Tell JSON lines in a .json file: the first line is a whole object."""
    first = next(line for line in io.BytesIO(data) if not line.isspace()).strip()
    if not (first.startswith(b"{") and first.endswith(b"}")):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _read_lines(name: str, data: bytes) -> Iterator[Row]:
    """Yield a row a line; only a line feed ends a line, for JSON strings may hold other separators.

    Files of old Macs have carriage returns instead; a JSON string can hold neither.
    """
    is_text = False  # a line that can be parsed shows it of itself
    for number, line in enumerate(data.split(b"\n" if b"\n" in data else b"\r"), start=1):
        if not line or line.isspace():
            continue
        value = parse_plain(line)
        if value is not None:
            yield _checked(f"{name}:{number}", value)
            continue
        is_text = is_text or bool(decode(data, name))
        if text := line.decode().strip(WHITE_SPACE):
            yield _make_row(f"{name}:{number}", text)


def _make_row(source: str, line: str) -> Row:
    """Parse one line into a row, or into its fault."""
    if line in ("[", "{"):
        return Row(source, None, f"a lone '{line}': expected one JSON object a line (name an array .json)")
    try:
        return _checked(source, parse_json(line))
    except ValueError as error:
        return Row(source, None, str(error))


def _checked(source: str, value: Any) -> Row:
    """Make a row of an object; anything else is a fault."""
    if isinstance(value, dict):
        return Row(source, value) if value else Row(source, None, "an empty object")
    article = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return Row(source, None, f"expected a JSON object, found {article.get(type(value), 'a number')}")


def _read_json(name: str, text: str) -> Iterator[Row]:
    """Yield the elements of a JSON array, each with the line where it starts."""
    position = _skip(text, 0)
    if text[position] != "[":
        value, end = _parse_at(name, text, position)
        _check_end(name, text, end)
        yield _checked(f"{name}:1", value)
        return
    position = _skip(text, position + 1)
    line, counted, number, last_line = 1, 0, 0, 0
    while text[position : position + 1] != "]":
        line, counted, number = line + text.count("\n", counted, position), position, number + 1
        value, position = _parse_at(name, text, position)
        yield _checked(f"{name}:{line}" if line != last_line else f"{name} record {number}", value)
        last_line = line
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
            if text[position : position + 1] == "]":
                raise _syntax_error(name, json.JSONDecodeError("A comma before ']'", text, position))
        elif text[position : position + 1] != "]":
            raise _syntax_error(name, json.JSONDecodeError("Expecting ',' or ']'", text, position))
    _check_end(name, text, position + 1)


def _check_end(name: str, text: str, position: int) -> None:
    """Refuse what stands behind the whole: it would be left unread without a word."""
    if (rest := _skip(text, position)) != len(text):
        raise _syntax_error(name, json.JSONDecodeError("Extra data", text, rest))


def _skip(text: str, position: int) -> int:
    """Return the position of the next character that is no white space."""
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _parse_at(name: str, text: str, position: int) -> tuple[Any, int]:
    """Parse one value in the middle of `text`; raises UserError with its line."""
    try:
        value, end = parse_json_at(text, position)
    except json.JSONDecodeError as error:
        raise _syntax_error(name, error) from None
    except RecursionError:
        raise UserError(f"{name}: malformed JSON: nested too deeply") from None
    except ValueError as error:
        line = text.count("\n", 0, position) + 1
        raise UserError(f"{name}:{line}: {tell_value(error)}") from None
    return value, end


def _syntax_error(name: str, error: json.JSONDecodeError) -> UserError:
    """Make the one line for broken JSON."""
    return UserError(f"{name}:{error.lineno}: {tell_syntax(error, f'column {error.colno}')}")


def _read_csv(name: str, text: str, delimiter: str | None) -> Iterator[Row]:
    """Yield the rows of a CSV file, each with the line where it starts; the first line names the columns."""
    text = text.replace("\r\n", "\n")
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter or _guess_delimiter(text), strict=True
    )
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            if cells and not header:
                header = _checked_header(f"{name}:{line}", cells)
            elif cells:
                yield _make_csv_row(f"{name}:{line}", header, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{name}:{line}: malformed CSV: {_tell_csv(error)}") from None


def _tell_csv(error: csv.Error) -> str:
    """Say what is wrong with the quotes."""
    if "unexpected end" in str(error):
        return "a quoted cell is never closed"
    if "expected after" in str(error):
        return 'a quote inside a quoted cell (write it twice: "")'
    return str(error)


def _guess_delimiter(text: str) -> str:
    """Return the separator of the header line: a comma unless only semicolons or tabs stand in it."""
    header = _QUOTED.sub("", text.lstrip().partition("\n")[0])
    return next((mark for mark in ",;\t" if mark in header), ",")


def _checked_header(source: str, cells: list[str]) -> list[str]:
    """Return the column names; raises UserError for a name that stands twice."""
    names = [cell.strip() for cell in cells]
    if len(set(names)) < len(names):
        twice = next(column for column in names if names.count(column) > 1)
        what = f"duplicate column '{readable(twice)}'" if twice else "two columns without a name"
        raise UserError(f"{source}: {what} in the header")
    return names


def _make_csv_row(source: str, header: list[str], cells: list[str]) -> Row:
    """Put cells under their column names."""
    if len(cells) != len(header):
        found = f"{len(cells)} cell{'s'[: len(cells) != 1]}"
        return Row(source, None, f"{found}, but the header names {len(header)}")
    return Row(source, dict(zip(header, cells, strict=True)))


def _read_parquet(path: Path, name: str) -> Iterator[Row]:
    """Yield the rows of a Parquet file, counted from 1."""
    _check_parquet(path, name)
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path, page_checksum_verification=True)
        _checked_header(name, file.schema_arrow.names)
        number = 0
        for batch in file.iter_batches():
            for values in _make_plain(batch):
                number += 1
                yield Row(f"{name} row {number}", values)
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise UserError(f"{name}: a damaged Parquet file ({readable(lines[0], 120)})") from None


def _make_plain(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch of Arrow as plain values.

    A value that Python has none for (a date of the year 20000) stays Arrow's: it does no harm in a column
    that is not read, and is refused by name in one that is.
    """
    from pyarrow import types

    def convert(column: Any) -> list[Any]:
        try:
            return column.to_pylist()
        except (ValueError, OverflowError):
            if not (types.is_temporal(column.type) or types.is_nested(column.type)):
                raise
            return [_as_plain(value) for value in column]

    columns = [convert(column) for column in batch.columns]
    return (dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True))


def _as_plain(value: Any) -> Any:
    """Return Python's value for one of Arrow, or that itself."""
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return value


def _check_parquet(path: Path, name: str) -> None:
    """Refuse a file that does not begin and end as Parquet does; raises UserError."""
    try:
        with path.open("rb") as stream:
            begins = stream.read(4)
            stream.seek(max(0, path.stat().st_size - 4))
            ends = stream.read()
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror})") from None
    if not begins:
        raise UserError(f"{name}: the file is empty")
    if begins != b"PAR1":
        raise UserError(f"{name}: not a Parquet file (Parquet begins with PAR1)")
    if ends != b"PAR1":
        raise UserError(f"{name}: a truncated Parquet file (its end is missing); copy it again")
