"""Rows from files: JSONL, JSON, CSV, TSV and Parquet, each row with the place where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from laptime.errors import UserError
from laptime.inputs.json_text import JsonText
from laptime.inputs.rows import Row
from laptime.inputs.strict_json import parse_json, parse_plain
from laptime.inputs.tables import read_csv, read_parquet
from laptime.inputs.text_files import MOST_LINE_BYTES, TextFile, check_regular

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar")
SPLITS = ("train", "test", "validation", "valid", "val", "dev", "eval", "held_out", "heldout")
METADATA = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json"}
WHITE_SPACE = " \t\r\n\ufeff"  # files put together have byte order marks in their middle


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
        yield from read_parquet(path, name)
        return
    file = TextFile(path, name)
    file.check()
    if file.is_blank:
        raise UserError(f"{name}: the file is empty")
    if suffix in (".csv", ".tsv"):
        file.check_letters()
        yield from read_csv(file, "\t" if suffix == ".tsv" else None)
    elif suffix == ".json" and not _is_lines(file):
        file.check_letters()
        yield from _read_json(file)
    else:
        yield from _read_lines(file)


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
    is_text = False  # a line that can be parsed shows it of itself
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
        if not is_text:
            file.check_letters()
            is_text = True
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


def _read_json(file: TextFile) -> Iterator[Row]:
    """Yield the elements of a JSON array, each with the line where it starts."""
    name, text = file.name, JsonText(file)
    text.skip()
    if text.next != "[":
        value = text.parse()
        text.check_end()
        yield _checked(f"{name}:1", value)
        return
    text.skip(1)
    number, last_line = 0, 0
    while text.next != "]":
        line, number = text.line, number + 1
        value = text.parse()
        yield _checked(f"{name}:{line}" if line != last_line else f"{name} record {number}", value)
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
