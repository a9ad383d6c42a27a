"""Rows from files: JSONL, JSON, CSV, TSV, Parquet and text, each row with the place where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from laptime.data.json_text import JsonText
from laptime.data.rows import Row
from laptime.data.tables import read_csv, read_parquet
from laptime.data.text_examples import read_text_rows, tell_separation
from laptime.errors import UserError
from laptime.util.packed_files import SUFFIX as GZIP
from laptime.util.strict_json import parse_json, parse_plain
from laptime.util.text_files import MOST_LINE_BYTES, TextFile, check_regular

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt")
EXPECTED = f"expected {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, or all but Parquet packed as .gz"
TEXT = ".txt"
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar")
SPLITS = ("train", "test", "validation", "valid", "val", "dev", "eval", "held_out", "heldout")
# Text files that lie beside data and are none.
ABOUT = {"readme", "license", "licence", "copying", "notice", "requirements", "changelog", "authors"}
METADATA = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json"}
WHITE_SPACE = " \t\r\n\ufeff"  # files put together have byte order marks in their middle


def suffix_of(name: str) -> str:
    """Return the suffix that tells what a file holds, in small letters (the one before .gz)."""
    path = Path(name.lower())
    if path.suffix == GZIP and (inner := Path(path.stem).suffix) in SUFFIXES and inner != ".parquet":
        return inner
    return path.suffix


def is_data(name: str) -> bool:
    """Tell whether a file is called like one that can be read."""
    return suffix_of(name) in SUFFIXES


def choose_files(names: Sequence[str], split: str) -> list[str]:
    """Return those of `names` that hold the split: named after it, else those named after no split.

    Text files are none beside files of examples.
    """
    data = sorted(name for name in names if _holds_examples(name))
    named = [name for name in data if names_split(name, split)]
    chosen = named or [name for name in data if not any(names_split(name, other) for other in SPLITS)]
    return [name for name in chosen if suffix_of(name) != TEXT] or chosen


def read_rows(path: Path, name: str, tell: Callable[[str], None] = lambda told: None) -> Iterator[Row]:
    """Yield the rows of one file in order, by its `name`; one that cannot be read at all raises UserError.

    `tell` is told what a user should know of how the file is read.
    """
    suffix = suffix_of(path.name)
    if suffix not in SUFFIXES:
        what = f"cannot read '{suffix}' files" if suffix else "no suffix tells what it holds"
        if path.name.lower().endswith(".parquet" + GZIP):
            raise UserError(f"{name}: Parquet, which holds packed data itself; unpack it first")
        unpack = "; unpack it first" if suffix in PACKED else ""
        raise UserError(f"{name}: {what}; {EXPECTED}{unpack}")
    check_regular(path, name)
    if suffix == ".parquet":
        yield from read_parquet(path, name)
        return
    file = TextFile(path, name)
    file.check()
    if file.is_blank:
        raise UserError(f"{name}: the file is empty")
    if suffix in (".csv", ".tsv"):
        file.check_letters()
        yield from read_csv(file, "\t" if suffix == ".tsv" else None)
    elif suffix == TEXT:
        file.check_letters()
        separation = tell_separation(file)
        tell(f"{name}: plain text, {separation}")
        yield from read_text_rows(file, separation)
    elif suffix == ".json" and not _is_lines(file):
        file.check_letters()
        yield from _read_json(file)
    else:
        yield from _read_lines(file)


def find_unreadable(names: Sequence[str], split: str) -> list[str]:
    """Return those of `names` that would be read for the split if they were not packed."""
    packed = {
        name[: -len(Path(name).suffix)]: name
        for name in names
        if name.lower().endswith(PACKED) and not is_data(name)
    }
    return [packed[name] for name in choose_files([*names, *packed], split) if name in packed]


def _holds_examples(name: str) -> bool:
    """Tell a data file from a hidden one and from the files that describe a data set."""
    path = Path(name)
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    about = suffix_of(name) == TEXT and path.stem.lower() in ABOUT
    return is_data(name) and path.name.lower() not in METADATA and not hidden and not about


def names_split(name: str, split: str) -> bool:
    """Tell whether a part of the path is named after `split` (train-00000.parquet, but not training)."""
    return re.search(rf"(?<![a-z]){re.escape(split.lower())}(?![a-z])", name.lower()) is not None


def _is_lines(file: TextFile) -> bool:
    """Tell JSON lines in a .json file: the first line is a whole object."""
    if (start := file.head.lstrip()) and not start.startswith(b"{"):
        return False
    first = next(line for line in file.lines() if line is None or not (line.isspace() or not line))
    if first is None or not first.strip().endswith(b"}"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _read_lines(file: TextFile) -> Iterator[Row]:
    """Yield a row a line; only a line feed ends a line, for JSON strings may hold other separators."""
    name = file.name
    for number, line in enumerate(file.lines(), start=1):
        if line is None:
            yield Row(f"{name}:{number}", None, f"a line of more than {MOST_LINE_BYTES // 10**6} MB")
            continue
        if not line or line.isspace():
            continue
        value = parse_plain(line)
        if value is not None:
            yield _checked(f"{name}:{number}", value)
            continue
        try:
            text = line.decode().strip(WHITE_SPACE)
        except UnicodeDecodeError as error:
            yield Row(f"{name}:{number}", None, file.tell_no_text(error))
            continue
        if text:
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


def _read_value(source: str, text: JsonText) -> Row:
    """Make a row of the next value, or of its fault."""
    try:
        return _checked(source, text.parse())
    except ValueError as error:
        return Row(source, None, str(error))


def _read_json(file: TextFile) -> Iterator[Row]:
    """Yield the elements of a JSON array, each with the line where it starts."""
    name, text = file.name, JsonText(file)
    text.skip()
    if text.next != "[":
        row = _read_value(f"{name}:1", text)
        text.check_end()
        yield row
        return
    text.skip(1)
    number, last_line = 0, 0
    while text.next != "]":
        line, number = text.line, number + 1
        yield _read_value(f"{name}:{line}" if line != last_line else f"{name} example {number}", text)
        last_line = line
        text.skip()
        if text.next == ",":
            text.skip(1)
            if text.next == "]":
                raise text.error("A comma before ']'")
        elif text.next != "]":
            raise text.error("Expecting ',' or ']'")
    text.skip(1)
    text.check_end()
