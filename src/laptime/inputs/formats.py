"""From what `--data` names (a file, a folder, a hub data set, the built-in records) to checked records.

Everything that is wrong with the data is found here, before any tokenizer or model is loaded.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from laptime.errors import UserError, suggest
from laptime.inputs.columns import Layout, read_record, recognise, with_context
from laptime.inputs.conversations import RowError
from laptime.inputs.files import SUFFIXES, Row, choose_files, read_rows
from laptime.inputs.hub import fetch_dataset, is_hub_id
from laptime.inputs.records import Message, Record, RecordSet, digest_of
from laptime.inputs.templates import check_template
from laptime.spec import BUILTIN, DataSpec

__all__ = ["Message", "Record", "RecordSet", "digest_of", "read_records"]


def read_records(spec: DataSpec, seed: int = 0) -> RecordSet:
    """Read the data set and its held-out set; `seed` chooses which records a fraction holds out.

    Raises UserError, one line that names file and line or the flag, for whatever cannot be trained on.
    """
    check_template(spec.template)
    held_out = spec.held_out
    if spec.data == BUILTIN:
        folder = Path(str(resources.files("laptime"))) / "builtin"
        found = _read_files([folder / "ten_records.jsonl"], spec, BUILTIN)
        own = folder / "held_out.jsonl"
        held_out = str(own) if held_out is None and own.exists() else held_out
    else:
        found = _read_files(_locate(spec.data, spec.split, "--data"), spec, spec.data)
    if held_out is not None:
        _hold_out(found, held_out, spec, seed)
    found.digest = digest_of(found.records)
    return found


def _locate(name: str, split: str, option: str) -> list[Path]:
    """Return the files that `name` stands for; raises UserError when there are none."""
    path = Path(name).expanduser()
    if path.is_dir():
        names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
        if chosen := choose_files(names, split):
            return [path / file for file in chosen]
        data = sorted(file for file in names if file.lower().endswith(SUFFIXES))
        there = f"; its data files: {', '.join(data[:5])}" if data else ""
        raise UserError(f"{option} {name}: no data file for --split {split} in this folder{there}")
    if path.exists():
        return [path]
    if is_hub_id(name):
        return fetch_dataset(name, split)
    raise UserError(f"{option} {name}: no such file or folder{_suggest_file(path)}")


def _suggest_file(path: Path) -> str:
    """Name the file in the same folder whose name is nearest."""
    if not path.parent.is_dir():
        return f" (nor a folder {path.parent})"
    names = [file.name for file in path.parent.iterdir() if file.suffix.lower() in SUFFIXES or file.is_dir()]
    near = suggest(path.name, names) if names else ""
    return near if "did you mean" in near else ""


def _read_files(files: list[Path], spec: DataSpec, name: str) -> RecordSet:
    """Read all rows of `files` as one data set; the first bad row is named, the others are counted."""
    collected = _Collected(spec)
    for file in files:
        collected.add(file.name, read_rows(file))
    if collected.num_bad:
        more = collected.num_bad - 1
        raise UserError(
            collected.first_bad + (f" (and {more} more bad row{'s'[: more > 1]})" if more else "")
        )
    if not collected.records or collected.layout is None:
        raise UserError(f"{files[0].name}: no record in it")
    used = collected.layout.used
    return RecordSet(
        name=name,
        shape=collected.layout.sentence,
        records=collected.records,
        ignored_columns=[column for column in collected.columns if column not in used],
    )


class _Collected:
    """Records so far, and the first row that is none."""

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec
        self.records: list[Record] = []
        self.layout: Layout | None = None
        self.layouts: dict[tuple[str, ...], Layout] = {}  # by the columns of a row
        self.columns: dict[str, None] = {}
        self.first_bad = ""
        self.num_bad = 0

    def add(self, file: str, rows: Iterable[Row]) -> None:
        """Turn `rows` into records; the first good row decides how columns are understood."""
        for row in rows:
            if row.values is None:
                self._count_bad(row.source, row.fault)
                continue
            columns = tuple(row.values)
            layout = self.layouts.get(columns) or self._lay_out(columns, row.values, file)
            try:
                self.records.append(read_record(row.values, layout, row.source))
            except RowError as error:
                self._count_bad(row.source, str(error))

    def _lay_out(self, columns: tuple[str, ...], values: dict[str, Any], file: str) -> Layout:
        """Say how rows with these columns are read; the first row's shape holds for all."""
        if self.layout is None:
            self.layout = recognise(values, self.spec, file)
        layout = self.layouts[columns] = with_context(self.layout, values)
        self.layout = layout if layout.context else self.layout
        self.columns.update(dict.fromkeys(columns))
        return layout

    def _count_bad(self, source: str, message: str) -> None:
        """Keep the first fault and count the others."""
        self.first_bad = self.first_bad or f"{source}: {message}"
        self.num_bad += 1


def _hold_out(found: RecordSet, held_out: str, spec: DataSpec, seed: int) -> None:
    """Fill the held-out set from a file or from a share of the records; marks prompts in both sets."""
    fraction = _as_fraction(held_out)
    if fraction is None:
        files = _locate(held_out, "test", "--held-out")
        other = _read_files(files, spec, held_out)
        if other.kind != found.kind:
            raise UserError(f"--held-out {held_out}: holds {other.kind}, the data to train on {found.kind}")
        found.held_out, found.held_out_name = other.records, Path(held_out).name
    else:
        _split(found, fraction, seed)
    trained = {(record.question, record.text) for record in found.records}
    both = sum((record.question, record.text) in trained for record in found.held_out)
    if both:
        found.notes.append(
            f"{both} of {len(found.held_out)} held-out records have a question that is also trained on"
        )


def _as_fraction(held_out: str) -> float | None:
    """Return the fraction that `--held-out` gives, or None for a file."""
    try:
        fraction = float(held_out.strip())
    except ValueError:
        if held_out.strip().endswith("%"):
            raise UserError(
                f"--held-out {held_out}: give a fraction between 0 and 1 (0.1), or a file"
            ) from None
        return None
    if Path(held_out).exists():
        return None
    if not 0 < fraction < 1:
        raise UserError(f"--held-out {held_out}: a fraction lies between 0 and 1 (0.1)")
    return fraction


def _split(found: RecordSet, fraction: float, seed: int) -> None:
    """Move a seeded share of the records to the held-out set; both sides keep their order."""
    count = len(found.records)
    if count < 2:
        raise UserError(f"--held-out {fraction:g}: one record cannot be split; give a file")
    chosen_count = min(max(1, round(fraction * count)), count - 1)
    chosen = set(random.Random(f"held-out-{seed}").sample(range(count), chosen_count))
    found.held_out = [record for index, record in enumerate(found.records) if index in chosen]
    found.records = [record for index, record in enumerate(found.records) if index not in chosen]
    found.held_out_name = f"{chosen_count} of {count} records (fraction {fraction:g}, seed {seed})"
