"""From what `--data` names (a file, a folder, a hub data set, the built-in records) to checked records.

Everything that is wrong with the data is found here, before any tokenizer or model is loaded.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from laptime.errors import UserError, readable, suggest
from laptime.inputs.columns import Layout, read_record, recognise, with_context
from laptime.inputs.conversations import RowError
from laptime.inputs.files import SUFFIXES, Row, choose_files, find_unreadable, read_rows
from laptime.inputs.hub import fetch_dataset, is_hub_id
from laptime.inputs.records import (
    Message,
    Record,
    RecordsError,
    RecordSet,
    Remark,
    digest_of,
    name_sources,
)
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
        _refuse_split(spec.split, f"--data {BUILTIN}")
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


def _refuse_split(split: str, what: str) -> None:
    """Refuse a split of what has none: the whole would be read without a word."""
    if split != "train":
        raise UserError(f"--split {split}: {what} has no splits; leave the option out")


def _locate(name: str, split: str, option: str) -> list[Path]:
    """Return the files that `name` stands for; raises UserError when there are none."""
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path's own raises for a user that is not there
    if path.is_dir():
        return _choose_inside(path, split, f"{option} {name}")
    if path.exists():
        if option == "--data":
            _refuse_split(split, f"the file {path.name}")
        return [path]
    if path.is_symlink():
        raise UserError(f"{option} {name}: a link that leads to no file")
    if is_hub_id(name):
        return fetch_dataset(name, split)
    raise UserError(f"{option} {name}: no such file or folder{_suggest_file(path)}")


def _choose_inside(folder: Path, split: str, option: str) -> list[Path]:
    """Return the files of a folder that hold the split; raises UserError when there are none."""
    try:
        any(folder.iterdir())  # rglob leaves out without a word what may not be read
    except OSError as error:
        raise UserError(f"{option}: cannot be read ({error.strerror})") from None
    # What is called like data and is none (a pipe, a link to nothing) is refused when it is read.
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()]
    for name in find_unreadable(names, split):
        raise UserError(f"{option}: {readable(name)} is packed; unpack it, or take it out of the folder")
    if chosen := choose_files(names, split):
        return [folder / file for file in chosen]
    data = sorted(file for file in names if file.lower().endswith(SUFFIXES))
    if not data:
        what = "no data file in this folder" if names else "an empty folder"
        raise UserError(f"{option}: {what}; expected {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    raise UserError(
        f"{option}: no data file for --split {split} in this folder; its data files: {name_sources(data)}"
    )


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
    names = name_apart(files)
    for file, shown in zip(files, names, strict=True):
        collected.add(shown, read_rows(file, shown))
    collected.refuse_bad()
    if not collected.records or collected.layout is None:
        raise UserError(f"{names[0]}: no record in it")
    used = collected.layout.used
    notes = [f"read from {len(files)} files: {name_sources(names)}"] if len(files) > 1 else []
    remarks = [Remark(record.source, record.remark) for record in collected.records if record.remark]
    return RecordSet(
        name=name,
        shape=collected.layout.sentence,
        records=collected.records,
        ignored_columns=[column for column in collected.columns if column not in used],
        notes=[*notes, *_sum_up(remarks)],
        remarks=remarks,
    )


def name_apart(files: list[Path]) -> list[str]:
    """Return the names of files, with their folders where two files are called the same."""
    names = [file.name for file in files]
    if len(set(names)) == len(names):
        return names
    root = os.path.commonpath([file.parent for file in files])
    return [file.relative_to(root).as_posix() for file in files]


def _sum_up(remarks: list[Remark]) -> Iterator[str]:
    """Yield one sentence for each kind of remark, with the first records that it is about."""
    for text in dict.fromkeys(remark.text for remark in remarks):
        sources = [remark.source for remark in remarks if remark.text == text]
        count = f"{len(sources)} record{'s'[: len(sources) > 1]}"
        yield f"{text}: {count} ({name_sources(sources)})"


class _Collected:
    """Records so far, and the rows that are none."""

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec
        self.records: list[Record] = []
        self.layout: Layout | None = None
        self.layouts: dict[tuple[str, ...], Layout] = {}  # by the columns of a row
        self.columns: dict[str, None] = {}
        self.bad: list[Remark] = []

    def add(self, file: str, rows: Iterable[Row]) -> None:
        """Turn `rows` into records; the first good row decides how columns are understood."""
        for row in rows:
            if row.values is None:
                self.bad.append(Remark(row.source, row.fault))
                continue
            columns = tuple(row.values)
            layout = self.layouts.get(columns) or self._lay_out(columns, row.values, file)
            try:
                record = read_record(row.values, layout, row.source)
                if self.records and record.kind != self.records[0].kind:
                    raise RowError(f"holds {record.kind}, the rows before it {self.records[0].kind}")
                self.records.append(record)
            except RowError as error:
                self.bad.append(Remark(row.source, str(error)))

    def refuse_bad(self) -> None:
        """Raise RecordsError when there is a bad row."""
        if not self.bad:
            return
        first, more = self.bad[0], len(self.bad) - 1
        others = f" (and {more} more bad row{'s'[: more > 1]}; laptime data lists them)" if more else ""
        raise RecordsError(f"{first.source}: {first.text}{others}", self.bad)

    def _lay_out(self, columns: tuple[str, ...], values: dict[str, Any], file: str) -> Layout:
        """Say how rows with these columns are read; the first row's shape holds for all."""
        if self.layout is None:
            self.layout = recognise(values, self.spec, file)
        layout = self.layouts[columns] = with_context(self.layout, values)
        self.layout = layout
        self.columns.update(dict.fromkeys(columns))
        return layout


def _hold_out(found: RecordSet, held_out: str, spec: DataSpec, seed: int) -> None:
    """Fill the held-out set from a file or from a share of the records; marks prompts in both sets."""
    fraction = _as_fraction(held_out)
    if fraction is None:
        files = _locate(held_out, "test", "--held-out")
        other = _read_files(files, spec, held_out)
        if other.kind != found.kind:
            raise UserError(f"--held-out {held_out}: holds {other.kind}, the data to train on {found.kind}")
        found.held_out, found.held_out_name = other.records, Path(held_out).name
        found.notes += [f"held out: {note}" for note in other.notes]
        found.remarks += other.remarks
    else:
        _split(found, fraction, seed)
    trained = {(record.question, record.text) for record in found.records}
    both = [r.source for r in found.held_out if (r.question, r.text) in trained]
    if both:
        found.notes.append(
            f"{len(both)} of {len(found.held_out)} held-out records have a question that is also trained on"
        )
        found.remarks += [Remark(source, "held out, its question is also trained on") for source in both]


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
