"""Rows from files that hold tables: CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laptime.data.rows import Row
from laptime.errors import UserError, name_sources, readable
from laptime.util.text_files import MOST_LINE_BYTES, PIECE_BYTES, TextFile

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet
    from pyarrow._parquet import RowGroupMetaData

_SEPARATOR_LINE = re.compile(r'"?sep=(?P<mark>[,;\t|])"?[,;\t|]*\n', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
MOST_CELL_LETTERS = 16_000_000
MOST_ROW_BYTES = 64_000_000  # of a Parquet file's row, unpacked
BATCH_BYTES = 64_000_000  # that the rows read at once may have unpacked
BATCH_ROWS = 1024
_TOO_LARGE = f"a row of more than {MOST_ROW_BYTES // 10**6} MB"


def read_csv(file: TextFile, delimiter: str | None) -> Iterator[Row]:
    """Yield the rows of a CSV file, each with the line where it starts; the first line names the columns."""
    name = file.name
    csv.field_size_limit(MOST_CELL_LETTERS)
    told = _SEPARATOR_LINE.match(_head_text(file))  # Excel's first line is none of the table
    delimiter = told["mark"] if told else delimiter or _guess_delimiter(file)
    above = 1 if told else 0
    reader = csv.reader(islice(_read_lines(file), above, None), delimiter=delimiter, strict=True)
    header: list[str] = []
    line = above + 1
    try:
        for cells in reader:
            if cells and not header:
                header = _checked_header(f"{name}:{line}", cells)
            elif cells:
                yield _make_csv_row(f"{name}:{line}", header, cells)
            line = above + reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{name}:{line}: malformed CSV: {_tell_csv(error)}") from None


class _Bytes(io.RawIOBase):
    """The bytes of a file as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one piece goes."""
        while not self._rest and (piece := next(self._pieces, b"")):
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _join_line_ends(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces with a line feed for every carriage return and line feed."""
    held = b""  # a carriage return behind which a line feed may come
    for piece in pieces:
        piece = held + piece
        held = b"\r" if piece.endswith(b"\r") else b""
        yield piece[: len(piece) - len(held)].replace(b"\r\n", b"\n")
    yield held


def _read_lines(file: TextFile) -> Iterator[str]:
    """Yield the lines of a file with their ends; raises UserError for one that is too long to be one."""
    bytes_read = io.BufferedReader(_Bytes(filter(None, _join_line_ends(file.pieces()))), PIECE_BYTES)
    stream = io.TextIOWrapper(bytes_read, encoding="utf-8", newline="")
    for number, line in enumerate(iter(lambda: stream.readline(MOST_LINE_BYTES), ""), start=1):
        if len(line) == MOST_LINE_BYTES:
            raise UserError(f"{file.name}:{number}: a line of more than {MOST_LINE_BYTES // 10**6} MB")
        yield line


def _tell_csv(error: csv.Error) -> str:
    """Say what is wrong with the quotes."""
    if "unexpected end" in str(error):
        return "a quoted cell is never closed"
    if "expected after" in str(error):
        return 'a quote inside a quoted cell (write it twice: "")'
    if "field limit" in str(error):
        return f"a cell of more than {MOST_CELL_LETTERS:,} letters (a quote that is never closed?)"
    return str(error)


def _guess_delimiter(file: TextFile) -> str:
    """Return the separator of the header line: a comma unless only semicolons or tabs stand in it."""
    header = _QUOTED.sub("", _head_text(file).lstrip().partition("\n")[0])
    return next((mark for mark in ",;\t" if mark in header), ",")


def _head_text(file: TextFile) -> str:
    """Return the first letters of a file."""
    return file.head.decode(errors="ignore").replace("\r\n", "\n")


def _checked_header(source: str, cells: list[str]) -> list[str]:
    """Return the column names; raises UserError for a name that stands twice."""
    names = [cell.strip() for cell in cells]
    if len(set(names)) < len(names):
        twice = next(column for column in names if names.count(column) > 1)
        what = f"duplicate column '{readable(twice)}'" if twice else "two columns without a name"
        raise UserError(f"{source}: {what} in the header")
    return names


def tell_columns(columns: Sequence[str], shown: int) -> str:
    """Return what a message calls some columns, the first `shown` by name: one may have none."""
    named = [name for name in columns if name.strip()]
    parts = [f"column{'s'[: len(named) > 1]} {name_sources(named, shown)}"] if named else []
    return " and ".join([*parts, *["a column without a name"][: len(named) < len(columns)]])


def _make_csv_row(source: str, header: list[str], cells: list[str]) -> Row:
    """Put cells under their column names."""
    if len(cells) != len(header):
        found = f"{len(cells)} cell{'s'[: len(cells) != 1]}"
        return Row(source, None, f"{found}, but the header names {len(header)}")
    return Row(source, dict(zip(header, cells, strict=True)))


def read_parquet(path: Path, name: str) -> Iterator[Row]:
    """Yield the rows of a Parquet file, counted from 1."""
    _check_parquet(path, name)
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(
            path, page_checksum_verification=True, pre_buffer=False, buffer_size=PIECE_BYTES
        )
        _checked_header(name, file.schema_arrow.names)
        number = 0
        for batch in _read_batches(file, name):
            for values in _unpack(batch):
                number += 1
                yield Row(f"{name} row {number}", values, "" if values is not None else _TOO_LARGE)
    except MemoryError:
        raise UserError(f"{name}: what it holds does not fit into memory") from None
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise UserError(f"{name}: a damaged Parquet file ({readable(lines[0], 120)})") from None


def _read_batches(file: parquet.ParquetFile, name: str) -> Iterator[pyarrow.RecordBatch]:
    """Yield a few rows at a time; raises UserError, before it unpacks them, for rows that are too large."""
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        if group.total_byte_size > MOST_ROW_BYTES * max(1, group.num_rows):
            raise UserError(f"{name}: holds {_TOO_LARGE}; split what it holds")
        yield from file.iter_batches(batch_size=_count_rows_at_once(group), row_groups=[number])


def _count_rows_at_once(group: RowGroupMetaData) -> int:
    """Return how many rows may be unpacked together.

    A value that the file holds once can stand in every row: none is larger than its column, as it is stored.
    """
    row_bytes = 0.0
    for place in range(group.num_columns):
        column = group.column(place)
        repeats = column.has_dictionary_page or "DELTA_BYTE_ARRAY" in column.encodings
        row_bytes += column.total_uncompressed_size * (column.num_values if repeats else 1)
    return max(1, min(BATCH_ROWS, int(BATCH_BYTES * group.num_rows / max(1.0, row_bytes))))


def _unpack(batch: pyarrow.RecordBatch) -> Iterator[dict[str, Any] | None]:
    """Yield the rows of a batch; None for one that is too large."""
    if batch.nbytes <= MOST_ROW_BYTES:
        yield from _make_plain(batch)
        return
    for place in range(batch.num_rows):
        row = batch.slice(place, 1)
        yield next(_make_plain(row)) if row.nbytes <= MOST_ROW_BYTES else None


def _make_plain(batch: pyarrow.RecordBatch) -> Iterator[dict[str, Any]]:
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
